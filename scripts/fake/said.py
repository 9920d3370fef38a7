"""What the fake model says: deterministic, driven by words in the last user text.

``call:NAME {json}`` calls a tool (several may stand there), ``think`` thinks (where the request enabled it), ``refuse``
refuses, ``long:N`` says N words, ``chunks:N`` streams N pieces, ``cached`` reads a cache, ``cachewrite`` writes one,
``outoftokens`` is cut by the token limit, ``stopseq`` ends at the request's first stop sequence, ``withsource`` cites a source.
A picture's colour is red, but for a model whose name has ``blind`` in it; one with ``lazy`` calls no tools.
"""

import json
import re
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from scripts.fake.heard import READERS, Heard

CALL = re.compile(r"(?:call:|Use the tool )([\w-]+)\s*")
CITED_URL = "https://sources.test/one"
CITED_TITLE = "Source one"


@dataclass
class Said:
    """What the model says: thought, text, calls; and what it counts."""

    model: str
    text: str = ""
    thought: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    refused: bool = False
    cut: bool = False
    stopped_by: str = ""
    cited: bool = False
    pieces: int = 0
    input: int = 0
    cached: int = 0
    cache_written: int = 0
    turn: int = 0
    """Number of the turn, part of every call's id: ids never come twice in a conversation."""
    whole_arguments: bool = False
    """Arguments are streamed in one piece."""

    @property
    def output(self) -> int:
        return len(self.text.split()) + 7 * len(self.calls) + self.reasoning

    @property
    def reasoning(self) -> int:
        return len(self.thought.split())

    def argument_pieces(self, arguments: str) -> list[str]:
        return pieces(arguments, 1 if self.whole_arguments else 3)


def say(kind: str, model: str, body: dict[str, Any]) -> Said:
    heard = READERS[kind](body)
    text = heard.text
    counted = {name: value for name, value in body.items() if name not in ("stream", "stream_options")}
    said = Said(model, input=len(json.dumps(counted)) // 4, pieces=_number(text, "chunks"), turn=heard.turns)
    said.cached = said.input // 2 if "cached" in text else 0
    said.cache_written = said.input // 4 if "cachewrite" in text else 0
    said.whole_arguments = "glm" in model and body.get("tool_stream") is not True
    said.cut, said.cited = "outoftokens" in text, "withsource" in text
    said.stopped_by = heard.stop[0] if heard.stop and "stopseq" in text else ""
    if "think" in text and heard.thinks:
        said.thought = "let me think about this"
    said.calls = [] if "lazy" in model else _calls(heard)
    if "refuse" in text:
        said.refused, said.text, said.calls = True, "I cannot help with that.", []
    elif heard.results:
        said.text = "tool said: " + " | ".join(heard.results)
    elif said.calls:
        said.text = "I will call." if "aloud" in text else ""
    elif "[image]" in text and "colour" in text:
        said.text = "I see no picture." if "blind" in model else "Red."
    elif words := _number(text, "long"):
        said.text = " ".join(f"word{n}" for n in range(words))
    else:
        said.text = f"{model} heard: {text}"
    if heard.schema and not said.refused:
        said.text = json.dumps(_example(heard.schema))
    return said


def _calls(heard: Heard) -> list[tuple[str, str]]:
    if heard.results or not heard.tools:
        return []
    asked = [(call[1], _object(heard.text, call.end())) for call in CALL.finditer(heard.text)]
    found = [(name, arguments or _arguments(heard.tools.get(name, {}))) for name, arguments in asked]
    if heard.forced and not found:
        name = heard.forced if heard.forced != "*" else next(iter(heard.tools))
        found = [(name, _arguments(heard.tools.get(name, {})))]
    return found


def _object(text: str, at: int) -> str:
    """The JSON object that begins there, as it stands; empty: none does."""
    if not text.startswith("{", at):
        return ""
    try:
        _, end = json.JSONDecoder().raw_decode(text, at)
    except ValueError:
        return ""
    return text[at:end]


def _number(text: str, name: str) -> int:
    found = re.search(rf"{name}:(\d+)", text)
    return int(found[1]) if found else 0


def _arguments(schema: dict[str, Any]) -> str:
    return json.dumps(_example(schema) if schema else {})


def _example(schema: dict[str, Any], root: dict[str, Any] | None = None) -> Any:
    root = root or schema
    if parts := re.findall(r"[^#/]+", str(schema.get("$ref", ""))):
        return _example(reduce(lambda inside, part: inside[part], parts, root), root)
    if choices := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return _example(choices[0], root)
    kind = schema.get("type", "object")
    kind = str(kind[0] if isinstance(kind, list) else kind).lower()
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object":
        return {name: _example(inner, root) for name, inner in (schema.get("properties") or {}).items()}
    if kind == "array":
        return [_example(schema.get("items") or {"type": "string"}, root)]
    return {"string": "value", "integer": 7, "number": 1.5, "boolean": True}.get(kind)


def pieces(text: str, wanted: int) -> list[str]:
    """The text in about ``wanted`` pieces, or by words."""
    if wanted:
        size = max(1, -(-len(text) // wanted))
        return [text[i : i + size] for i in range(0, len(text), size)] or [""]
    return re.findall(r"\S+\s*", text)
