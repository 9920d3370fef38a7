from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.neutral import Loss, Message, Part, Role, Text, ToolCall, ToolResult
from ccx_addons.core.turns import Place, Turns, call_ids, calls_in, pair_calls, walk


def call(id_: str) -> ToolCall:
    return ToolCall(id_, "f", "{}")


def result(id_: str, text: str = "ok") -> ToolResult:
    return ToolResult(id_, (Text(text),))


def assistant(*parts: Part) -> Message:
    return Message("assistant", parts)


def user(*parts: Part) -> Message:
    return Message("user", parts)


# ---- calls and results -----------------------------------------------------------------------------------------------
def test_results_belong_to_the_oldest_open_call() -> None:
    pairs = pair_calls([assistant(call("a"), call("a")), user(result("a", "1"), result("a", "2"), result("a", "3"))])
    assert pairs.results == {(0, 0): result("a", "1"), (0, 1): result("a", "2")}
    assert pairs.calls == {(1, 0): (0, 0), (1, 1): (0, 1)}


def test_a_call_that_comes_again_closes_the_earlier_one() -> None:
    pairs = pair_calls([assistant(call("a")), assistant(call("a")), user(result("a"))])
    assert pairs.calls == {(2, 0): (1, 0)} and (0, 0) not in pairs.results


def test_only_the_assistant_calls_and_only_the_user_answers() -> None:
    assert pair_calls([user(call("a")), user(result("a"))]).calls == {}
    assert pair_calls([assistant(call("a"), result("a"))]).calls == {}
    assert pair_calls([user(result("a")), assistant(call("a"))]).calls == {}


def test_what_a_user_says_beside_results() -> None:
    message = user(Text("hi"), result("a"), result("b", "lost"))
    losses: list[Loss] = []
    pairs = pair_calls([assistant(call("a")), message])
    assert list(pairs.said(1, message.parts, losses)) == [
        (Text("hi"), "messages[1].content[0]"),
        (Text("Result of the tool call b:"), "messages[1].content[2]"),
        (Text("lost"), "messages[1].content[2]"),
    ]
    assert [loss.path for loss in losses] == ["messages[1].content[2]"]


def test_ids_that_come_again_are_told_apart() -> None:
    messages = [assistant(call("A"), call("a")), user(call("x")), assistant(call("a_2"), call("b"))]
    assert call_ids(messages, str.lower) == {(0, 0): "a", (0, 1): "a_2", (2, 0): "a_2_2", (2, 1): "b"}
    again = [assistant(*map(call, ["a", "a_2", "b", "a", "b", "a"]))]
    assert [*call_ids(again, str).values()] == ["a", "a_2", "b", "a_3", "b_2", "a_4"]


PARTS: st.SearchStrategy[Part] = st.one_of(
    st.just(Text("x")), st.sampled_from("ab").map(call), st.sampled_from("ab").map(result)
)
ROLES: list[Role] = ["system", "user", "assistant"]
MESSAGES = st.lists(st.builds(Message, st.sampled_from(ROLES), st.lists(PARTS, max_size=4).map(tuple)), max_size=6)


@given(MESSAGES)
def test_every_result_has_at_most_one_call_before_it(messages: list[Message]) -> None:
    pairs = pair_calls(messages)
    assert sorted(pairs.calls.values()) == sorted(pairs.results)
    assert all(call_ < result_ for result_, call_ in pairs.calls.items())
    ids = call_ids(messages, lambda id_: id_)
    assert len({*ids.values()}) == len(ids) and pairs.results.keys() <= ids.keys()


# ---- turns -----------------------------------------------------------------------------------------------------------
def test_turns_alternate() -> None:
    turns = Turns()
    turns.say("user", [{"text": "a"}], {"name": "x"})
    turns.say("user", [{"text": "b"}], {"name": "y"})
    turns.say("model", [{"text": "c"}])
    assert [(turn.role, turn.parts, turn.fields) for turn in turns] == [
        ("user", [{"text": "a"}, {"text": "b"}], {"name": "y"}),
        ("model", [{"text": "c"}], {}),
    ]


def test_open_calls_are_given_once() -> None:
    turns = Turns()
    assert turns.open_calls() == []
    turns.say("model", [{}]).calls.append((0, 0))
    assert turns.open_calls() == [(0, 0)] and turns.open_calls() == []


def test_each_message_goes_to_its_role_with_its_calls() -> None:
    said: list[tuple[str, int, list[Place]]] = []

    def noted(role: str) -> Callable[[int, Message], None]:
        return lambda m, message: said.append((role, m, calls_in(m, message)))

    messages = [user(Text("a")), assistant(Text("b"), call("c"), call("c")), Message("system", ())]
    walk(messages, system=noted("system"), user=noted("user"), assistant=noted("assistant"))
    assert said == [("user", 0, []), ("assistant", 1, [(1, 1), (1, 2)]), ("system", 2, [])]
