"""Chunks of an answer -> events. A stream's chunk and a whole answer are the same object, so this reads both."""

import hashlib
from collections.abc import Callable, Mapping

from ccx_addons.core import code_assist, read
from ccx_addons.core.faults import bare_fault, fault_of
from ccx_addons.core.ids import uuid7
from ccx_addons.core.neutral import (
    NO_EXTRA,
    Event,
    Failed,
    Fault,
    Finished,
    Json,
    Opaque,
    Part,
    PartDelta,
    PartStarted,
    PartStopped,
    Started,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from ccx_addons.core.sources import of_grounding, of_recitation
from ccx_addons.protocols.gemini.finish import (
    ANSWER_FIELDS,
    BLOCKED,
    CANDIDATE,
    CANDIDATE_FIELDS,
    REASONS,
    VAGUE,
    joined,
    read_usage,
    stop_of,
)
from ccx_addons.protocols.gemini.partial import GrowingCall
from ccx_addons.protocols.gemini.parts import PART_FIELDS, PLACEHOLDERS, read_media
from ccx_addons.protocols.gemini.wire import NAME, NOTHING, Fields, camel, keep


class AnswerReader:
    """Chunks of an answer -> events. Texts and thoughts that follow each other are one part until another one comes.

    A signature on a call speaks for the thoughts before it, and goes to them: so it can reach other protocols' clients
    and come back. Where no thoughts are shown, a redacted one carries it.
    """

    def __init__(self) -> None:
        self.reason = ""
        """The finish reason, ``BLOCKED`` for a prompt that was refused; empty: not yet."""
        self.failed = False
        self.more: Callable[[str], PartDelta] | None = None
        """What the next text in the same words is, where the last chunk said nothing but a text."""
        self._id: str | None = None
        self._open = ""
        self._index = -1
        self._calls = 0
        self._growing: GrowingCall | None = None
        self._said: list[str] = []
        """The open text."""
        self._measured = (0, 0)
        """How many of its pieces are measured, and their characters."""
        self._starts: dict[int, int] = {}
        """Parts of a chunk behind the first -> the character of the open text at which each begins."""
        self._usage: Fields = {}
        self._top: Fields = {}
        self._candidate: Fields = {}

    @property
    def counted(self) -> Usage | None:
        return read_usage(self._usage, self._candidate)

    def read(self, value: Mapping[str, Json]) -> list[Event]:
        if self.failed or not value:
            return []
        self.more = None
        chunk = camel(code_assist.answer_in(value))
        if chunk.get("error"):
            return self._fail(fault_of(chunk))
        if "candidates" not in chunk and (fault := bare_fault(value)):
            return self._fail(fault)
        events: list[Event] = []
        if self._id is None:
            self._id = read.text(chunk.get("responseId"))
            events.append(Started(self._id, read.text(chunk.get("modelVersion"))))
        if isinstance(usage := chunk.get("usageMetadata"), dict):
            self._count(camel(usage))
        if not chunk.keys() <= ANSWER_FIELDS:
            self._top |= keep(chunk, ANSWER_FIELDS).get(NAME, NOTHING)
            if read.mapping(chunk.get("promptFeedback")).get("blockReason"):
                self.reason = BLOCKED
        for candidate in read.mappings(chunk.get("candidates")):
            if not candidate.get("index"):
                self._read_candidate(camel(candidate), events)
        return events

    def finish(self) -> list[Event]:
        """The end of the answer. Something that broke off before it said anything is a failure."""
        if self.failed:
            return []
        stop = stop_of(self.reason)
        if stop == "error" and self._index < 0:
            message = read.text(self._candidate.get("finishMessage"))
            return self._fail(Fault("server", message or f"the model ended with {self.reason}", code=self.reason))
        if stop == "error" and self.reason in VAGUE:
            stop = "end"
        events: list[Event] = []
        if self._open == "text" and self._candidate:
            events += self._sourced()
        self._end_call(events, stop == "end")
        self._close(events)
        if stop == "end" and self._calls:
            stop = "tool_call"
        if self.reason not in ("", BLOCKED, REASONS[stop]):
            self._candidate["finishReason"] = self.reason
        kept = {**self._top, CANDIDATE: self._candidate} if self._candidate else self._top
        events.append(Finished(stop, self.counted, extra={NAME: kept} if kept else NO_EXTRA))
        return events

    def _sourced(self) -> list[Event]:
        """Where the open text comes from, which is told at the end."""
        found, recited = (read.mapping(self._candidate.get(name)) for name in ("groundingMetadata", "citationMetadata"))
        if not found and not recited:
            return []
        text = "".join(self._said)
        pages = (*of_grounding(found, text, self._starts), *of_recitation(camel(recited), text))
        return [PartDelta(self._index, sources=pages)] if pages else []

    def _fail(self, fault: Fault) -> list[Event]:
        self.failed = True
        return [Failed(fault)]

    def _count(self, usage: Mapping[str, Json]) -> None:
        """Counts grow from chunk to chunk; a relay's zero or null does not undo what was counted."""
        for name, count in usage.items():
            if count or name not in self._usage:
                self._usage[name] = count

    def _read_candidate(self, candidate: Mapping[str, Json], events: list[Event]) -> None:
        for number, part in enumerate(read.mappings(camel(read.mapping(candidate.get("content"))).get("parts"))):
            if number:
                self._starts[number] = self._so_far() if self._open == "text" else 0
            self._read_part(camel(part), events)
        if reason := read.text(candidate.get("finishReason")):
            self.reason = reason
        if not candidate.keys() <= CANDIDATE_FIELDS:
            self._candidate |= joined(self._candidate, keep(candidate, CANDIDATE_FIELDS).get(NAME, NOTHING))

    # ---- parts ----
    def _read_part(self, part: Mapping[str, Json], events: list[Event]) -> None:
        if "functionCall" in part and part["functionCall"] is not None:
            self._read_call(part, events)
        elif isinstance(text := part.get("text"), str):
            if part.get("thought") is True:
                self._read_thought(text, part, events)
            else:
                self._read_text(text, part, events)
        elif part.get("thought") is True and (part.get("inlineData") or part.get("fileData")):
            self._whole(Opaque(NAME, dict(part)), events)  # a sketch on the way to the picture
        elif media := read_media(part):
            self._whole(media, events)
        elif part.keys() - PART_FIELDS or part.get("functionResponse"):
            self._whole(Opaque(NAME, dict(part)), events)

    def _read_text(self, text: str, part: Mapping[str, Json], events: list[Event]) -> None:
        extra = NO_EXTRA
        if len(part) > 1:
            extra = keep(part, PART_FIELDS)
            if signature := _signature(part):
                extra = {NAME: {**extra.get(NAME, NOTHING), "thoughtSignature": signature}}
        if self._open != "text":
            if not text:
                return
            self._said, self._measured = [], (0, 0)
            self._start("text", Text(""), events)
        if text or extra:
            self._said.append(text)
            self.more = None if extra else self._more_text
            events.append(PartDelta(self._index, text, extra=extra))

    def _so_far(self) -> int:
        """Characters of the open text; no piece is measured twice."""
        pieces, length = self._measured
        self._measured = len(self._said), length + sum(map(len, self._said[pieces:]))
        return self._measured[1]

    def _more_text(self, text: str) -> PartDelta:
        self._said.append(text)
        return PartDelta(self._index, text)

    def _more_thought(self, text: str) -> PartDelta:
        return PartDelta(self._index, text)

    def _read_thought(self, text: str, part: Mapping[str, Json], events: list[Event]) -> None:
        signature = _signature(part) if len(part) > 2 else None
        extra = keep(part, PART_FIELDS)
        if self._open != "thought":
            if not text:
                if signature:
                    self._whole(Thinking("", signature, NAME, True, extra), events)
                return
            self._start("thought", Thinking("", origin=NAME), events)
        if text or extra or signature:
            self.more = None if extra or signature else self._more_thought
            events.append(PartDelta(self._index, text, signature, extra))
        if signature:
            self._close(events)

    def _read_call(self, part: Mapping[str, Json], events: list[Event]) -> None:
        call = camel(read.mapping(part["functionCall"]))
        if self._growing is None or not self._growing.goes_on(call):
            self._end_call(events, False)
            name = read.text(call.get("name"))
            if not name:
                return
            self._growing = GrowingCall(name, read.text(call.get("id")), keep(part, PART_FIELDS))
        if signature := _signature(part):
            if self._open == "thought":
                events.append(PartDelta(self._index, signature=signature))
            else:
                self._whole(Thinking("", signature, NAME, True), events)
        self._growing.add(call)
        if call.get("willContinue") is not True:
            self._end_call(events, True)

    def _end_call(self, events: list[Event], ended: bool) -> None:
        call, self._growing = self._growing, None
        if call:
            id_ = call.id or self._call_id(call.name)
            self._calls += 1
            self._whole(ToolCall(id_, call.name, call.arguments(ended), call.extra), events)

    def _call_id(self, name: str) -> str:
        """For models that give none: the same whenever this answer is read, and no other call's."""
        mark = self._id or uuid7()
        return f"call_{hashlib.sha256(f'{mark}:{self._calls}:{name}'.encode('utf-8', 'replace')).hexdigest()[:24]}"

    # ---- events ----
    def _start(self, kind: str, part: Part, events: list[Event]) -> None:
        self._close(events)
        self._open = kind
        self._index += 1
        events.append(PartStarted(self._index, part))

    def _whole(self, part: Part, events: list[Event]) -> None:
        self._start("whole", part, events)
        self._close(events)

    def _close(self, events: list[Event]) -> None:
        if self._open:
            events.append(PartStopped(self._index))
            self._open = ""


def _signature(part: Mapping[str, Json]) -> str | None:
    text = read.text(part.get("thoughtSignature"))
    return None if not text or text in PLACEHOLDERS else text
