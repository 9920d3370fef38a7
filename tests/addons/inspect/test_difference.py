import json
from typing import Any

from mitmproxy.test import tflow

from ccx_addons.auth import original
from ccx_addons.inspect import KEY
from ccx_addons.inspect.difference import DifferenceView


def flow(id: str, at: int, asked: Any, sent: Any = None, **facts: Any) -> Any:
    made = tflow.tflow()
    made.metadata[KEY] = {"id": id, "trace_hash": "t", "kind": "messages", "started_at": at, "converted": "", **facts}
    made.metadata[original.KEY] = {"client": "a", "body": original.Bytes(json.dumps(asked).encode())}
    made.request.raw_content = json.dumps(asked if sent is None else sent).encode()
    return made


def asked(*words: str, **more: Any) -> dict[str, Any]:
    return {"model": "opus", "messages": [{"role": "user", "content": word} for word in words], **more}


def shown(found: Any, *others: Any) -> str:
    view = DifferenceView([found, *others])
    return "\n".join(view.lines(found.request.raw_content, found, found.metadata[KEY]))


def test_since_the_request_before_of_its_session() -> None:
    first, second = flow("r1", 1, asked("one", system="a")), flow("r2", 2, asked("one", "two", system="b"))
    other = flow("r9", 1, asked("x"), trace_hash="other")
    text = shown(second, first, other, flow("r3", 3, asked("one")))
    assert "since r1: system changed: 1; messages added: 2 user" in text and "    - a\n    + b" in text
    assert "on its way to the upstream: nothing is different" in text
    assert "No earlier request" in shown(first, second) and "No earlier request" in shown(
        flow("r5", 9, asked("x"), trace_hash="")
    )


def test_on_its_way() -> None:
    assert "settings changed: model" in shown(flow("r1", 1, asked("one"), {**asked("one"), "model": "glm"}))
    chat = {"model": "glm", "messages": [{"role": "user", "content": "one"}]}
    converted = flow("r1", 1, asked("one"), chat, converted="messages>chat", model="opus", upstream_model="glm")
    assert "from messages to chat: settings changed: model" in shown(converted)


def test_a_flow_from_elsewhere_says_so() -> None:
    found = tflow.tflow()
    assert list(DifferenceView().lines(b"", found, {})) == ["The client's request is not known."]
