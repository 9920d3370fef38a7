"""Fills a database with realistic rows, for tests and screenshots.

As a program: ``python -m tests.admin.seed FOLDER [COUNT]`` writes FOLDER/ccx.yaml and FOLDER/ccx.db.
"""

import json
import math
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from ccx_addons.core.ids import uuid7
from ccx_addons.io.store import Store

CONFIG: Final = """\
# The gateway of the workshop.
version: 1

clients:
  # Alice's laptop
  - name: alice-laptop
    key: ccx-alice-0123456789abcdef
    limits: {rpm: 60, tokens_per_day: 2000000}
  - {name: ci, key: ccx-ci-0123456789abcdef, kinds: [chat, embeddings], enabled: false}

channels:
  - id: ch_main0001
    name: main
    protocol: messages
    base_urls: ["https://api.anthropic.com"]
    keys:
      - sk-ant-api03-AAAAAAAAAAAAAAAAAAAA   # the team's
      - {key: sk-ant-api03-BBBBBBBBBBBBBBBBBBBB, name: spare, weight: 2}
    priority: 1
  # cheap, but slow at night
  - id: ch_back0002
    name: backup
    protocol: chat
    serves: [messages, chat]
    base_urls: ["https://open.bigmodel.cn/api/paas/v4"]
    keys: [0123456789abcdef0123456789abcdef.ABCDEFGHIJKLMNOP]
    models: {opus: glm-5, sonnet: {to: glm-5, effort: high}, "*": glm-5-air}
    priority: 2
  - id: ch_codex003
    name: codex
    protocol: responses
    base_urls: ["https://api.openai.com/v1"]
    keys: [sk-proj-CCCCCCCCCCCCCCCCCCCCCCCC]
    priority: 3
  - id: ch_gem00004
    name: gemini
    protocol: gemini
    base_urls: ["https://generativelanguage.googleapis.com"]
    keys: [AIzaSyDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD]
    priority: 4
    status: suspended
  - id: ch_spare005
    name: local
    protocol: chat
    base_urls: ["http://127.0.0.1:11434"]
    keys: [ollama-EEEEEEEEEEEE]
    priority: 9
    status: disabled
"""

SECRETS: Final = (
    "sk-ant-api03-AAAAAAAAAAAAAAAAAAAA",
    "sk-ant-api03-BBBBBBBBBBBBBBBBBBBB",
    "0123456789abcdef0123456789abcdef.ABCDEFGHIJKLMNOP",
    "sk-proj-CCCCCCCCCCCCCCCCCCCCCCCC",
    "AIzaSyDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD",
    "ollama-EEEEEEEEEEEE",
    "ccx-alice-0123456789abcdef",
    "ccx-ci-0123456789abcdef",
)
"""Every secret of CONFIG: none of them may appear in any answer."""


@dataclass(frozen=True, slots=True)
class Way:
    """One kind of traffic: what is asked, where it goes first and where it goes after a failure."""

    kind: str
    operation: str
    agent: str
    models: tuple[tuple[str, str], ...]
    channel: tuple[str, str, str]
    backup: tuple[str, str, str] | None = None
    weight: int = 1


MAIN: Final = ("ch_main0001", "main", "sk-a…AAAA")
BACKUP: Final = ("ch_back0002", "backup", "0123…MNOP")
WAYS: Final = (
    Way(
        "messages",
        "generate",
        "claude-cli/2.1.330 (external, cli)",
        (("claude-opus-4-7", "claude-opus-4-7"), ("claude-sonnet-5", "claude-sonnet-5"), ("claude-haiku-4-5",) * 2),
        MAIN,
        BACKUP,
        8,
    ),
    Way("responses", "generate", "codex_cli_rs/0.169.0", (("gpt-5.4-codex",) * 2,), ("ch_codex003", "codex", "sk-p…CCCC"), None, 4),
    Way("chat", "generate", "OpenAI/Python 3.54.0", (("glm-5", "glm-5"), ("gpt-5-mini", "glm-5-air")), BACKUP, None, 3),
    Way("gemini", "generate", "GeminiCLI/0.61.0", (("gemini-3.8-flash",) * 2,), ("ch_gem00004", "gemini", "AIza…DDDD"), None, 2),
    Way("embeddings", "embeddings", "OpenAI/Python 3.54.0", (("text-embedding-3-small",) * 2,), ("ch_codex003", "codex", "sk-p…CCCC")),
)  # fmt: skip
ERRORS: Final = (
    (429, "rate_limit", "Number of request tokens has exceeded your per-minute rate limit", "next_key"),
    (529, "overloaded", "Overloaded", "next_channel"),
    (500, "server", "Internal server error", "next_key"),
    (402, "quota", "Your credit balance is too low to access the API", "next_key"),
)


