"""What fills the context of a request and of a conversation, in tokens and money: from shapes without content."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ccx_addons.core.config import Snapshot
from ccx_addons.core.estimate import BYTES_PER_TOKEN, PER_PICTURE
from ccx_addons.core.neutral import Usage
from ccx_addons.core.shape import Part, Shape
from ccx_addons.io.prices import cost
from ccx_admin.db import Reader

NAMES: Final[Mapping[str, str]] = {
    "tools": "tool definitions",
    "system": "system prompt",
    "history": "messages",
    "results": "tool results",
    "pictures": "pictures and files",
}
"""Group -> its words, in the order of a prompt."""
BIGGEST: Final = 10
COLUMNS: Final = 60
"""Requests of a conversation that are drawn, the latest."""

type Split = dict[str, float]
"""Group -> tokens."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One group's share of a prompt. ``share``: of its tokens, 0 to 1; ``at``: where it begins."""

    name: str
    words: str
    tokens: float
    share: float
    at: float
    usd: float | None


@dataclass(frozen=True, slots=True)
class Big:
    """A tool's definition, or what a tool gave back in message ``n``."""

    name: str
    tokens: float
    n: int = 0


@dataclass(frozen=True, slots=True)
class Context:
    slices: list[Slice]
    tools: list[Big]
    results: list[Big]
    idle: list[Big]
    """Tools that no message of the conversation calls, the biggest first."""

    @property
    def idle_tokens(self) -> float:
        return sum(tool.tokens for tool in self.idle)


@dataclass(frozen=True, slots=True)
class Column:
    """One request of a conversation, drawn upwards: (group, where it begins, how high), in thousandths of the most."""

    id: str
    tokens: int
    bars: list[tuple[str, float, float]]


# ---- a request -------------------------------------------------------------------------------------------------------
def shape_of(db: Reader, id: str) -> Shape | None:
    text = db.value("SELECT parts FROM shapes WHERE request_id = ?", (id,))
    return Shape.load(text) if text else None


def weigh(part: Part) -> Split:
    """About how many tokens of each group."""
    match part.what:
        case "t":
            return {"tools": part.size / BYTES_PER_TOKEN}
        case "y":
            return {"system": part.size / BYTES_PER_TOKEN}
        case "s":
            return {}
    words = max(0, part.size - part.results - part.media) / BYTES_PER_TOKEN
    found = {"history": words, "results": part.results / BYTES_PER_TOKEN, "pictures": part.pictures * PER_PICTURE}
    return {name: tokens for name, tokens in found.items() if tokens}


def counted(shape: Shape, tokens: int | None) -> tuple[Split, float]:
    """Tokens of each group, which together are as many as the upstream counted; and by how much a guess was off."""
    split: Split = dict.fromkeys(NAMES, 0.0)
    for part in shape.parts:
        for name, weight in weigh(part).items():
            split[name] += weight
    guessed = sum(split.values())
    scale = tokens / guessed if tokens and guessed else 1.0
    return {name: weight * scale for name, weight in split.items()}, scale


def context(row: Mapping[str, Any], shape: Shape, snapshot: Snapshot) -> Context:
    split, scale = counted(shape, row["input_tokens"])
    whole = sum(split.values()) or 1.0
    prices = prompt_price(row, snapshot)
    slices, at = [], 0.0
    for name, tokens in split.items():
        usd = prices(at, tokens) if prices else None
        slices.append(Slice(name, NAMES[name], tokens, tokens / whole, at / whole, usd))
        at += tokens
    tools = sorted((big(part, part.size, scale) for part in shape.of("t")), key=lambda b: -b.tokens)
    called = {name for part in shape.of("a") for name in part.name.split(",")}
    results = [big(part, part.results, scale, n) for n, part in enumerate(shape.of("u", "a"), 1) if part.results]
    results.sort(key=lambda b: -b.tokens)
    return Context(slices, tools[:BIGGEST], results[:BIGGEST], [tool for tool in tools if tool.name not in called])


