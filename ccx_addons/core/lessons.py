"""What is done about a refusal (core/refusals.py), in words for people."""

from collections.abc import Iterable, Mapping
from typing import Final

from ccx_addons.core import refusals
from ccx_addons.core.refusals import BUT, INSTEAD, MOST, SHORTER, TOOL

CURES: Final[Mapping[str, str]] = {
    "system_role_to_top": "text of the system stands before the conversation only",
    "developer_to_system": "messages of the role developer go out as system",
    "strip_thinking": "thinking of earlier turns is left out",
    "passback_reasoning": "thinking of earlier turns is sent back with it",
    "dummy_thought_signature": "calls without a signature of their thought get one that stands in",
    "schema_in_words": "the schema of an answer is told in words",
    "calls_without_thinking": "a demanded call comes without thinking, or is the model's choice",
    "only_streams": "it is always asked for a stream",
    refusals.CHATGPT: "it is asked in the form in which Codex asks",
    refusals.CONTINUED: "what another key has kept is not continued",
    refusals.FLAT_SCHEMAS: "alternatives at the top of a tool's schema are merged",
    refusals.FOREIGN_THOUGHTS: "thinking that another key made is left out",
    refusals.ITEM_IDS: "ids of items are left out",
    refusals.LOOSE_TOOLS: "schemas of tools are not strict",
    refusals.NEWER_LIMIT: "the limit of an answer is called max_completion_tokens",
    refusals.NO_PREFILL: "what an assistant began is followed by a user's turn",
    refusals.NO_SYSTEM: "text of the system stands in the user's turn",
    refusals.NOT_ENCRYPTED: "encrypted thinking is not asked for",
    refusals.NUMBERS: "vectors are asked for as numbers",
    refusals.OLDER_LIMIT: "the limit of an answer is called max_tokens",
    refusals.ONE_SAMPLING: "top_p is left out beside temperature",
    refusals.OWN_THINKING: "the model thinks as it does by itself",
    refusals.PICTURES: "words stand in the place of pictures",
    refusals.SERVER_CALLS: "calls of the upstream's own tools are asked for, too",
    refusals.WHOLE: "the answer is asked for in one piece",
    refusals.WHOLE_ARGUMENTS: "arguments of earlier calls are whole JSON objects",
    refusals.WHOLE_CHARACTERS: "halves of characters are replaced",
    refusals.WHOLE_ITEMS: "items have no nulls, and thoughts a summary",
    refusals.LOW_EFFORT: "the lowest effort that goes with the upstream's own tools is asked for",
    refusals.OLDER_SIZES: "settings of vectors stand beside the content",
}


def said(name: str) -> str:
    """``name``: of what was refused, as ``refused`` gives it."""
    if name in CURES:
        return CURES[name]
    if name.startswith(MOST):
        return f"at most {name.removeprefix(MOST)} tokens of an answer are asked for"
    if name.startswith(SHORTER):
        return f"descriptions of tools end after {name.removeprefix(SHORTER)} characters"
    if name in INSTEAD:
        field, other = INSTEAD[name]
        return f"{field} {name.rpartition('.')[2]} goes out as {other['type']}"
    field, _, values = name.partition(BUT)
    if values:
        return f"{field} is left out where it is none of {values.replace('|', ', ')}"
    return f"{name.removeprefix(TOOL)} is left out"


def _is_left_out(name: str) -> bool:
    """Whether that is all that is done: no cure, no other value."""
    return not (name in CURES or name in INSTEAD or BUT in name or name.startswith((MOST, SHORTER)))


def trying(names: Iterable[str]) -> str:
    """The next try, and why it is another one."""
    left: list[str] = []
    otherwise: list[str] = []
    for name in names:
        if _is_left_out(name):
            left.append(name.removeprefix(TOOL))
        else:
            otherwise.append(said(name))
    otherwise.sort()
    first = f"trying without {', '.join(sorted(left))}" if left else f"trying again: {otherwise.pop(0)}"
    return "; ".join([first, *otherwise])
