from ccx_addons.rules import answered_of, asked_of
from tests.addons.values import channel, exchange


def test_what_a_rule_is_asked_about_is_a_copy() -> None:
    x = exchange("chat", channel("main"), model="gpt-5")
    x.headers = (("x-title", "t"),)
    (asked,) = asked_of(x, "chat", b'{"model": "gpt-5", "messages": []}', "main") or (None,)
    assert asked and asked.body == {"model": "gpt-5", "messages": []} and asked.headers == {"x-title": "t"}
    assert (asked.kind, asked.model, asked.channel) == ("chat", "gpt-5", "main")


def test_what_is_no_object_is_not_asked_about() -> None:
    x = exchange("chat", channel("main"), model="gpt-5")
    x.raw = b"{}"
    assert asked_of(x, "chat", b"[1]") is None and answered_of(x, b"no json") is None
    assert answered_of(x, b'{"a": 1}')
