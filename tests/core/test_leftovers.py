"""What is left of side-cars. The law over the official SDKs' types stands in tests/protocols/test_losses.py."""

from typing import Any

import pytest

from ccx_addons.core.leftovers import LONGEST, MOST, OfStream, of_answer, of_request, written_tool
from ccx_addons.core.neutral import (
    Event,
    Extra,
    Finished,
    Loss,
    Message,
    PartDelta,
    PartStarted,
    Request,
    Response,
    ServerTool,
    Source,
    Started,
    Text,
    Tool,
    ToolResult,
    Usage,
    explode,
)

NOTHING_READ: dict[str, frozenset[str]] = {}


def extra(**fields: Any) -> Extra:
    return {"chat": fields}


def paths(losses: list[Loss]) -> list[str]:
    return [loss.path for loss in losses]


def test_fields_of_every_place_are_losses_with_their_paths() -> None:
    request = Request(
        "m",
        (
            Message("user", (Text("a"), Text("b", extra(tone="x"))), extra(name="ann")),
            Message("user", (ToolResult("1", (Text("c", extra(mark=1)),), extra=extra(kept=1)),)),
        ),
        (Text("s", extra(level=2)),),
        (ServerTool("code", "chat", {}), Tool("f", extra=extra(function={"examples": [1]}))),
        extra=extra(logit_bias={"1": 2}, stream_options={"other": 1}),
    )
    assert paths(of_request(request, "messages", NOTHING_READ)) == [
        "logit_bias",
        "stream_options.other",
        "system[0].level",
        "messages[0].name",
        "messages[0].content[1].tone",
        "messages[1].content[0].kept",
        "messages[1].content[0].result[0].mark",
        "tools[1].function.examples",
    ]
    assert of_request(request, "chat", NOTHING_READ) == []


def test_what_the_encoder_reads_is_none() -> None:
    request = Request("m", (), extra=extra(metadata={"a": "b"}, seeds=1))
    assert paths(of_request(request, "responses", {"chat": frozenset({"metadata"})})) == ["seeds"]
    assert paths(of_request(request, "responses", {"gemini": frozenset({"metadata"})})) == ["metadata", "seeds"]


@pytest.mark.parametrize("value", [None, False, "", "disabled", "MEDIA_RESOLUTION_UNSPECIFIED", [], {}])
def test_values_that_ask_for_nothing_are_none(value: Any) -> None:
    assert of_request(Request("m", (), extra=extra(wish=value)), "messages", NOTHING_READ) == []


@pytest.mark.parametrize("value", [0, 0.0, True, "no", [0], {"a": None}])
def test_other_values_are(value: Any) -> None:
    assert paths(of_request(Request("m", (), extra=extra(wish=value)), "messages", NOTHING_READ)) == ["wish"]


@pytest.mark.parametrize(("effort", "lost"), [("high", []), ("ultra", ["reasoning.effort"])])
def test_an_effort_is_said_by_the_neutral_form_where_it_has_the_word(effort: str, lost: list[str]) -> None:
    request = Request("m", (), extra=extra(reasoning={"effort": effort, "max_tokens": 5}))
    assert paths(of_request(request, "messages", NOTHING_READ)) == lost


@pytest.mark.parametrize("name", ["conversation", "prompt", "previous_response_id", "thread", "cachedContent"])
def test_what_stands_for_words_is_vital(name: str) -> None:
    (loss,) = of_request(Request("m", (), extra={"responses": {name: "it_1"}}), "chat", NOTHING_READ)
    assert loss.vital and loss.path == name
    inside = Message("user", (), {"responses": {name: "it_1"}})
    assert not of_request(Request("m", (inside,)), "chat", NOTHING_READ)[0].vital


def test_what_the_gateway_does_itself_is_none() -> None:
    own = {"responses": {"store": True, "include": ["reasoning.encrypted_content"]}}
    assert of_request(Request("m", (), extra=own), "chat", NOTHING_READ) == []
    assert paths(of_request(Request("m", (), extra=extra(store=True)), "messages", NOTHING_READ)) == ["store"]


