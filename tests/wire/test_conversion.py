"""All sixteen pairs of client protocol and channel protocol, with the official SDKs: JSON and stream say the same."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.wire.program import CLIENT_KEY, Fake, Program, channel, running_program
from tests.wire.sdks import PIXEL, SDKS, Ask, Results, Sdk, User

KINDS = ("messages", "chat", "responses", "gemini")
PLAIN = {"messages": "claude-sonnet-4-5", "chat": "gpt-4.1", "responses": "gpt-5.1", "gemini": "gemini-2.5-flash"}
SMART = {"messages": "claude-sonnet-4-5", "chat": "deepseek-v4", "responses": "gpt-5.1", "gemini": "gemini-2.5-pro"}
NEWEST = {"messages": "claude-opus-5", "chat": "gpt-5.1", "responses": "gpt-5.5", "gemini": "gemini-3-pro"}

cells = pytest.mark.parametrize(
    ("client", "upstream"), [pytest.param(c, u, id=f"{c} to {u}") for c in KINDS for u in KINDS]
)
ways = pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])


@pytest.fixture(scope="module")
def gateway(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One channel a protocol, each for every kind of client, behind its own route prefix."""
    channels = [
        channel(
            f"to-{kind}",
            fake.url,
            kind,
            serves=list(KINDS),
            route_prefix=f"to-{kind}",
            models={"plain": PLAIN[kind], "smart": SMART[kind], "newest": NEWEST[kind]},
        )
        for kind in KINDS
    ]
    with running_program(tmp_path_factory.mktemp("conversion"), *channels) as program:
        yield program


def sdk(gateway: Program, client: str, upstream: str) -> Sdk:
    return SDKS[client](f"{gateway.url}/to-{upstream}")


def arrived(fake: Fake) -> dict[str, Any]:
    """The body of the last request at the upstream."""
    return dict(fake.requests()[-1]["json"])


@cells
def test_text(gateway: Program, client: str, upstream: str) -> None:
    ask = Ask([User("hello there, cached")], system="be brief")
    whole = sdk(gateway, client, upstream).ask(ask)
    streamed = sdk(gateway, client, upstream).ask(replace(ask, stream=True))
    assert "hello there" in whole.text and PLAIN[upstream] in whole.text
    assert (whole.stop, whole.calls) == ("end", ())
    assert whole.usage[0] >= whole.usage[2] > 0 < whole.usage[1]
    assert streamed == whole
    if client != upstream:
        assert whole.model == "plain"


@cells
@ways
@pytest.mark.parametrize("model", ["plain", "newest"])
def test_two_parallel_calls_of_one_function(
    gateway: Program, fake: Fake, client: str, upstream: str, stream: bool, model: str
) -> None:
    """Their ids stay apart, and both results find their call on the next turn."""
    face = sdk(gateway, client, upstream)
    ask = Ask([User('call:look_up {"city": "Rome"} call:look_up {"city": "Oslo"}')], model, tools=True, stream=stream)
    first = face.ask(ask)
    assert [(call.name, call.arguments) for call in first.calls] == [
        ("look_up", {"city": "Rome"}),
        ("look_up", {"city": "Oslo"}),
    ]
    assert first.stop == "tool_call"
    if client != "gemini":
        assert len({call.id for call in first.calls}) == 2 and all(call.id for call in first.calls)
    if stream and client != "gemini" and upstream != "gemini":
        assert first.pieces >= 4
    rome, oslo = first.calls
    results = [(oslo, "snow"), (rome, "sun")]
    if client == "gemini":
        results.reverse()  # without ids it is the order that tells whose they are
    second = face.ask(replace(ask, turns=[*ask.turns, first, Results(results)]))
    assert second.stop == "end" and "sun" in second.text and "snow" in second.text
    assert results_by_city(arrived(fake)) == {"Rome": "sun", "Oslo": "snow"}


def results_by_city(body: dict[str, Any]) -> dict[str, str]:
    """City of each call -> its result, as the upstream sees them."""
    cities: dict[str, str] = {}
    found: dict[str, str] = {}
    for turn in body.get("messages") or body.get("input") or []:
        content = turn.get("content")
        for block in content if isinstance(content, list) else []:
            if block.get("type") == "tool_use":
                cities[block["id"]] = block["input"]["city"]
            if block.get("type") == "tool_result":
                found[cities[block["tool_use_id"]]] = flat(block["content"])
        for call in turn.get("tool_calls") or []:
            cities[call["id"]] = json.loads(call["function"]["arguments"])["city"]
        if turn.get("role") == "tool":
            found[cities[turn["tool_call_id"]]] = flat(turn["content"])
        if turn.get("type") == "function_call":
            cities[turn["call_id"]] = json.loads(turn["arguments"])["city"]
        if turn.get("type") == "function_call_output":
            found[cities[turn["call_id"]]] = flat(turn["output"])
    parts = [part for content in body.get("contents") or [] for part in content["parts"]]
    called = [part["functionCall"]["args"]["city"] for part in parts if "functionCall" in part]
    answers = [part["functionResponse"]["response"]["result"] for part in parts if "functionResponse" in part]
    return found | dict(zip(called, answers, strict=True))


