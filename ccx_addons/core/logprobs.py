"""Probabilities of an answer's tokens: how each protocol is asked for them, and how it says them. Claude gives none.

Sources: the SDKs' ChatCompletionTokenLogprob (Chat), ResponseOutputText.Logprob (Responses), LogprobsResult (Gemini).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import Extra, Json

INCLUDED: Final = "message.output_text.logprobs"
"""What Responses' ``include`` says where Chat says ``logprobs``."""
CHAT: Final = frozenset({"logprobs", "top_logprobs"})
RESPONSES: Final = frozenset({f"include.{INCLUDED}", "top_logprobs"})
GEMINI: Final = frozenset({"generationConfig.responseLogprobs", "generationConfig.logprobs"})
"""Fields of a request's side-car that ask for them."""
WISHES: Final[Mapping[str, str]] = {
    "chat": "logprobs", "responses": f"include.{INCLUDED}", "gemini": "generationConfig.responseLogprobs",
}  # fmt: skip
"""By which of them a client's wish is known."""
SAID: Final = frozenset({"logprobs", "candidate.logprobsResult", "candidate.avgLogprobs"})
"""Fields of an answer's side-car that say them."""
READS: Final[Mapping[str, frozenset[str]]] = {"chat": CHAT, "responses": RESPONSES, "gemini": GEMINI}
GIVERS: Final = READS.keys()


@dataclass(frozen=True, slots=True)
class Token:
    """``others``: the likeliest tokens in its place, each with its probability, and the token itself among them."""

    text: str
    logprob: float
    data: tuple[int, ...] | None = None
    """Its bytes, where the text may not be all of them."""
    others: "tuple[Token, ...]" = ()


def wished(extra: Extra) -> int | None:
    """How many other tokens a request wants to be told of in each place; None: it does not ask for probabilities."""
    for protocol, fields in extra.items():
        if protocol not in READS:
            continue
        config = read.mapping(fields.get("generationConfig"))
        top = read.count(config.get("logprobs") if protocol == "gemini" else fields.get("top_logprobs"))
        included = INCLUDED in read.items(fields.get("include"))
        if fields.get("logprobs") or config.get("responseLogprobs") or included or (protocol == "responses" and top):
            return top
    return None


def asked(wish: int, name: str, top: str, value: Json = True) -> dict[str, Json]:
    """The fields that ask for it: ``name`` with ``value``, and ``top`` with how many."""
    return {name: value, **({top: wish} if wish else {})}


# ---- wire -> neutral -------------------------------------------------------------------------------------------------
def of_openai(values: Json) -> list[Token]:
    """A list of Chat's or of Responses'."""
    return [
        Token(
            read.text(value.get("token")),
            read.number(value.get("logprob")) or 0.0,
            _bytes(value.get("bytes")),
            tuple(of_openai(value.get("top_logprobs"))),
        )
        for value in read.mappings(values)
    ]


def _bytes(value: Json) -> tuple[int, ...] | None:
    return tuple(n for n in value if isinstance(n, int)) if isinstance(value, list) else None


def of_gemini(result: Mapping[str, Json]) -> list[Token]:
    """``logprobsResult``: the chosen tokens, and beside them for each place the likeliest ones."""
    places = [read.mappings(place.get("candidates")) for place in read.mappings(result.get("topCandidates"))]
    chosen = [_candidate(value) for value in read.mappings(result.get("chosenCandidates"))]
    return [
        Token(token.text, token.logprob, None, tuple(map(_candidate, others)))
        for token, others in zip_longest(chosen, places[: len(chosen)], fillvalue=())
        if isinstance(token, Token)
    ]


def _candidate(value: Mapping[str, Json]) -> Token:
    return Token(read.text(value.get("token")), read.number(value.get("logProbability")) or 0.0)


# ---- neutral -> wire -------------------------------------------------------------------------------------------------
def as_openai(tokens: Iterable[Token]) -> list[dict[str, Json]]:
    return [{**_token(token), "top_logprobs": [_token(other) for other in token.others]} for token in tokens]


def _token(token: Token) -> dict[str, Json]:
    data = token.text.encode("utf-8", "surrogatepass") if token.data is None else token.data
    return {"token": token.text, "logprob": token.logprob, "bytes": list(data)}


def as_gemini(tokens: Sequence[Token]) -> dict[str, Json]:
    """The candidate's fields."""
    total = sum(token.logprob for token in tokens)
    result: dict[str, Json] = {"chosenCandidates": [_chosen(token) for token in tokens]}
    if any(token.others for token in tokens):
        result["topCandidates"] = [{"candidates": [_chosen(other) for other in token.others]} for token in tokens]
    return {"logprobsResult": {**result, "logProbabilitySum": total}, "avgLogprobs": total / len(tokens)}


def _chosen(token: Token) -> dict[str, Json]:
    return {"token": token.text, "logProbability": token.logprob}
