"""What the chunks of many servers mean."""

from typing import Any

import pytest

from ccx_addons.core.neutral import (
    Failed,
    Fault,
    Finished,
    Media,
    Opaque,
    Part,
    PartDelta,
    PartStarted,
    PartStopped,
    Refusal,
    Response,
    Started,
    Stop,
    Text,
    Thinking,
    ToolCall,
    Usage,
    fold,
)
from tests.protocols.chat.values import chunk, decode_all, stream

END = chunk({}, "stop")
CALLED = chunk({}, "tool_calls")


def answer(*chunks: dict[str, Any]) -> Response:
    found = fold(decode_all(stream(*chunks)))
    assert isinstance(found, Response)
    return found


def piece(index: int | None, id_: str | None = None, name: str | None = None, arguments: Any = None) -> dict[str, Any]:
    said = {"index": index, "id": id_, "function": {"name": name, "arguments": arguments}}
    return {k: v for k, v in said.items() if v is not None}


def calls(*pieces: dict[str, Any]) -> dict[str, Any]:
    return chunk({"tool_calls": list(pieces)})


def test_the_events_of_an_answer() -> None:
    events = decode_all(
        stream(
            chunk({"role": "assistant", "content": ""}, system_fingerprint="fp", obfuscation="xx"),
            chunk({"reasoning_content": "hm"}),
            chunk({"content": "a"}),
            chunk({"content": "b"}),
            calls(piece(0, "c", "f", "")),
            calls(piece(0, arguments="{}")),
            CALLED,
            chunk(usage={"prompt_tokens": 1, "completion_tokens": 2}),
        )
    )
    assert events == [
        Started("c1", "m", 7, extra={"chat": {"system_fingerprint": "fp"}}),
        PartStarted(0, Thinking("", origin="chat")),
        PartDelta(0, "hm"),
        PartDelta(0, signature="reasoning_content"),
        PartStopped(0),
        PartStarted(1, Text("")),
        PartDelta(1, "a"),
        PartDelta(1, "b"),
        PartStopped(1),
        PartStarted(2, ToolCall("c", "f", "")),
        PartDelta(2, "{}"),
        PartStopped(2),
        Finished("tool_call", Usage(1, 2)),
    ]