def flat(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


@cells
@ways
def test_image_and_document(gateway: Program, client: str, upstream: str, stream: bool) -> None:
    answer = sdk(gateway, client, upstream).ask(Ask([User("look at this", image=True, pdf=True)], stream=stream))
    assert "look at this" in answer.text and "[image]" in answer.text and "[document]" in answer.text


@pytest.mark.parametrize("upstream", KINDS)
@pytest.mark.parametrize("client", ["messages", "responses", "gemini"])
def test_image_in_a_tool_result(gateway: Program, fake: Fake, client: str, upstream: str) -> None:
    face = sdk(gateway, client, upstream)
    ask = Ask([User('call:look_up {"city": "Rome"}')], "newest", tools=True)
    first = face.ask(ask)
    face.ask(replace(ask, turns=[*ask.turns, first, Results([(first.calls[0], "")], image=True)]))
    assert PIXEL in json.dumps(arrived(fake)).replace("_", "/").replace("-", "+")


@cells
@ways
def test_structured_output(gateway: Program, client: str, upstream: str, stream: bool) -> None:
    answer = sdk(gateway, client, upstream).ask(Ask([User("fill it in")], schema=True, stream=stream))
    assert json.loads(answer.text) == {"name": "value", "count": 7}


@cells
@ways
def test_forced_tool(gateway: Program, client: str, upstream: str, stream: bool) -> None:
    ask = Ask([User("do it")], tools=True, forced="look_up", stream=stream)
    answer = sdk(gateway, client, upstream).ask(ask)
    assert [call.name for call in answer.calls] == ["look_up"] and answer.stop == "tool_call"


@cells
def test_thinking(gateway: Program, client: str, upstream: str) -> None:
    """Thoughts come through, and the history with them is taken on the next turns, also with a tool call in it."""
    face = sdk(gateway, client, upstream)
    ask = Ask([User('please think, then call:look_up {"city": "Rome"}')], "smart", tools=True, thinking=True)
    whole, streamed = face.ask(ask), face.ask(replace(ask, stream=True))
    assert (whole.thought, streamed.thought) == ("let me think about this",) * 2
    assert whole.usage == streamed.usage
    for first in (whole, streamed):
        turns = [*ask.turns, first, Results([(first.calls[0], "sun")])]
        second = face.ask(replace(ask, turns=turns))
        assert "sun" in second.text
        third = face.ask(replace(ask, turns=[*turns, second, User("think again")], stream=True))
        assert "think again" in third.text and third.thought


@cells
@ways
@pytest.mark.parametrize(("word", "stop"), [("outoftokens", "length"), ("refuse", "refusal")])
def test_how_it_stops(gateway: Program, client: str, upstream: str, stream: bool, word: str, stop: str) -> None:
    answer = sdk(gateway, client, upstream).ask(Ask([User(f"please {word}")], stream=stream))
    assert answer.stop == stop


@pytest.mark.parametrize("client", ["messages", "chat", "gemini"])
@pytest.mark.parametrize("upstream", ["messages", "chat", "gemini"])
def test_stop_sequences_arrive(gateway: Program, fake: Fake, client: str, upstream: str) -> None:
    sdk(gateway, client, upstream).ask(Ask([User("hello")], stop="END"))
    body = arrived(fake)
    given = body.get("stop_sequences") or body.get("stop") or body["generationConfig"]["stopSequences"]
    assert given in (["END"], "END")


@ways
@pytest.mark.parametrize("upstream", KINDS)
def test_custom_tools_of_responses(gateway: Program, fake: Fake, upstream: str, stream: bool) -> None:
    """A tool with free input is a function elsewhere; its call comes back as what the client knows, also in history."""
    client = openai.OpenAI(base_url=f"{gateway.url}/to-{upstream}/v1", api_key=CLIENT_KEY, max_retries=0)
    grammar = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}
    more: Any = {
        "model": "plain",
        "tools": [{"type": "custom", "name": "apply_patch", "format": grammar}],
        "store": False,
    }
    asked: list[Any] = [{"role": "user", "content": 'call:apply_patch {"input": "*** Begin\\n*** End"}'}]
    if stream:
        with client.responses.stream(input=asked, **more) as events:
            deltas = [event.delta for event in events if event.type == "response.custom_tool_call_input.delta"]
            answer: Any = events.get_final_response()
        assert "".join(deltas) == "*** Begin\n*** End"
    else:
        answer = client.responses.create(input=asked, **more)
    call = next(item for item in answer.output if item.type == "custom_tool_call")
    assert (call.name, call.input) == ("apply_patch", "*** Begin\n*** End")
    output = {"type": "custom_tool_call_output", "call_id": call.call_id, "output": "patched"}
    history = [*asked, *(item.model_dump(exclude_none=True) for item in answer.output), output]
    assert "patched" in client.responses.create(input=history, **more).output_text


@pytest.mark.parametrize("upstream", ["chat", "gemini"])
def test_what_gets_lost_is_named(gateway: Program, upstream: str) -> None:
    body = {
        "model": "plain",
        "max_tokens": 100,
        "top_k": 5,
        "metadata": {"user_id": "u1"},
        "messages": [{"role": "user", "content": "hi"}],
    }
    answer = gateway.post(f"/to-{upstream}/v1/messages", body)
    lost = "top_k" if upstream == "chat" else "user"
    assert answer.status_code == 200 and lost in answer.headers["x-ccx-losses"]
    row = gateway.row(answer.headers["x-ccx-request-id"])
    assert lost in row["losses"]


def test_a_model_that_thinks_only_adaptively_still_thinks(fake: Fake, tmp_path: Path) -> None:
    """A client asks in the older way; the upstream says which way it takes, and gets it on the same key."""
    with running_program(tmp_path, channel("a", fake.url, "messages", models={"*": "claude-opus-4-7"})) as program:
        claude = anthropic.Anthropic(base_url=program.url, api_key=CLIENT_KEY, max_retries=0)
        raw = claude.messages.with_raw_response.create(
            model="any",
            max_tokens=4000,
            thinking={"type": "enabled", "budget_tokens": 1024},
            messages=[{"role": "user", "content": "think"}],
        )
        assert [block.type for block in raw.parse().content] == ["thinking", "text"]
        assert raw.headers["x-ccx-attempts"] == "2" and raw.headers["x-ccx-losses"] == "thinking.type.enabled"
