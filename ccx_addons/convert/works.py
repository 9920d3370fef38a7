"""Between decoder and encoder: what an upstream's own tools did becomes the client's form of it, where it has one."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from ccx_addons.convert import logprobs
from ccx_addons.core.config import Kind
from ccx_addons.core.neutral import (
    NO_EXTRA,
    Event,
    Extra,
    Failed,
    Fault,
    Finished,
    Loss,
    Opaque,
    Part,
    PartDelta,
    PartStarted,
    PartStopped,
    Request,
    Response,
    ServerTool,
    Started,
    explode,
    fold,
    merge_extra,
)
from ccx_addons.core.works import MCP_KINDS, Work, joined, left
from ccx_addons.protocols import TEXT_PROTOCOLS, Encoder, gemini
from ccx_addons.protocols.gemini import works as of_gemini
from ccx_addons.protocols.gemini.finish import CANDIDATE
from ccx_addons.protocols.gemini.wire import NAME as GEMINI
from ccx_addons.protocols.messages import works as of_messages
from ccx_addons.protocols.responses import works as of_responses

READERS: Final[Mapping[str, Callable[[Any], Work | None]]] = {
    "messages": of_messages.read_work, "responses": of_responses.read_work, "gemini": of_gemini.read_work,
}  # fmt: skip
WRITERS: Final[Mapping[str, Callable[[Work], list[Any]]]] = {
    "messages": of_messages.write_work, "responses": of_responses.write_work, "gemini": of_gemini.write_work,
}  # fmt: skip
SAID: Final[Mapping[str, frozenset[str]]] = {
    "messages": of_messages.SAID, "responses": of_responses.SAID, "gemini": of_gemini.SAID,
}  # fmt: skip
MCP_SPEAKERS: Final = frozenset({"messages", "responses"})
"""Protocols with a form of their own for what remote servers did."""
TITLE: Final = frozenset({"title"})
UNSAID: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("responses", "web_search"): TITLE,
    ("responses", "web_fetch"): TITLE,
    ("gemini", "web_search"): TITLE | {"url"},
    ("gemini", "web_fetch"): TITLE,
}
"""Target and kind of work -> of which there is no such member: pages that were read, and those that Responses found,
are addresses; of those that were found Gemini says only which are cited."""


class Works:
    """Events -> events. Those of an answer in which no tool worked stay as they are."""

    def __init__(self, target: str, only: frozenset[str] = frozenset()) -> None:
        """``only``: kinds of works; none: all."""
        self.losses: list[Loss] = []
        self._target = target
        self._only = only
        self._index = 0
        """Of the next part."""
        self._places: dict[int, int] = {}
        """Parts that are open, where their indexes differ."""
        self.differ = False
        """Whether a part's index may be another one than its own."""
        self._waiting: dict[str, Work] = {}
        """Calls whose results are still to come, by their ids, where both are one item."""
        self._last = ""
        self._queries: list[str] = []
        self._pages: dict[str, Work] = {}
        """Pages that were read, by their calls."""
        self._extra: Extra = NO_EXTRA

    def events(self, event: Event) -> tuple[Event, ...]:
        match event:
            case PartDelta():
                return (event,) if not self.differ else self._moved(event)
            case PartStarted(index, Opaque() as part) if (work := self._read(part)) is not None:
                self.differ = True
                said = SAID[part.protocol] - UNSAID.get((self._target, work.kind), frozenset())
                for name in dict.fromkeys(left(part.value, said)):
                    self.losses.append(Loss(f"content[{index}].{name}", f"only {part.protocol} upstreams have it"))
                self._places[index] = -1
                return self._written(work)
            case PartStarted(index, part):
                before = self._flushed()
                at, self._index = self._index, self._index + 1
                if at == index and not self.differ:
                    return (event,)
                self._places[index] = at
                return (*before, PartStarted(at, part))
            case PartStopped():
                return (event,) if not self.differ else self._moved(event)
            case Started(extra=extra):
                self._extra = extra
            case Finished():
                return self._end(event)
        return (event,)

    def _moved(self, event: PartDelta | PartStopped) -> tuple[Event, ...]:
        at = self._places.get(event.index, event.index)
        return (replace(event, index=at),) if at >= 0 else ()

    def _read(self, part: Opaque) -> Work | None:
        reader = READERS.get(part.protocol)
        if reader is None or part.protocol == self._target or self._target not in WRITERS:
            return None
        work = reader(part.value) if isinstance(part.value, dict) else None
        if work and work.kind in MCP_KINDS and self._target not in MCP_SPEAKERS:
            return None
        if work and self._only and work.kind not in self._only:
            return None
        if work and work.half == "result" and not work.id:
            work = replace(work, id=self._last)
        elif work and work.half == "call":
            self._last = work.id or f"call{self._index}"
            work = replace(work, id=self._last)
        return work

    def _written(self, work: Work) -> tuple[Event, ...]:
        if self._target == "gemini" and work.kind == "web_search":
            self._queries += [query for query in work.queries if query not in self._queries]
            return ()
        if self._target == "gemini" and work.kind == "web_fetch":
            call = self._pages.get(work.id)
            self._pages[work.id] = joined(call, work) if call else work
            return ()
        if self._target != "responses" or work.half == "whole":
            return (*self._flushed(), *self._whole(work))
        if work.half == "call":
            self._waiting[work.id] = work
            return ()
        return self._whole(joined(self._waiting.pop(work.id, Work(work.kind, id=work.id)), work))

    def _flushed(self) -> tuple[Event, ...]:
        """Those that have no result."""
        calls, self._waiting = self._waiting, {}
        return tuple(event for call in calls.values() for event in self._whole(call))

    def _whole(self, work: Work) -> tuple[Event, ...]:
        found: list[Event] = []
        for value in WRITERS[self._target](work):
            found += (PartStarted(self._index, Opaque(self._target, value)), PartStopped(self._index))
            self._index += 1
        return tuple(found)

    def _end(self, event: Finished) -> tuple[Event, ...]:
        before = self._flushed()
        extra = merge_extra(self._extra, event.extra)
        if "gemini" in extra and self._target != "gemini" and self._target in WRITERS:
            search = of_gemini.searched(extra)
            for work in (*((search,) if search else ()), *of_gemini.fetched(extra)):
                before += self._written(work)
            for name in of_gemini.unsaid(extra):
                self.losses.append(Loss(f"{CANDIDATE}.{name}", f"only {GEMINI} upstreams have it"))
        if told := of_gemini.at_end(self._queries, self._pages.values()):
            event = replace(event, extra=merge_extra(event.extra, told))
        return (*before, event)