def test_losses_are_few_and_short() -> None:
    many = tuple(Message("user", (Text("a", extra(tone="x")),)) for _ in range(100))
    assert paths(of_request(Request("m", many), "messages", NOTHING_READ)) == ["messages[0].content[0].tone"]
    fields = {f"{n}{'x' * 1000}": 1 for n in range(1000)}
    losses = of_request(Request("m", (), extra=extra(**fields)), "messages", NOTHING_READ)
    assert len(losses) == MOST and all(len(loss.path) == LONGEST for loss in losses)


def test_answers_and_streams_lose_the_same() -> None:
    usage = Usage(1, 2, extra=extra(cost=3))
    answer = Response("1", "m", (Text("a", extra(tone="x")),), "end", usage, extra=extra(odds=[1], tier="flex"))
    stream = OfStream("messages")
    for event in (
        Started("1", "m", extra=extra(tier="flex")),
        PartStarted(0, Text("")),
        PartDelta(0, "a"),
        PartDelta(0, "", extra=extra(tone="x")),
        Finished("end", usage, extra=extra(odds=[1])),
    ):
        stream.see(event)
    expected = {"tier", "odds", "content[0].tone"}
    assert set(paths(stream.losses())) == expected == set(paths(of_answer(answer, "messages")))
    assert of_answer(answer, "chat") == []


def test_settings_of_a_foreign_tool_that_its_writer_does_not_read() -> None:
    value = {
        "type": "search_2",
        "name": "search",
        "domains": ["a"],
        "place": {"type": "approximate", "city": "Oslo", "street": "x"},
        "uses": 3,
        "off": False,
    }
    losses: list[Loss] = []
    tool = ServerTool("web_search", "messages", value)
    block = written_tool(
        tool, "tools[1]", lambda v: {"domains": v["domains"], "city": v.get("place", {}).get("city")}, losses
    )
    assert block == {"domains": ["a"], "city": "Oslo"}
    assert paths(losses) == ["tools[1].place.street", "tools[1].uses"]


def test_members_that_are_gone_through_are_read() -> None:
    losses: list[Loss] = []
    tool = ServerTool("web_search", "messages", {"place": {"city": "Oslo"}, "more": {"mode": {"deep": 1}}})
    assert written_tool(tool, "t", lambda v: {**v["place"]}, losses) == {"city": "Oslo"}
    assert paths(losses) == ["t.more.mode.deep"]


@pytest.mark.parametrize("sources", [(), (Source("https://example.com"),)])
def test_pages_are_told_and_other_sources_are_lost(sources: tuple[Source, ...]) -> None:
    cited, grounded = extra(annotations=[{"type": "x"}]), {"gemini": {"candidate": {"groundingMetadata": {"a": 1}}}}
    answer = Response("1", "m", (Text("a", cited, sources=sources),), "end", extra=grounded)
    lost = [] if sources else ["candidate.groundingMetadata", "content[0].annotations"]
    assert paths(of_answer(answer, "messages")) == lost
    events: list[list[Event]] = [
        [PartStarted(0, Text("a")), PartDelta(0, extra=cited, sources=sources)], list(explode(answer))[1:2],
    ]  # fmt: skip
    for begun in events:
        stream = OfStream("messages")
        for event in (*begun, Finished("end", extra=grounded)):
            stream.see(event)
        assert sorted(paths(stream.losses())) == lost
    (loss,) = of_request(Request("m", (Message("assistant", answer.parts),)), "messages", NOTHING_READ)
    assert loss.path == "messages[0].content[0].annotations"


@pytest.mark.parametrize(
    ("own", "lost"),
    [
        ({"chat": {"modalities": ["text"]}}, []),
        ({"chat": {"modalities": ["text", "audio"]}}, ["modalities"]),
        ({"gemini": {"generationConfig": {"responseModalities": ["TEXT"]}}}, []),
        ({"gemini": {"generationConfig": {"responseModalities": ["Text"]}}}, []),
        ({"gemini": {"generationConfig": {"responseModalities": ["AUDIO"]}}}, ["generationConfig.responseModalities"]),
        ({"responses": {"include": ["code_interpreter_call.outputs", "a.b", []]}}, ["include.a.b", "include.[]"]),
    ],
)
def test_what_every_answer_is_is_no_loss(own: dict[str, Any], lost: list[str]) -> None:
    assert paths(of_request(Request("m", (), extra=own), "messages", NOTHING_READ)) == lost
