import threading

import pytest

from ccx_addons.io import otlp
from ccx_addons.io.otlp import Exporter, Span, pairs
from tests.wire.collector import Collector


def span(n: int, **more: object) -> Span:
    return Span(f"s{n}", 1, n, 0, "server", 1_000, 2_000, **more)  # type: ignore[arg-type]


def test_headers() -> None:
    assert pairs("Authorization=Basic a=b, x-y = z,odd") == {"authorization": "Basic a=b", "x-y": "z"}


def test_all_that_is_left_is_sent_at_the_end() -> None:
    collector = Collector()
    exporter = Exporter(f"{collector.url}/", "", "me", "1")
    exporter.put([span(n) for n in range(1, otlp.BATCH + 10)])
    exporter.put([span(9999, error="odd", later=lambda: {"ccx.more": "late"})])
    exporter.close()
    collector.close()
    assert len(collector.spans) == otlp.BATCH + 10 and collector.problems == []
    assert collector.spans[-1]["error"] and collector.spans[-1]["ccx.more"] == "late"


def test_what_does_not_fit_is_dropped_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "QUEUE", 2)
    monkeypatch.setattr(otlp, "EVERY", 60.0)
    exporter = Exporter("http://127.0.0.1:9", "", "me", "1")
    exporter.put([span(n) for n in range(1, 6)])
    assert exporter.dropped == 3 and otlp.available()


def test_a_collector_that_is_away_holds_up_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp, "PATIENCE", 3600.0)
    gate = threading.Event()

    def late() -> dict[str, object]:
        gate.wait()
        raise RuntimeError("nothing is sent")

    exporter = Exporter("http://127.0.0.1:9", "", "me", "1")
    exporter.unwell = True
    exporter.put([span(1, later=late)])
    exporter.close()
    assert exporter._thread.is_alive()
    gate.set()
    exporter._thread.join()
