"""Made-up pairs of a client's request and its mirror's."""

import json
import random
from typing import Any, Final

from ccx_addons.core.ids import uuid7
from ccx_addons.io.mirrored import left_out
from ccx_addons.io.store import Store

MIRRORS: Final = """
mirrors:
  - {name: try-glm, to: backup, model: glm-5, share: 25, limits: {usd_per_day: 5}}
  - {name: old, to: codex, enabled: false}
"""
SAID: Final = "The tests pass now. I changed the parser so that it reads the last line, too."
OTHER: Final = "All tests pass. The parser reads the last line now, which it left out before."


def put(store: Store, n: int, at: int, mirror: str = "try-glm", **more: Any) -> tuple[str, str]:
    """The ids of the client's request and the mirror's. ``more``: columns of both rows; ``a_``, ``b_``, ``m_`` before a
    name mean the client's, the mirror's, the pair's alone."""
    ids = (uuid7(at / 1000), uuid7(at / 1000 + 5))
    common = {"kind": "messages", "operation": "generate", "model": "claude-sonnet-5", "client_name": "alice-laptop"}
    sides = (
        {"channel_id": "ch_main0001", "channel_name": "main", "upstream_model": "claude-sonnet-5", "source": "proxy"},
        {"channel_id": "ch_back0002", "channel_name": "backup", "upstream_model": "glm-5", "source": "mirror"},
    )
    own = [{name[2:]: value for name, value in more.items() if name[:2] == place} for place in ("a_", "b_", "m_")]
    for id, side, mine, start in zip(ids, sides, own[:2], (at, at + 5000), strict=True):
        row = {"id": id, "started_at": start, "ended_at": start + 4000, "state": "ok", "status": 200, "stream": 1}
        store.put_request({**row, **common, **side, "attempts_n": 1, "total_ms": 4000.0, **mine})
    store.put_mirrored({"id": ids[1], "original": ids[0], "mirror": mirror, "at": at + 5000, **own[2]})
    return ids


def fill(store: Store, count: int, now: float, days: float = 0.9) -> list[tuple[str, str]]:
    """``count`` pairs, the last just now, with failures, tools and texts."""
    dice, found = random.Random(7), []
    for n in range(count):
        at = int((now - 60 - (count - n) * days * 86_400 / count) * 1000)
        tools, good = dice.random() < 0.6, dice.random() < 0.93
        times: dict[str, Any] = {
            f"{side}_{name}": dice.uniform(*span)
            for side in "ab"
            for name, span in (("first_event_ms", (300, 2500)), ("total_ms", (2500, 30_000)))
        }
        tokens: dict[str, Any] = {
            f"{side}_{name}": dice.randint(*span)
            for side in "ab"
            for name, span in (("input_tokens", (900, 90_000)), ("output_tokens", (10, 2500)))
        }
        costs: dict[str, Any] = {
            "a_cost_usd": tokens["a_input_tokens"] * 3e-6,
            "b_cost_usd": tokens["b_input_tokens"] * 6e-7,
        }
        same = dice.random() < 0.7
        pair: dict[str, Any] = {
            "m_original_stop": "tool_call" if tools else "end", "m_stop": "tool_call" if tools else "end",
            "m_calls": int(tools), "m_original_calls": int(tools), "m_same_tools": int(same) if tools else None,
            "m_same_arguments": int(same and dice.random() < 0.5) if tools else None, "m_alike": round(dice.random(), 4),
        }  # fmt: skip
        if not good:
            costs["b_cost_usd"] = None
            words = {"b_error_message": "Rate limit reached for requests", "b_error_kind": "rate_limit"}
            pair = {"b_state": "failed", "b_status": 429, "m_original_stop": "end", **words}
            tokens |= {"b_output_tokens": 0, "b_input_tokens": 0}
        found.append(put(store, n, at, **times, **tokens, **costs, **pair))
    counts = {("try-glm", why): 7 * (n + 1) for n, why in enumerate(("busy", "limit", "budget"))}
    left_out(store, counts, now)
    if found:
        keep(store, *found[-1])
    return found


def keep(store: Store, original: str, mirror: str) -> None:
    """Bodies of one pair."""
    asked = {
        "model": "claude-sonnet-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": "Mend the parser"}],
    }
    for id, words, path in ((original, SAID, "a.py"), (mirror, OTHER, "b.py")):
        call = {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"path": path, "limit": 100}}
        answer = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "tool_use",
                  "content": [{"type": "text", "text": words}, call], "usage": {"input_tokens": 9, "output_tokens": 9}}  # fmt: skip
        store.put_body(id, "client_request", json.dumps(asked).encode())
        store.put_body(id, "client_response", json.dumps(answer).encode())
