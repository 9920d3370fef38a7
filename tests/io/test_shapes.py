"""Shapes made, compared with what a conversation was before, and kept."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from ccx_addons.core.neutral import Usage
from ccx_addons.core.shape import Change, Shape, Turn
from ccx_addons.core.wire_json import JsonBody
from ccx_addons.io import shapes
from ccx_addons.io.database import Database
from ccx_addons.io.prices import Cost
from ccx_addons.io.shapes import MOST_PARTS, TURN, Draft, Maker, Memory, said, turn
from ccx_addons.io.store import Store
from ccx_addons.io.transaction import Transaction
from tests.io.rows import NOW, request, rows

NEVER: Final = Turn("", "", "", 0, 0, 0, 0, 0)
MARK: Final = {"cache_control": {"type": "ephemeral"}}
SECRET: Final = "swordfish"
TOOLS: Final[list[dict[str, Any]]] = [
    {"name": name, "description": f"{SECRET} {name}", "input_schema": {}} for name in ("Read", "Bash")
]


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def talk(turns: int, mark: bool = True) -> list[dict[str, Any]]:
    """A call and its result in each turn; the mark is on the last message."""
    found: list[dict[str, Any]] = [{"role": "user", "content": [text(f"find the {SECRET}")]}]
    for n in range(turns):
        found.append(
            {"role": "assistant", "content": [{"type": "tool_use", "id": f"t{n}", "name": "Read", "input": {}}]}
        )
        result = {"type": "tool_result", "tool_use_id": f"t{n}", "content": [text(f"{SECRET} {n}" * 50)]}
        found.append({"role": "user", "content": [result]})
    if mark:
        found[-1]["content"][-1].update(MARK)
    return found


def body(turns: int, **more: Any) -> bytes:
    asked = {"model": "claude", "system": [text(SECRET, **MARK)], "tools": TOOLS, "messages": talk(turns), **more}
    return json.dumps(asked, ensure_ascii=False).encode()


def made(maker: Maker, raw: bytes, kind: str = "messages", trace: str = "t") -> Shape:
    body = JsonBody.parse(raw)
    found, written = maker.shape(kind, trace, body.text, body.spans, raw)
    assert Shape.load(written) == found
    return found


# ---- making ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("word", ["plain", "ünïcode 漢字", "\U0001f600"])
def test_what_a_conversation_repeats_is_as_if_taken_apart_anew(word: str) -> None:
    growing = Maker("k")
    for turns in (1, 2, 3, 7, 6, 2):
        raw = body(turns, system=word)
        assert made(growing, raw) == made(Maker("k"), raw)


@pytest.mark.parametrize("trace", ["a session", ""])
def test_only_what_is_new_of_a_conversation_is_taken_apart(trace: str, monkeypatch: pytest.MonkeyPatch) -> None:
    maker = Maker("k")
    parts: list[str] = []
    made(maker, body(50), trace=trace)
    part = maker.part

    def noted(*given: Any) -> Any:
        parts.append(given[0])
        return part(*given)

    monkeypatch.setattr(maker, "part", noted)
    assert len(made(maker, body(51), trace=trace).parts) == 106 and len(parts) < 8


def test_marks_move_on_and_change_nothing() -> None:
    plain, marked = (made(Maker("k"), json.dumps({"messages": talk(2, mark)}).encode()) for mark in (False, True))
    assert [part.print for part in plain.parts] == [part.print for part in marked.parts]
    assert (plain.marks, marked.marks) == (0, len(plain.parts))


def test_a_mark_says_how_long_the_cache_lives() -> None:
    short, long = ({"type": "ephemeral", **ttl} for ttl in ({}, {"ttl": "1h"}))
    for more, life in (
        ({}, 0),
        ({"system": [text("wait 1h", cache_control=short)]}, 300),
        ({"system": [text("s", cache_control=long)]}, 3600),
        ({"system": [text("a", cache_control=long), text("b", cache_control=short)]}, 300),
        ({"cache_control": long}, 3600),
        ({"cache_control": short}, 300),
        ({"prompt_cache_retention": "24h"}, 86_400),
        ({"prompt_cache_options": {"ttl": "30m"}}, 1800),
    ):
        assert made(Maker("k"), spoken("messages", **more)).life == life, more


def test_one_text_is_the_same_as_a_block() -> None:
    plain, block = (
        made(Maker("k"), json.dumps({"messages": [{"role": "user", "content": content}]}).encode())
        for content in ("hello", [text("hello", cache_control={"type": "ephemeral"})])
    )
    assert [part.print for part in plain.parts] == [part.print for part in block.parts]


def test_hashes_need_the_key() -> None:
    one, other = (made(Maker(key), body(1)) for key in ("k", "other"))
    assert not {part.print for part in one.parts} & {part.print for part in other.parts}


def test_a_line_that_is_never_cached_is_no_part() -> None:
    system = [text(f"x-anthropic-billing-header: cc_version=1; cch={n};") for n in (1, 2)]
    first, second = (made(Maker("k"), body(1, system=[line, text("s")])) for line in system)
    assert first == second and len(first.of("y")) == 1


CALLED: Final[dict[str, dict[str, Any]]] = {
    "messages": {"messages": talk(1)},
    "chat": {
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]},
            {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "Read"}}]},
            {"role": "tool", "tool_call_id": "c", "content": "found"},
        ],
        "tools": [{"type": "function", "function": {"name": "Read"}}],
    },
    "responses": {
        "instructions": "s",
        "input": [
            {"role": "user", "content": [{"type": "input_image", "image_url": "data:"}]},
            {"type": "function_call", "call_id": "c", "name": "Read", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "found"},
        ],
        "tools": [{"type": "function", "name": "Read"}],
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "s"}]},
        "contents": [
            {"role": "user", "parts": [{"inlineData": {"mimeType": "image/png", "data": ""}}]},
            {"role": "model", "parts": [{"functionCall": {"name": "Read", "args": {}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "Read", "response": {}}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "Read"}]}],
    },
}


@pytest.mark.parametrize("kind", CALLED)
def test_calls_results_and_pictures_are_found(kind: str) -> None:
    shape = made(Maker("k"), json.dumps(CALLED[kind]).encode(), kind)
    said, *_ = shape.of("a")
    result = shape.of("u")[-1]
    assert said.name == result.name == "Read" and result.results > 0 == said.results
    if kind != "messages":
        assert [part.name for part in shape.of("t")] == ["Read"] and len(shape.of("y")) == 1
        assert shape.of("u")[0].pictures == 1


def test_nothing_odd_breaks_it() -> None:
    odd: list[Any] = [
        None,
        1,
        "x",
        {},
        {"content": [None, 7, {"type": ["x"]}]},
        {"role": "tool"},
        {"tool_calls": [1]},
        [],
    ]
    for kind in CALLED:
        for name in ("messages", "input", "contents", "system", "tools", "instructions", "systemInstruction"):
            for value in (odd, "words", 7, None, {"parts": odd}):
                made(Maker("k"), json.dumps({name: value}).encode(), kind)


# ---- keeping ---------------------------------------------------------------------------------------------------------
@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(tmp_path / "ccx.db", boot_id="boot")
    yield store
    store.close(2)


def answered(store: Store, maker: Maker, id: str, raw: bytes, read: int, written: int = 0, **more: Any) -> None:
    """A request of one conversation, a minute behind the one before."""
    at = NOW + int(id) * 60_000
    usage = more.pop("usage", Usage(50_000, cache_read=read, cache_write=written))
    if usage is None:
        more["usage_source"] = "estimated"
    answer = more.pop("answer", b"")
    trace = more.pop("trace", "t")
    tokens = {"input_tokens": 50_000, "cache_read_tokens": read, "cache_write_tokens": written}
    row = {
        "kind": more.pop("kind", "messages"),
        "usage_source": "reported",
        "upstream_model": "claude",
        "started_at": at,
    }
    store.put_request(request(id, **{**row, "ended_at": at + 1000, **tokens, **more}))
    asked, now = JsonBody.parse(raw), request(id, **{**row, "ended_at": at + 1000, **tokens, **more})
    store.put_shape(
        Draft(
            id,
            row["kind"],
            trace,
            "alice",
            "c1",
            asked.text,
            asked.spans,
            raw,
            turn([now[name] for name in TURN]),
            usage,
            lambda u: Cost(u.input - u.cache_read * 0.9, ""),
            answer,
        ),
        maker,
    )
    assert store.flush()


def last(store: Store) -> tuple[Any, ...]:
    sql = "SELECT before_id, why, again_tokens, again_usd FROM shapes ORDER BY at DESC LIMIT 1"
    before, why, tokens, usd = rows(store.path, sql)[0]
    return before, why and Change(*json.loads(why)), tokens, usd


def test_a_cache_that_holds_is_no_loss(store: Store) -> None:
    maker = Maker("k")
    answered(store, maker, "1", body(1), 0, 40_000)
    answered(store, maker, "2", body(2), 40_000, 1_000)
    assert last(store) == ("1", "", 0, None)


@pytest.mark.parametrize(
    ("raw", "more", "change"),
    [
        (body(2), {"channel_name": "other"}, Change("channel", "other")),
        (body(2), {"key_mask": "sk-b…"}, Change("key")),
        (body(2), {"upstream_model": "opus"}, Change("model", "opus")),
        (body(2, tools=TOOLS[:1]), {}, Change("tools removed", "Bash")),
        (body(2, system="other"), {}, Change("system changed", n=1, of=1)),
        (body(2, thinking={"type": "enabled"}), {}, Change("settings", "thinking")),
        (body(2), {}, Change("forgot", n=60)),
        (body(2), {"answer": b'{"diagnostics":{"cache_miss_reason":{"type":"tools_changed"}}}'}, Change("said", "tools changed")),
    ],
)  # fmt: skip
def test_why_it_was_lost_and_what_that_cost(store: Store, raw: bytes, more: dict[str, Any], change: Change) -> None:
    maker = Maker("k")
    answered(store, maker, "1", body(1), 10_000, 30_000)
    answered(store, maker, "2", raw, 5_000, 45_000, **more)
    before, why, tokens, usd = last(store)
    assert (before, why, tokens) == ("1", change, 35_000) and usd == pytest.approx(35_000 * 0.9)


def test_who_waits_too_long_is_told_so(store: Store) -> None:
    maker = Maker("k")
    answered(store, maker, "1", body(1), 0, 40_000)
    answered(store, maker, "8", body(2), 0, 41_000)
    assert last(store)[1] == Change("waited", n=420, of=300)


def test_a_title_in_between_is_not_what_is_continued(store: Store) -> None:
    maker = Maker("k")
    answered(store, maker, "1", body(1), 0, 40_000)
    answered(
        store, maker, "2", b'{"messages":[{"role":"user","content":"a title, please"}]}', 0, upstream_model="haiku"
    )
    assert last(store)[0] == "1" and last(store)[2] == 0
    answered(store, maker, "3", body(2), 40_000)
    assert last(store) == ("1", "", 0, None)


def test_without_a_session_the_first_message_says_what_is_continued(store: Store) -> None:
    maker = Maker("k")
    answered(store, maker, "1", body(1), 0, 40_000, trace="")
    answered(store, maker, "2", body(2, tools=TOOLS[:1]), 0, trace="")
    assert last(store)[:2] == ("1", Change("tools removed", "Bash"))


def test_no_content_is_kept_and_about_40_bytes_a_part(store: Store) -> None:
    answered(store, Maker("k"), "1", body(40), 0)
    assert SECRET.encode() not in store.path.read_bytes() + Path(f"{store.path}-wal").read_bytes()
    ((parts,),) = rows(store.path, "SELECT parts FROM shapes")
    assert len(parts) / len(Shape.load(parts).parts) < 45


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b'{"diagnostics": {"cache_miss_reason": {"type": "system_changed", "cache_missed_input_tokens": 9}}}', "system changed"),
        (b'{"diagnostics":{"cache_miss_reason":{"cache_missed_input_tokens":9,"type":"tools_changed"}}}', "tools changed"),
        (b'{"prompt_cache_diagnostics":{"type":"cache_miss","cache_missed_tokens":9,"reason":"input_changed"}}', "input changed"),
        (b'{"prompt_cache_diagnostics":{"reason":"verbosity_changed","type":"cache_miss"}}', "verbosity changed"),
        (b'{"prompt_cache_diagnostics":{"type":"cache_hit"}}', ""),
        (b'{"prompt_cache_diagnostics":{"type":"comparison_response_not_found"}}', ""),
        (b'{"prompt_cache_diagnostics":null}', ""),
        (b'{"text":"\\"cache_miss_reason\\": {\\"type\\": \\"tools_changed\\"}"}', ""),
        (b'{"prompt_cache_diagnostics":{"status":{}},"x":1}', ""),
        (b'{"diagnostics":{"cache_miss_reason":null}}', ""),
        (b'{"diagnostics":{"cache_miss_reason":{"type":"unavailable"}}}', ""),
    ],
)  # fmt: skip
def test_what_the_upstream_says_itself(answer: bytes, words: str) -> None:
    assert said(answer) == words


# ---- remembering -----------------------------------------------------------------------------------------------------
def test_a_conversation_of_one_process_is_not_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    maker = Maker("k")
    monkeypatch.delattr(shapes, "loaded")
    for n in range(1, 12):
        answered(store, maker, str(n), body(n), 40_000, 1_000)
        assert last(store)[0] == (str(n - 1) if n > 1 else "")


def test_others_are_looked_for_once_in_a_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[str] = []
    monkeypatch.setattr(Transaction, "peek", lambda transaction, sql, trace: looks.append(trace))
    database, maker, asked = Database(tmp_path / "ccx.db", "boot", 0, lambda: NOW / 1000), Maker("k"), body(1)
    read = JsonBody.parse(asked)
    drafts = [
        Draft(
            str(n),
            "messages",
            f"t{n % 2}",
            "alice",
            "c1",
            read.text,
            read.spans,
            asked,
            NEVER,
            None,
            lambda u: Cost(0, ""),
        )
        for n in range(40)
    ]
    database.ready()
    for transaction in (drafts[:20], drafts[20:]):
        database.write([partial(shapes.keep, draft=draft, maker=maker) for draft in transaction])
    database.leave()
    assert looks == ["t0", "t1"] * 2


def test_what_another_process_had_of_a_conversation_is_read(store: Store) -> None:
    makers = Maker("k"), Maker("k")
    for n in range(1, 9):
        answered(store, makers[n % 2], str(n), body(n), 40_000, 1_000)
        assert last(store)[0] == (str(n - 1) if n > 1 else "")
    answered(store, Maker("k"), "9", body(9, tools=TOOLS[:1]), 0)
    assert last(store)[:2] == ("8", Change("tools removed", "Bash"))


def test_a_request_without_known_tokens_is_not_what_is_continued(store: Store) -> None:
    maker = Maker("k")
    answered(store, maker, "1", body(1), 0, 40_000)
    answered(store, maker, "2", body(2), 0, 40_000, usage=None)
    answered(store, maker, "3", body(3), 40_000)
    assert last(store)[0] == "1"


def test_a_long_life_is_seen_in_each_request(store: Store) -> None:
    maker, mark = Maker("k"), {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    asked = [body(n, system=[text("s", **mark)], messages=talk(n, mark=False)) for n in (1, 2, 3)]
    assert [made(maker, raw).life for raw in asked] == [3600] * 3


def test_memory_of_shapes_has_an_end() -> None:
    memory: Memory[int, str] = Memory()
    for n in range(100):
        memory.put(n % 60, str(n), MOST_PARTS // 10)
    kept = [n for n in range(60) if memory.get(n) is not None]
    assert kept == list(range(40 - 9, 40))
    memory.put(7, "large", 10 * MOST_PARTS)
    assert memory.get(7) == "large" and all(memory.get(n) is None for n in kept)


def test_a_body_is_let_go() -> None:
    """What waits to be made a shape of holds the text of a body, and none of its values."""
    held = {field.name for field in fields(Draft)}
    assert {"text", "spans", "raw"} <= held and "body" not in held


# ---- the same change in every protocol -------------------------------------------------------------------------------
TALK: Final = tuple(f"message {n}" for n in range(9))
MARKED: Final = {"cache_control": {"type": "ephemeral"}}


def spoken(
    kind: str, talk: Sequence[str] = TALK, tools: Sequence[str] = ("Read", "Bash"), system: Any = "be kind", **more: Any
) -> bytes:
    """One conversation as each client says it."""
    roles = ("user", "model" if kind == "gemini" else "assistant")
    schema = {"type": "object"}
    if kind == "gemini":
        turns = [{"role": roles[n % 2], "parts": [{"text": words}]} for n, words in enumerate(talk)]
        declared = [{"functionDeclarations": [{"name": name, "parameters": schema} for name in tools]}]
        body = {"systemInstruction": {"parts": [{"text": system}]}, "contents": turns, "tools": declared}
        return json.dumps({**body, **more}).encode()
    said = [{"role": roles[n % 2], "content": words} for n, words in enumerate(talk)]
    if kind == "messages":
        named = [{"name": name, "input_schema": schema} for name in tools]
        blocks = [text(system)] if isinstance(system, str) else system
        return json.dumps({"system": blocks, "messages": said, "tools": named, **more}).encode()
    function = {name: {"name": name, "parameters": schema} for name in tools}
    if kind == "chat":
        named = [{"type": "function", "function": function[name]} for name in tools]
        return json.dumps({"messages": [{"role": "system", "content": system}, *said], "tools": named, **more}).encode()
    flat = [{"type": "function", **function[name]} for name in tools]
    return json.dumps({"instructions": system, "input": said, "tools": flat, **more}).encode()


def changed(kind: str) -> dict[str, tuple[bytes, dict[str, Any], Change]]:
    """What is done between two requests -> the second one, columns of its row, and why its cache was lost."""
    more = (*TALK, "answer", "next")
    return {
        "switched key": (spoken(kind, more), {"key_mask": "sk-b"}, Change("key")),
        "other channel": (spoken(kind, more), {"channel_name": "b"}, Change("channel", "b")),
        "tool order": (spoken(kind, more, ("Bash", "Read")), {}, Change("tools moved")),
        "a tool more": (spoken(kind, more, ("Read", "Bash", "Grep")), {}, Change("tools added", "Grep")),
        "system block": (spoken(kind, more, system="be brief"), {}, Change("system changed", n=1, of=1)),
        "edited": (spoken(kind, ("x", *more[1:])), {}, Change("message changed", n=1, of=11)),
        "cut": (spoken(kind, (*more[:2], *more[4:])), {}, Change("message dropped", n=3, of=9, many=2)),
        "compacted": (spoken(kind, ("a summary", "go on")), {}, Change("compacted", of=9, many=9)),
        "forgot": (spoken(kind, more), {}, Change("forgot", n=60)),
    }


@pytest.mark.parametrize("kind", CALLED)
@pytest.mark.parametrize("what", changed("chat"))
def test_each_change_is_told_in_every_protocol(store: Store, kind: str, what: str) -> None:
    maker, (raw, more, expected) = Maker("k"), changed(kind)[what]
    answered(store, maker, "1", spoken(kind), 10_000, 30_000, kind=kind)
    answered(store, maker, "2", raw, 5_000, 45_000, kind=kind, **more)
    assert last(store)[1] == expected


@pytest.mark.parametrize(
    ("kind", "model", "asked", "minutes", "expected"),
    [
        ("messages", "claude-sonnet-5", {"cache_control": {"type": "ephemeral"}}, 7, Change("waited", n=420, of=300)),
        ("messages", "claude-sonnet-5", {"cache_control": {"type": "ephemeral"}}, 4, Change("forgot", n=240)),
        ("messages", "claude-sonnet-5", {"cache_control": {"type": "ephemeral", "ttl": "1h"}}, 7, Change("forgot", n=420)),
        ("messages", "claude-sonnet-5", {"cache_control": {"type": "ephemeral", "ttl": "1h"}}, 61, Change("waited", n=3660, of=3600)),
        ("responses", "gpt-5.6", {}, 20, Change("forgot", n=1200)),
        ("responses", "gpt-5.6", {}, 31, Change("waited", n=1860, of=1800)),
        ("chat", "gpt-5.5", {}, 90, Change("forgot", n=5400)),
        ("chat", "gpt-5.1", {}, 7, Change("waited", n=420, of=300)),
        ("chat", "gpt-5.1", {"prompt_cache_retention": "24h"}, 90, Change("forgot", n=5400)),
        ("gemini", "gemini-3-pro", {}, 7, Change("waited", n=420, of=300)),
    ],
)  # fmt: skip
def test_how_long_a_cache_lives(
    store: Store, kind: str, model: str, asked: dict[str, Any], minutes: int, expected: Change
) -> None:
    maker, more = Maker("k"), {"kind": kind, "upstream_model": model}
    answered(store, maker, "1", spoken(kind, **asked), 0, 40_000, **more)
    answered(store, maker, str(1 + minutes), spoken(kind, (*TALK, "a", "b"), **asked), 0, 41_000, **more)
    assert last(store)[1] == expected


def test_a_mark_that_moved_back(store: Store) -> None:
    """The prompt is the same, and less of it is asked for."""
    maker = Maker("k")

    def marked(at: int, *more: str) -> bytes:
        found = json.loads(spoken("messages", (*TALK, *more)))
        found["messages"][at]["content"] = [text(found["messages"][at]["content"], **MARKED)]
        return json.dumps(found).encode()

    answered(store, maker, "1", marked(-1), 0, 40_000)
    answered(store, maker, "2", marked(-1, "a", "b"), 40_000, 1000)
    assert last(store)[2] == 0
    answered(store, maker, "3", marked(2, "a", "b"), 5_000, 36_000)
    assert last(store)[1] == Change("marks moved", n=3, of=11)
