"""What an answer repeats of its request (platform.openai.com/docs/api-reference/responses/object)."""

from typing import Final

from ccx_addons.core.leftovers import ECHO
from ccx_addons.core.neutral import Request, Text
from ccx_addons.protocols.responses.mcp import without_keys
from ccx_addons.protocols.responses.parts import ITEM
from ccx_addons.protocols.responses.request_encoder import write_text_config
from ccx_addons.protocols.responses.tools import Naming, write_tool_choice, write_tools
from ccx_addons.protocols.responses.wire import PARAGRAPH, Item, own
from ccx_addons.vendors.facts import Responses as Rules

EVERYTHING: Final = Rules()
KEPT: Final = (
    "metadata", "max_tool_calls", "previous_response_id", "prompt", "prompt_cache_retention", "safety_identifier",
    "store", "top_logprobs", "truncation", "background",
)  # fmt: skip
DEFAULTS: Final[Item] = {
    "metadata": {}, "previous_response_id": None, "store": True, "truncation": "disabled", "background": False,
}  # fmt: skip


def envelope(request: Request, naming: Naming, id_: str, created: int) -> Item:
    """An answer that has just begun."""
    kept = own(request.extra)
    tools = write_tools(request, naming, [])
    choice = kept.get("tool_choice") or write_tool_choice(request, tools, naming, []) or "auto"
    plain = (part.text for part in request.system if isinstance(part, Text) and not own(part.extra).get(ITEM))
    reasoning = request.reasoning
    return {
        "id": id_,
        "object": "response",
        "created_at": created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": PARAGRAPH.join(plain) or None,
        "max_output_tokens": request.max_tokens,
        "model": request.model,
        "output": [],
        "parallel_tool_calls": request.parallel_tools is not False,
        "prompt_cache_key": request.cache_key,
        "reasoning": {
            "effort": reasoning.effort if reasoning else None,
            "summary": reasoning.summary if reasoning else None,
        },
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "text": {"format": {"type": "text"}, **write_text_config(request, EVERYTHING, [])},
        "tool_choice": choice,
        "tools": [without_keys(tool) if tool.get("type") == "mcp" else tool for tool in tools],
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "usage": None,
        "user": request.user,
        **DEFAULTS,
        **{name: kept[name] for name in KEPT if name in kept},
        **kept.get(ECHO, {}),
    }