def rows(
    count: int, now: float, days: float, seed: int = 7, rhythm: float = 0.0
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """``count`` finished requests over the last ``days`` days, oldest first, each with its attempts. ``rhythm``: how
    much more is asked in the middle of that time than at its ends, 0 to 1."""
    chance = random.Random(seed)
    begin = now - days * 86_400
    for n in range(count):
        share = (n + 1) / (count + 1)
        if rhythm:
            share += rhythm * (math.sin(math.tau * share) + 0.012 * math.sin(17 * math.tau * share)) / math.tau
        yield _exchange(chance, begin + (now - begin) * min(max(share, 0.001), 0.999), n)


def _exchange(chance: random.Random, at: float, n: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    way = chance.choices(WAYS, [w.weight for w in WAYS])[0]
    model, upstream = chance.choice(way.models)
    started, id = int(at * 1000), uuid7(at)
    fault = chance.choice(ERRORS) if chance.random() < 0.07 else None
    failed_over = fault is not None and way.backup is not None
    channel = way.backup if failed_over and way.backup else way.channel
    failed = fault is not None and not failed_over
    first = round(chance.lognormvariate(6.8, 0.5), 1)
    total = round(first + chance.lognormvariate(8.2, 0.9), 1)
    prompt, read = int(chance.lognormvariate(9.2, 1.0)), 0
    if way.kind in ("messages", "responses") and chance.random() < 0.8:
        read = int(prompt * chance.uniform(0.6, 0.97))
    left = not failed and chance.random() < 0.02
    row: dict[str, Any] = {
        "id": id,
        "boot_id": "seed",
        "started_at": started,
        "ended_at": started + int(total),
        "state": "failed" if failed else "client_left" if left else "ok",
        "phase": "done",
        "kind": way.kind,
        "operation": way.operation,
        "stream": int(way.kind != "embeddings"),
        "client_name": chance.choice(("default", "alice-laptop", "alice-laptop", "ci")),
        "client_key_mask": "ccx-…cdef",
        "client_ip": f"192.168.1.{chance.randrange(2, 9)}",
        "user_agent": way.agent,
        "trace_hash": f"{(n // 40) % 500:032x}" if way.kind in ("messages", "responses") else "",
        "model": model,
        "upstream_model": "glm-5" if failed_over else upstream,
        "channel_id": channel[0],
        "channel_name": channel[1],
        "key_mask": channel[2],
        "converted": "messages>chat" if failed_over else "",
        "attempts_n": 2 if failed_over else 1,
        "status": fault[0] if failed and fault else 499 if left else 200,
        "error_kind": fault[1] if failed and fault else "",
        "error_message": f"main: {fault[2]}" if failed and fault else "",
        "stream_end": "" if failed or way.kind == "embeddings" else "client left" if left else "done",
        "ttfb_ms": round(first * 0.8, 1),
        "first_event_ms": None if failed else first,
        "total_ms": total,
        "connect_ms": 21.5 if n % 9 == 0 else None,
        "tls_ms": 32.1 if n % 9 == 0 else None,
        "max_gap_ms": round(chance.uniform(20, 900), 1),
        "bytes_in": prompt * 4,
        "bytes_out": 2_000 + n % 9_000,
        "losses": json.dumps([["top_k", "chat has no top_k"]]) if failed_over else "",
        "config_revision": "seed",
    }
    if not failed:
        output = int(chance.lognormvariate(6.0, 1.0))
        row.update(input_tokens=prompt, cache_read_tokens=read, cache_write_tokens=0, output_tokens=output)
        row.update(reasoning_tokens=output // 4 if way.kind == "responses" else 0, usage_source="reported")
        if way.kind != "gemini":
            parts = {
                "cost_input": (prompt - read) * 3 / 1e6,
                "cost_cache_read": read * 0.3 / 1e6,
                "cost_cache_write": 0.0,
                "cost_output": (output - row["reasoning_tokens"]) * 15 / 1e6,
                "cost_reasoning": row["reasoning_tokens"] * 15 / 1e6,
            }
            row.update(parts, cost_usd=round(sum(parts.values()), 6), cache_saved=read * 2.7 / 1e6)
            row.update(price_source=f"list:seed/{upstream}")
    return row, _attempts(row, way, fault, failed_over)


def _attempts(
    row: dict[str, Any], way: Way, fault: tuple[int, str, str, str] | None, failed_over: bool
) -> list[dict[str, Any]]:
    found = []
    if fault:
        found.append(_attempt(row, 1, way.channel, fault[0], fault[1], fault[3], fault[2]))
    if not fault or failed_over:
        channel = way.backup if failed_over and way.backup else way.channel
        found.append(_attempt(row, len(found) + 1, channel, 200, "ok", "commit", ""))
    return found


def _attempt(
    row: dict[str, Any], n: int, channel: tuple[str, str, str], status: int, outcome: str, verdict: str, words: str
) -> dict[str, Any]:
    return {
        "request_id": row["id"],
        "n": n,
        "channel_id": channel[0],
        "channel_name": channel[1],
        "key_mask": channel[2],
        "base_url": "https://api.anthropic.com" if channel == MAIN else "https://api.example.com/v1",
        "upstream_model": row["upstream_model"],
        "started_at": row["started_at"] + (n - 1) * 400,
        "connect_ms": row["connect_ms"],
        "tls_ms": row["tls_ms"],
        "ttfb_ms": 380.0 if words else row["ttfb_ms"],
        "total_ms": 400.0 if words else row["total_ms"],
        "status": status,
        "outcome": outcome,
        "verdict": verdict,
        "reason": words and f"{outcome}: try elsewhere",
        "error_message": words,
        "retry_after": 20.0 if status == 429 else None,
    }


def fill(store: Store, count: int, now: float, days: float = 1.0, running: int = 2, rhythm: float = 0.0) -> list[str]:
    """Write the rows, ``running`` requests in flight, and what the scheduler would keep. Returns the ids."""
    ids = []
    for n, (row, attempts) in enumerate(rows(count, now, days, rhythm=rhythm), 1):
        store.put_request(row)
        store.put_attempts(attempts)
        ids.append(row["id"])
        if n % 2_000 == 0:
            store.flush(60)
    for n in range(running):
        row, _ = _exchange(random.Random(n), now - 4 - n, n)
        kept = ("id", "started_at", "kind", "operation", "stream", "client_name", "model", "channel_id", "channel_name")
        live = {name: row[name] for name in kept}
        live.update(boot_id=store.boot_id, state="running", phase="streaming", attempts_n=1)
        store.put_running(row["id"], partial(dict, live))
    _state(store, int(now * 1000), ids)
    if not store.flush(60):
        raise RuntimeError("the rows were not written")
    return ids


def _state(store: Store, now: int, ids: list[str]) -> None:
    store.put_breaker(
        {
            "kind": "messages",
            "channel_id": "ch_main0001",
            "base_url": "https://api.anthropic.com",
            "state": "open",
            "level": 1,
            "failures": 5,
            "opened_at": now - 12_000,
            "until": now + 48_000,
            "reason": "5 failures in a row, last 529",
            "updated_at": now,
        }
    )
    store.put_key_state(
        {
            "kind": "responses",
            "channel_id": "ch_codex003",
            "key_id": "k_" + "0" * 8,
            "key_mask": "sk-p…CCCC",
            "state": "cooling",
            "reason": "rate limit",
            "until": now + 120_000,
            "failures": 1,
            "failed_at": now - 5_000,
        }
    )
    store.put_event("info", "start", "the gateway started")
    store.put_event("warning", "breaker", "main opened: 5 failures in a row, last 529")
    if ids:
        body = json.dumps(
            {"model": "claude-opus-4-7", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]}
        )
        store.put_body(ids[-1], "client_request", body.encode(), [("content-type", "application/json")])
        answer = json.dumps({"type": "message", "content": [{"type": "text", "text": "Hello!"}]})
        store.put_body(ids[-1], "client_response", answer.encode(), [("content-type", "application/json")])


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ccx.yaml").write_text(CONFIG)
    store = Store.open(folder / "ccx.db", boot_id="seed", worker=7)
    began = time.monotonic()
    count = int(arguments[1]) if len(arguments) > 1 else 2_000
    fill(store, count, time.time(), days=max(1.0, count / 5_000), running=3)
    store.close(60)
    sys.stdout.write(f"{count} requests in {time.monotonic() - began:.1f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