def carried(answer: Response, target: str, likely: Collection[str] = ()) -> tuple[Response, list[Loss]]:
    """The same for a whole answer, and what it could not say. ``likely``: not empty where the client is told how likely
    its tokens were."""
    if likely:
        answer, unsaid = logprobs.carried(answer, target)
        answer, losses = carried(answer, target)
        return answer, [*unsaid, *losses]
    has_works = any(isinstance(part, Opaque) for part in answer.parts) or "gemini" in answer.extra
    if not has_works or target not in WRITERS:
        return answer, []
    works = Works(target)
    found = fold(event for given in explode(answer) for event in works.events(given))
    return (answer, []) if isinstance(found, Fault) else (found, works.losses)


class StepEncoder[S: Works | logprobs.Logprobs]:
    """An encoder behind one step of events to events."""

    def __init__(self, inner: Encoder, step: S) -> None:
        self._inner = inner
        self._step = step

    @property
    def losses(self) -> list[Loss]:
        return [*self._inner.losses, *self._step.losses]

    def encode(self, event: Event) -> bytes:
        return b"".join(map(self._inner.encode, self._step.events(event)))


class WorksEncoder(StepEncoder[Works]):
    """Most events pass as they are: the pieces of an answer in which no tool worked."""

    def encode(self, event: Event) -> bytes:
        if isinstance(event, Failed) or (isinstance(event, PartDelta) and not self._step.differ):
            return self._inner.encode(event)
        found = self._step.events(event)
        return self._inner.encode(found[0]) if len(found) == 1 else b"".join(map(self._inner.encode, found))


def remembered(request: Request, target: str) -> Request:
    """The request with what its remote servers did in earlier turns in the form of ``target``, which has them, too.

    A history without their tools is said in words: no upstream takes such calls alone.
    """
    servers = (server for tool in request.tools if isinstance(tool, ServerTool) for server in tool.servers)
    if target not in MCP_SPEAKERS or not any(server.serves for server in servers):
        return request
    messages = [
        replace(message, parts=_remembered(message.parts, target))
        if message.role == "assistant" and any(isinstance(part, Opaque) for part in message.parts)
        else message
        for message in request.messages
    ]
    return replace(request, messages=tuple(messages))


def _remembered(parts: tuple[Part, ...], target: str) -> tuple[Part, ...]:
    works = Works(target, MCP_KINDS)
    found = fold(event for given in explode(Response("", "", parts, "end")) for event in works.events(given))
    return parts if isinstance(found, Fault) else found.parts


def encoder(kind: Kind, upstream: str, request: Request, array: bool, envelope: bool = False) -> Encoder:
    """What writes a stream for a client of ``kind``. ``envelope``: of Code Assist."""
    if envelope:
        return gemini.envelope_encoder(request, array)
    inner: Encoder = gemini.array_encoder(request) if array else TEXT_PROTOCOLS[kind].encoder(request)
    if logprobs.said(upstream, kind, request):
        inner = StepEncoder(inner, logprobs.Logprobs(kind))
    return inner if upstream == kind or kind not in WRITERS else WorksEncoder(inner, Works(kind))
