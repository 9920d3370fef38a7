import logging
from typing import Any

import pytest

from ccx_addons.metrics.told import MINUTE, MOST, Told

ROW = {"id": "x1", "client_name": "bob", "kind": "chat", "model": "gpt-5", "channel_name": "main", "stream_end": ""}


def row(status: int, words: str = "it is broken", **more: Any) -> dict[str, Any]:
    return {**ROW, "status": status, "error_message": words, **more}


@pytest.mark.parametrize(
    ("found", "attempts", "words"),
    [
        pytest.param(
            row(502), 1, "request x1 of bob failed: chat gpt-5, 502 from main: it is broken", id="an upstream"
        ),
        pytest.param(row(503, channel_name=""), 0, "503 from the gateway: it is broken", id="nobody could take it"),
        pytest.param(row(200, "", stream_end="broken"), 1, "200 from main: broken", id="a stream that broke"),
        pytest.param(row(429), 0, "", id="a caller's own limit"),
        pytest.param(row(404), 0, "", id="a caller's own mistake"),
    ],
)
def test_a_failed_request(found: dict[str, Any], attempts: int, words: str, caplog: pytest.LogCaptureFixture) -> None:
    Told().failed(found, attempts)
    assert words in caplog.text and bool(caplog.records) == bool(words)


def test_many_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    told = Told(lambda: now[0])
    for _ in range(MOST + 7):
        told.failed(row(502), 1)
    assert len(caplog.records) == MOST
    now[0] = MINUTE
    told.failed(row(502), 1)
    assert [record.getMessage() for record in caplog.records][MOST] == "7 more requests failed in that minute"
    assert len(caplog.records) == MOST + 2 and caplog.records[-1].levelno == logging.WARNING
