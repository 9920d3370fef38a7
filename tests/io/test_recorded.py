import json
from pathlib import Path
from typing import Any

import pytest

from ccx_addons.io.recorded import Unreadable, har, kept


def entry(**more: Any) -> dict[str, Any]:
    request = {
        "method": "POST",
        "url": "https://api.openai.com/v1/chat/completions?key=secret&x=1",
        "headers": [{"name": "Authorization", "value": "Bearer sk-secret"}, {"name": "X-Title", "value": "t"}],
        "postData": {"text": '{"model":"m"}'},
    }
    content = {"text": "eyJhIjoxfQ==", "encoding": "base64"}
    return {"request": {**request, **more}, "response": {"status": 200, "content": content}, "time": 12.5}


def written(folder: Path, *entries: Any) -> Path:
    path = folder / "a.har"
    path.write_text(json.dumps({"log": {"entries": entries}}))
    return path


def test_a_request_without_credentials(tmp_path: Path) -> None:
    (found,) = har(written(tmp_path, entry(), entry(postData={}), entry(postData={"text": ""})))
    assert (found.method, found.path, found.headers) == ("POST", "/v1/chat/completions?x=1", (("x-title", "t"),))
    assert (found.body, found.status, found.answer, found.kind) == (b'{"model":"m"}', 200, '{"a":1}', "chat")
    assert found.facts == {"total_ms": 12.5} and "secret" not in repr(found)


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"log": 1}', '{"log": {"entries": [1]}}', '{"log": {"entries": [{"request": {"postData": 7}}]}}'],
)
def test_odd_files(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.har").write_text(text)
    with pytest.raises(Unreadable, match=r"a\.har is no HAR file"):
        list(har(tmp_path / "a.har"))


def test_headers_of_http2_and_credentials_are_left_out() -> None:
    given = ((":authority", "a"), ("X-API-Key", "k"), ("Cookie", "c"), ("anthropic-beta", "b"))
    assert kept(iter(given)) == (("anthropic-beta", "b"),)
