"""Between decoder and encoder: the probabilities of an answer's tokens become the client's form of them.

Chat and Gemini say them of the whole answer, at its end, Responses of each text: for its clients the texts stay open
until they are known.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ccx_addons.core import read
from ccx_addons.core.leftovers import NOTHING
from ccx_addons.core.logprobs import GIVERS, SAID, WISHES, Token, as_gemini, as_openai, of_gemini, of_openai, wished
from ccx_addons.core.neutral import (
    Event,
    Extra,
    Failed,
    Fault,
    Finished,
    Json,
    Loss,
    PartDelta,
    PartStarted,
    PartStopped,
    Request,
    Response,
    Text,
    explode,
    fold,
    merge_extra,
)


def said(upstream: str, kind: str, request: Request) -> frozenset[str]:
    """Fields of an upstream's answer that a client of ``kind`` gets in its own form, since it asked for them."""
    if upstream == kind or kind not in GIVERS or upstream not in GIVERS:
        return NOTHING
    return NOTHING if wished(request.extra) is None else SAID


class Logprobs:
    """Events -> events."""

    def __init__(self, target: str) -> None:
        self.losses: list[Loss] = []
        self._target = target
        self._tokens: list[Token] = []
        self._texts: dict[int, int] = {}
        """Texts in their order -> the characters that have come."""
        self._held: list[int] = []
        """Those that have stopped."""

    def events(self, event: Event) -> Iterator[Event]:
        match event:
            case PartStarted(index, Text(text, extra)):
                self._texts[index] = len(text)
                self._hear(extra)
            case PartDelta(index, text, extra=extra) if index in self._texts:
                self._texts[index] += len(text)
                self._hear(extra)
            case PartStopped(index) if index in self._texts and self._target == "responses":
                self._held.append(index)
                return
            case Finished():
                yield from self._end(event)
                return
            case Failed():
                yield from map(PartStopped, self._held)
        yield event

    def _hear(self, extra: Extra) -> None:
        """Those of one text."""
        if extra and (said := extra.get("responses", {}).get("logprobs")):
            self._tokens += of_openai(said)

    def _end(self, event: Finished) -> Iterator[Event]:
        said = read.mapping(event.extra.get("chat", {}).get("logprobs"))
        candidate = read.mapping(event.extra.get("gemini", {}).get("candidate"))
        self._tokens += of_openai(said.get("content"))
        self._tokens += of_gemini(read.mapping(candidate.get("logprobsResult")))
        if said.get("refusal"):
            self.losses.append(Loss("logprobs.refusal", "those of a refusal have no place here"))
        if any(self._texts.values()) and not self._tokens:
            self.losses.append(Loss(WISHES[self._target], "the upstream gave none"))
        if self._target == "responses":
            yield from self._of_texts()
        elif self._tokens:
            event = replace(event, extra=merge_extra(event.extra, self._written(candidate)))
        yield event

    def _written(self, candidate: Mapping[str, Json]) -> Extra:
        if self._target == "chat":
            return {"chat": {"logprobs": {"content": as_openai(self._tokens), "refusal": None}}}
        return {"gemini": {"candidate": {**candidate, **as_gemini(self._tokens)}}}

    def _of_texts(self) -> Iterator[Event]:
        """Each text with its own: as many as its characters take, and the last one with all that are left."""
        at = 0
        for n, (index, length) in enumerate(self._texts.items(), 1):
            begun, said = at, 0
            while at < len(self._tokens) and (said < length or n == len(self._texts)):
                said += len(self._tokens[at].text)
                at += 1
            if at > begun:
                yield PartDelta(index, extra={"responses": {"logprobs": as_openai(self._tokens[begun:at])}})
            if index in self._held:
                yield PartStopped(index)
        if at < len(self._tokens):
            self.losses.append(Loss("logprobs", "those of calls have no place here"))


def carried(answer: Response, target: str) -> tuple[Response, list[Loss]]:
    """The same for a whole answer, and what it could not say."""
    step = Logprobs(target)
    found = fold(event for given in _exploded(answer) for event in step.events(given))
    return (answer, []) if isinstance(found, Fault) else (found, step.losses)


def _exploded(answer: Response) -> Iterator[Event]:
    """What an answer has beside its parts comes at the end, as in a stream."""
    for event in explode(answer):
        yield replace(event, extra=answer.extra) if isinstance(event, Finished) else event