THOUGHT = Thinking("hm", "reasoning_content", "chat")
DETAIL = {"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0}
SIGNED = '[{"index":0,"signature":"s","text":"hm","type":"reasoning.text"}]'
HALVES = [{"type": "reasoning.text", "text": "h", "index": 0}, {**DETAIL, "text": "m"}]
SECRET = {"type": "reasoning.encrypted", "data": "x", "index": 1}


@pytest.mark.parametrize(
    ("deltas", "parts"),
    [
        pytest.param([{"reasoning_content": "h"}, {"reasoning_content": "m"}, {"content": "a"}],
                     (THOUGHT, Text("a")), id="reasoning_content"),
        pytest.param([{"reasoning": "hm"}, {"content": "a"}],
                     (Thinking("hm", "reasoning", "chat"), Text("a")), id="reasoning"),
        pytest.param([{"reasoning": "hm", "reasoning_content": "hm"}, {"content": "a"}],
                     (THOUGHT, Text("a")), id="both fields say the same"),
        pytest.param([{"content": None, "reasoning_content": "hm", "tool_calls": None}, {"content": "a"}],
                     (THOUGHT, Text("a")), id="nulls beside it"),
        pytest.param([{"content": "<th"}, {"content": "ink>h"}, {"content": "m</thi"}, {"content": "nk>\n"}, {"content": "a"}],
                     (Thinking("hm", None, "chat"), Text("a")), id="tags over chunks"),
        pytest.param([{"content": "<think>hm"}], (Thinking("hm", None, "chat"),), id="an open tag"),
        pytest.param([{"content": "<thi"}], (Text("<thi"),), id="half a tag is text"),
        pytest.param([{"reasoning_content": "h"}, {"content": "<think>m</think>a"}],
                     (THOUGHT, Text("a")), id="a field and tags are one thought"),
        pytest.param([{"content": "a"}, {"reasoning_content": "hm"}, {"content": "b"}],
                     (Text("a"), THOUGHT, Text("b")), id="a thought in between"),
        pytest.param([{"content": "a", "tool_calls": []}, {"content": "b", "tool_calls": []}],
                     (Text("ab"),), id="vLLM: no calls in every delta"),
        pytest.param([{"reasoning": "h", "reasoning_details": [HALVES[0]]}, {"reasoning": "m", "reasoning_details": [HALVES[1]]}],
                     (Thinking("hm", SIGNED, "chat"),), id="OpenRouter: signed details"),
        pytest.param([{"reasoning_details": [HALVES[0]]}, {"reasoning_details": [HALVES[1]]}, {"content": "a"}],
                     (Thinking("hm", SIGNED, "chat"), Text("a")), id="details alone"),
        pytest.param([{"content": "a"}, {"reasoning_details": [SECRET]}],
                     (Text("a"), Thinking("", '[{"data":"x","index":1,"type":"reasoning.encrypted"}]', "chat", True)), id="secret details stand last"),
        pytest.param([{"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]},
                      {"content": [{"type": "text", "text": "a"}]}],
                     (Thinking("hm", None, "chat"), Text("a")), id="Mistral: parts"),
        pytest.param([{"refusal": "n"}, {"refusal": "o"}], (Refusal("no"),), id="refusal"),
        pytest.param([{"content": "a"}, {"annotations": [1]}, {"annotations": [2]}],
                     (Text("a", {"chat": {"annotations": [1, 2]}}),), id="annotations"),
        pytest.param([{"audio": {"transcript": "a"}}, {"audio": {"transcript": "b", "data": "x"}}],
                     (Text("ab"), Opaque("chat", {"type": "audio"})), id="the words of sound"),
        pytest.param([{"content": "a"}, {"images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]}],
                     (Text("a"), Media("image/png", data="aGk=")), id="a picture"),
        pytest.param([{"images": [{"type": "image_url", "image_url": {"url": "https://x"}}, {"image_url": {}}]}],
                     (Media("image/*", url="https://x"),), id="a picture elsewhere"),
        pytest.param([{"content": [{"type": "text", "text": "a"},
                                   {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]}],
                     (Text("a"), Media("image/png", data="aGk=")), id="a picture among parts"),
        pytest.param([{"content": {"type": "text", "text": "a"}}], (Text("a"),), id="one part alone"),
        pytest.param([{"content": "<thought>hm</thought>a"}],
                     (Thinking("hm", None, "chat"), Text("a")), id="Google: tags of its own"),
        pytest.param([{"reasoning_text": "hm"}, {"reasoning_opaque": "x"}, {"content": "a"}],
                     (Thinking("hm", '{"in":"reasoning_text","reasoning_opaque":"x"}', "chat"), Text("a")),
                     id="Copilot: sealed thoughts"),
        pytest.param([{"reasoning_content": "h", "thinking_blocks": [{"type": "thinking", "thinking": "h"}]},
                      {"reasoning_content": "m", "thinking_blocks": [{"type": "thinking", "thinking": "m", "signature": "s"}]},
                      {"content": "a"}],
                     (Thinking("hm", '{"in":"reasoning_content","thinking_blocks":'
                                     '[{"type":"thinking","thinking":"hm","signature":"s"}]}', "chat"), Text("a")),
                     id="LiteLLM: signed blocks"),
        pytest.param([{"content": "a"}, {"reasoning_opaque": "x"}],
                     (Text("a"), Thinking("", '{"reasoning_opaque":"x"}', "chat", True)), id="a seal alone"),
    ],
)  # fmt: skip
def test_text_and_thoughts(deltas: list[dict[str, Any]], parts: tuple[Part, ...]) -> None:
    assert answer(*map(chunk, deltas), END).parts == parts


@pytest.mark.parametrize(
    ("chunks", "found"),
    [
        pytest.param([calls(piece(0, "a", "f")), calls(piece(0, arguments="{")), calls(piece(0, arguments="}"))],
                     [("a", "f", "{}")], id="in pieces"),
        pytest.param([calls(piece(0, "a", "f", "{}"), piece(1, "b", "f", "[]"))],
                     [("a", "f", "{}"), ("b", "f", "[]")], id="two at once"),
        pytest.param([calls(piece(0, "a", "f", "1")), calls(piece(1, "b", "g", "2")), calls(piece(0, arguments="3"))],
                     [("a", "f", "13"), ("b", "g", "2")], id="mixed pieces"),
        pytest.param([calls(piece(0, "a", "f", "1")), calls(piece(0, "b", "g", "2"))],
                     [("a", "f", "1"), ("b", "g", "2")], id="Gemini: index 0 for all"),
        pytest.param([calls(piece(None, "a", "f", "1")), calls(piece(None, "b", "f", "2"))],
                     [("a", "f", "1"), ("b", "f", "2")], id="no index"),
        pytest.param([calls(piece(None, "a", "f", "1")), calls(piece(None, arguments="2"))],
                     [("a", "f", "12")], id="no index, one call"),
        pytest.param([calls(piece(0, "a", "f", "1")), calls(piece(0, "a", "f", "2"))],
                     [("a", "f", "12")], id="id and name in every piece"),
        pytest.param([calls(piece(0, "a", "f", "1")), calls(piece(0, "b", "", "2"))],
                     [("a", "f", "12")], id="a new id without a name is the same call"),
        pytest.param([calls(piece(0, "a", "f", "{}")), calls(piece(1, "a", "f", "")), calls(piece(1, arguments="{}"))],
                     [("a", "f", "{}")], id="the same call again, at another index"),
        pytest.param([calls(piece(0, "a", "f", "{}")), calls(piece(0, "a", "f", "{}"))],
                     [("a", "f", "{}")], id="the same call again, at its index"),
        pytest.param([calls(piece(0, "a", "f", '{"x":1}')), calls(piece(0, "a", "f", "")), calls(piece(0, "a", "f", ""))],
                     [("a", "f", '{"x":1}')], id="a name in every piece, also behind the end"),
        pytest.param([calls(piece(0, "a", "f", '{"x":{}')), calls(piece(0, "a", "f", "}"))],
                     [("a", "f", '{"x":{}}')], id="a name in every piece of an object in an object"),
        pytest.param([calls(piece(0, "a", "f", "{}")), calls(piece(0, arguments='{"x":')), calls(piece(0, arguments="1}"))],
                     [("a", "f", '{"x":1}')], id="Bedrock: an empty object first"),
        pytest.param([calls(piece(0, "a", "f", '"{\\"x\\"')), calls(piece(0, arguments=':1}"'))],
                     [("a", "f", '{"x":1}')], id="vLLM: an object in a string"),
        pytest.param([calls(piece(0, "a", "f", "null"))], [("a", "f", "{}")], id="null"),
        pytest.param([calls(piece(0, "a", "f", '{"x":')), calls(piece(0, arguments="1}")), calls(piece(0, arguments='{"x":1}'))],
                     [("a", "f", '{"x":1}')], id="the whole once more at the end"),
        pytest.param([calls(piece(0, "a")), calls(piece(0, arguments="1")), calls(piece(0, name="f", arguments="2"))],
                     [("a", "f", "12")], id="the name last"),
        pytest.param([calls(piece(0, None, "", "")), calls(piece(0, "a", "f", "1"))],
                     [("a", "f", "1")], id="id and name after an empty piece"),
        pytest.param([calls(piece(3, "a", "f", "1"))], [("a", "f", "1")], id="an index that starts late"),
        pytest.param([chunk({"tool_calls": piece(0, "a", "f", "1")}), chunk({"tool_calls": piece(0, arguments="2")})],
                     [("a", "f", "12")], id="TGI: no list"),
        pytest.param([calls(piece(0, "a", "f", {"x": 1}))], [("a", "f", '{"x":1}')], id="an object"),
        pytest.param([calls({"index": 0, "id": "a", "type": "custom", "custom": {"name": "p", "input": 'x"'}}),
                      calls({"index": 0, "custom": {"input": "\n"}})],
                     [("a", "p", '{"input":"x\\"\\n"}')], id="a custom tool"),
    ],
)  # fmt: skip
def test_calls(chunks: list[dict[str, Any]], found: list[tuple[str, str, str]]) -> None:
    response = answer(*chunks, CALLED)
    assert response.parts == tuple(ToolCall(*call) for call in found)
    assert response.stop == "tool_call"


def test_calls_without_ids_get_ids_that_stay() -> None:
    chunks = [calls(piece(0, name="f", arguments="1"), piece(1, name="f", arguments="2")), CALLED]
    first, second = answer(*chunks).parts
    assert isinstance(first, ToolCall)
    assert isinstance(second, ToolCall)
    assert first.id != second.id
    assert answer(*chunks).parts == (first, second)


@pytest.mark.parametrize("index", [0, None], ids=["one index for all", "no index"])
@pytest.mark.parametrize(
    "pieces",
    [[("f", "{}"), ("g", "{}")], [("f", '{"a":1}'), ("f", '{"a":'), (None, "2}")], [("f", "{}"), ("g", ""), (None, "{}")]],
    ids=["two functions", "one function", "a name before its arguments"],
)  # fmt: skip
def test_a_name_after_a_complete_call_begins_another(index: int | None, pieces: list[tuple[str | None, str]]) -> None:
    parts = answer(*(calls(piece(index, None, *each)) for each in pieces), CALLED).parts
    found = [part for part in parts if isinstance(part, ToolCall)]
    assert len({call.id for call in found}) == len(found) == 2
    assert "".join(call.arguments for call in found) == "".join(text for _, text in pieces)


def test_two_calls_with_one_id_get_ids_of_their_own() -> None:
    whole = {"tool_calls": [piece(0, "f", "f", '{"a":1}'), piece(1, "f", "f", '{"a":2}')]}
    first, second = answer(chunk(whole), CALLED).parts
    assert isinstance(first, ToolCall) and isinstance(second, ToolCall)
    assert (first.id, first.arguments, second.arguments) == ("f", '{"a":1}', '{"a":2}')
    assert second.id.startswith("call_")


def test_function_calls_of_the_deprecated_form_stay_apart() -> None:
    pieces = [chunk({"function_call": {"name": name, "arguments": "{}"}}) for name in ("f", "g")]
    assert [part.name for part in answer(*pieces, CALLED).parts if isinstance(part, ToolCall)] == ["f", "g"]


def test_a_deprecated_function_call() -> None:
    response = answer(
        chunk({"function_call": {"name": "f", "arguments": "{"}}),
        chunk({"function_call": {"arguments": "}"}}),
        chunk({}, "function_call"),
    )
    (call,) = response.parts
    assert isinstance(call, ToolCall)
    assert (call.name, call.arguments, response.stop) == ("f", "{}", "tool_call")


def test_text_after_a_call_is_a_part_of_its_own() -> None:
    response = answer(chunk({"content": "a"}), calls(piece(0, "c", "f", "{}")), chunk({"content": "b"}), CALLED)
    assert response.parts == (Text("a"), ToolCall("c", "f", "{}"), Text("b"))


def test_what_stands_beside_a_call_is_kept() -> None:
    beside = {**piece(0, "c", "f", "{}"), "extra_content": {"vendor": {"word": "s"}}}
    (call,) = answer(calls(beside), CALLED).parts
    assert call == ToolCall("c", "f", "{}", {"chat": {"extra_content": {"vendor": {"word": "s"}}}})


def test_googles_signature_of_a_call_is_a_thought_before_it() -> None:
    """So it reaches clients of every protocol, and comes back."""
    signed = {**piece(0, "c", "f", "{}"), "extra_content": {"google": {"thought_signature": "s", "more": 1}}}
    plain = piece(1, "d", "f", "{}")
    assert answer(calls(signed, plain), CALLED).parts == (
        Thinking("", "s", "gemini", True),
        ToolCall("c", "f", "{}", {"chat": {"extra_content": {"google": {"more": 1}}}}),
        ToolCall("d", "f", "{}"),
    )


@pytest.mark.parametrize(
    ("chunks", "usage"),
    [
        pytest.param([END, chunk(usage={"prompt_tokens": 1, "completion_tokens": 2})], Usage(1, 2), id="after the end"),
        pytest.param([chunk({}, "stop", usage={"prompt_tokens": 1, "completion_tokens": 2})], Usage(1, 2),
                     id="with the end"),
        pytest.param([chunk({"content": "a"}, usage={"prompt_tokens": 1, "completion_tokens": 1}),
                      chunk({}, "stop", usage={"prompt_tokens": 1, "completion_tokens": 2}), chunk(usage=None)],
                     Usage(1, 2), id="in every chunk"),
        pytest.param([chunk({}, "stop", usage={"prompt_tokens": 5}), chunk(usage={"completion_tokens": 2})],
                     Usage(5, 2), id="in two chunks"),
        pytest.param([{**END, "choices": [{**END["choices"][0], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}]}],
                     Usage(1, 2), id="Kimi: in the choice"),
        pytest.param([chunk({}, "stop", x_groq={"usage": {"prompt_tokens": 1, "completion_tokens": 2}})],
                     Usage(1, 2), id="Groq"),
        pytest.param([END], None, id="never"),
    ],
)  # fmt: skip
def test_usage(chunks: list[dict[str, Any]], usage: Usage | None) -> None:
    assert answer(*chunks).usage == usage


def test_the_tier_that_it_was_served_in() -> None:
    found = answer(END, {**chunk(usage={"prompt_tokens": 1, "completion_tokens": 2}), "service_tier": "flex"}).usage
    assert found and found.served == "flex"


@pytest.mark.parametrize(
    ("choice", "stop", "sequence"),
    [
        ({"finish_reason": "stop"}, "end", None),
        ({"finish_reason": "stop", "stop_reason": "END"}, "stop_sequence", "END"),
        ({"finish_reason": "stop", "stop_reason": 151645}, "end", None),
        ({"finish_reason": "length", "stop_reason": "END"}, "length", None),
    ],
)
def test_how_it_stopped(choice: dict[str, Any], stop: Stop, sequence: str | None) -> None:
    response = answer({"id": "c", "choices": [{"index": 0, "delta": {"content": "a"}, **choice}]})
    assert (response.stop, response.stop_sequence) == (stop, sequence)


def test_probabilities_are_kept() -> None:
    def token(text: str) -> dict[str, Any]:
        found = chunk({"content": text})
        found["choices"][0] |= {"finish_reason": None, "logprobs": {"content": [{"token": text}], "refusal": None}}
        return found

    extra = answer(token("a"), token("b"), END).extra
    assert extra == {"chat": {"logprobs": {"content": [{"token": "a"}, {"token": "b"}]}}}


@pytest.mark.parametrize(
    "choices",
    [
        pytest.param([{"text": "a"}, {"text": "b", "finish_reason": "stop"}], id="the older completions"),
        pytest.param([{"delta": {"content": "a"}, "message": {"content": "a"}},
                      {"delta": {"content": "b"}, "message": {"content": "ab"}},
                      {"delta": {}, "message": {"content": "ab"}, "finish_reason": "stop"}], id="Perplexity: the whole beside it"),
        pytest.param([{"delta": {}, "message": {"content": "ab"}, "finish_reason": "stop"}], id="the whole alone"),
        pytest.param([{"message": {"content": "ab"}, "finish_reason": "stop"}], id="a message"),
    ],
)  # fmt: skip
def test_where_a_text_stands(choices: list[dict[str, Any]]) -> None:
    chunks = [{"id": "c", "choices": [{"index": 0, "finish_reason": None, **choice}]} for choice in choices]
    assert answer(*chunks).parts == (Text("ab"),)


@pytest.mark.parametrize(
    "listed",
    [
        {"citations": ["https://a.test", "no address"]},
        {"citations": ["https://b.test"], "search_results": [{"title": "A", "url": "https://a.test"}]},
        {"web_search": [{"title": "A", "link": "https://a.test", "content": "words"}]},
    ],
    ids=["xAI", "Perplexity", "GLM"],
)
def test_pages_that_are_listed_beside_an_answer(listed: dict[str, Any]) -> None:
    (text,) = answer(chunk({"content": "a"}, **listed), chunk({"content": "b"}, **listed), END).parts
    assert isinstance(text, Text) and text.text == "ab"
    assert [(source.url, source.start, source.end) for source in text.sources] == [("https://a.test", 0, 0)]


def test_only_the_first_of_several_answers_counts() -> None:
    other = chunk({"content": "x"})
    other["choices"][0]["index"] = 1
    assert answer(chunk({"content": "a"}), other, chunk({"content": "b"}), END).parts == (Text("ab"),)


def test_an_answer_begins_with_its_first_choice() -> None:
    azure = {"id": "", "model": "", "choices": [], "prompt_filter_results": []}
    assert answer(azure, chunk({"content": "a"}), END).id == "c1"


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        pytest.param({"error": {"message": "no", "type": "server_error"}}, Fault("server", "no", type="server_error"),
                     id="an error event"),
        pytest.param({"error": {"message": "slow", "code": 429}, "choices": [{"delta": {"content": ""}, "finish_reason": "error"}]},
                     Fault("rate_limit", "slow", 429, "429"), id="OpenRouter"),
        pytest.param(chunk({}, "error"), Fault("server", "the upstream broke off: error", code="error"), id="a reason"),
        pytest.param(chunk({}, "timeout"), Fault("timeout", "the upstream broke off: timeout", code="timeout"), id="too slow"),
        pytest.param(chunk({}, "insufficient_system_resource"),
                     Fault("overloaded", "the upstream broke off: insufficient_system_resource",
                           code="insufficient_system_resource"), id="DeepSeek"),
    ],
)  # fmt: skip
def test_nothing_comes_after_an_error(broken: dict[str, Any], fault: Fault) -> None:
    events = decode_all(stream(chunk({"content": "a"}), broken, chunk({"content": "b"}), END))
    assert events[-1] == Failed(fault)
    assert PartDelta(0, "b") not in events


@pytest.mark.parametrize(
    "nothing",
    [
        {"tool_calls": [{}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ""}}]},
        {"tool_calls": [{"index": 0, "id": "", "type": "function", "function": {"name": "", "arguments": None}}]},
        {"tool_calls": []},
        {"function_call": {}},
        {"function_call": {"name": "", "arguments": ""}},
    ],
)
def test_a_call_that_says_nothing_is_none(nothing: dict[str, Any]) -> None:
    answer = fold(decode_all(stream(chunk({"content": "a", **nothing}), chunk(nothing), chunk({"content": "b"}), END)))
    assert isinstance(answer, Response) and (answer.parts, answer.stop) == ((Text("ab"),), "end")


@pytest.mark.parametrize(("native", "stop"), [("MALFORMED_FUNCTION_CALL", "error"), ("STOP", "end"), (None, "end")])
def test_the_upstreams_own_word_for_a_call_that_went_wrong(native: str | None, stop: str) -> None:
    last = chunk({"content": "a"}, "stop")
    last["choices"][0]["native_finish_reason"] = native
    assert answer(last).stop == stop


def test_a_call_that_went_wrong_before_anything_was_said_is_a_failure() -> None:
    reason = "function_call_filter: MALFORMED_FUNCTION_CALL"
    (_, failed) = decode_all(stream(chunk({"content": ""}, reason)))
    assert failed == Failed(Fault("server", f"the model ended with {reason}", code=reason))
    assert answer(chunk({"content": "a"}, reason)).stop == "error"


def test_a_call_that_names_no_tool_is_one_that_went_wrong() -> None:
    nameless = calls(piece(0, "a", None, "1"), piece(1, "b", "", "{}"))
    (_, failed) = decode_all(stream(nameless, CALLED))
    assert isinstance(failed, Failed) and failed.fault.code == "malformed_function_call"
    said = answer(chunk({"content": "a"}), nameless, CALLED)
    assert (said.parts, said.stop) == ((Text("a"),), "error")
    assert answer(chunk({"content": "a"}), nameless, chunk({}, "length")).stop == "length"