def big(part: Part, size: int, scale: float, n: int = 0) -> Big:
    return Big(part.name, size / BYTES_PER_TOKEN * scale, n)


def prompt_price(row: Mapping[str, Any], snapshot: Snapshot) -> Callable[[float, float], float] | None:
    """What tokens of the prompt cost, by where they begin and how many they are: its beginning was read from the
    cache, what follows was written to it, the rest is neither. None: no price is known."""
    read, written = row["cache_read_tokens"] or 0, row["cache_write_tokens"] or 0
    fresh = max(0, (row["input_tokens"] or 0) - read - written)
    channel = next((channel for channel in snapshot.channels if channel.id == row["channel_id"]), None)
    rates: list[tuple[float, float]] = []
    for count, usage in (
        (read, Usage(read, cache_read=read)),
        (written, Usage(written, cache_write=written)),
        (fresh, Usage(fresh)),
    ):
        hint = channel.protocol if channel else ""
        found = cost(row["upstream_model"], usage, hint, snapshot.prices, row["started_at"] / 1000).usd
        if found is None:
            return None
        rates.append((count, found / count * (channel.price_multiplier if channel else 1.0) if count else 0.0))

    def price(at: float, tokens: float) -> float:
        usd, start = 0.0, 0.0
        for count, rate in rates:
            usd += rate * max(0.0, min(at + tokens, start + count) - max(at, start))
            start += count
        return usd

    return price


# ---- a conversation --------------------------------------------------------------------------------------------------
def session(
    db: Reader, rows: Sequence[Mapping[str, Any]], snapshot: Snapshot
) -> tuple[list[Column], list[Slice], list[Big]]:
    """``rows``: oldest first. Its requests as columns, the groups over all of them, and tools it never called."""
    shapes = _shapes(db, [row["id"] for row in rows])
    known = [(row, shapes[row["id"]]) for row in rows if row["id"] in shapes]
    whole: Split = dict.fromkeys(NAMES, 0.0)
    spent: dict[str, float | None] = {}
    for row, shape in known:
        for found in context(row, shape, snapshot).slices:
            whole[found.name] += found.tokens
            before = spent.get(found.name, 0.0)
            spent[found.name] = None if before is None or found.usd is None else before + found.usd
    total, at, slices = sum(whole.values()) or 1.0, 0.0, []
    for name, tokens in whole.items():
        slices.append(Slice(name, NAMES[name], tokens, tokens / total, at / total, spent.get(name)))
        at += tokens
    return columns(known[-COLUMNS:]), slices, idle(known)


def columns(known: Iterable[tuple[Mapping[str, Any], Shape]]) -> list[Column]:
    splits = [(row, counted(shape, row["input_tokens"])[0]) for row, shape in known]
    most = max((sum(split.values()) for _row, split in splits), default=0.0) or 1.0
    found = []
    for row, split in splits:
        bars, at = [], 0.0
        for name, tokens in split.items():
            height = tokens / most * 1000
            bars.append((name, round(1000 - at - height, 1), round(height, 1)))
            at += height
        found.append(Column(row["id"], round(sum(split.values())), bars))
    return found


def idle(known: Sequence[tuple[Mapping[str, Any], Shape]]) -> list[Big]:
    """Tools that are sent and that no request's history calls, with the tokens that they took in all of them."""
    called = {name for _row, shape in known for part in shape.of("a") for name in part.name.split(",")}
    took: dict[str, float] = {}
    for row, shape in known:
        scale = counted(shape, row["input_tokens"])[1]
        for part in shape.of("t"):
            if part.name not in called:
                took[part.name] = took.get(part.name, 0.0) + part.size / BYTES_PER_TOKEN * scale
    return sorted((Big(name, tokens) for name, tokens in took.items()), key=lambda b: -b.tokens)


def _shapes(db: Reader, ids: Sequence[str]) -> dict[str, Shape]:
    marks = ", ".join("?" * len(ids))
    rows = db.rows(f"SELECT request_id, parts FROM shapes WHERE request_id IN ({marks})", tuple(ids))
    return {row["request_id"]: Shape.load(row["parts"]) for row in rows}
