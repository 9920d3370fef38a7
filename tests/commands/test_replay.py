from ccx_addons.commands.replay import Again, said, told
from ccx_addons.io.recorded import Recorded
from ccx_addons.protocols import compare

ONE = Recorded("POST", "/v1/chat/completions", (), b"{}", 200, "")


def test_what_is_the_same_is_said_once() -> None:
    again = Again(
        "r1",
        "/v1/x",
        {"status": 200, "cost_usd": 0.1},
        {"status": 200, "cost_usd": 0.2},
        tuple(compare.lines("a", "a")),
    )
    assert list(told(again)) == ["/v1/x → r1", "  status: 200", "  cost_usd: 0.1 → 0.2", "  the answer is the same"]
    assert list(told(Again("r1", "/v1/x", {}, {}, tuple(compare.lines("a", "b")))))[-2:] == ["    - a", "    + b"]


def test_an_answer_or_an_error_is_lines() -> None:
    text = '{"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}]}'
    assert said(ONE, text) == "hi\n[stop end]"
    assert said(ONE, '{"error": {"message": "no"}}').endswith("no")
