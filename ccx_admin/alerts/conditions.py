"""What is wrong now that somebody should be told: keys, breakers, budgets, errors, settings, log, disk, caches."""

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ccx_admin.channels import views
from ccx_admin.panel import Panel
from ccx_admin.usage import money, sums

LOW_DISK: Final = 1 << 30
"""Bytes left below which somebody should look."""
BUDGETS: Final = (0.8, 1.0)

ERRORS_SPAN: Final = 15 * 60_000
ERRORS_LEAST: Final = 20
ERRORS_SHARE: Final = 0.25
"""Requests of the last 15 minutes; at least so many, and this share of them failed."""

CACHE_SPAN: Final = 3_600_000
CACHE_BEFORE: Final = 24
CACHE_TOKENS: Final = 200_000
CACHE_FELL: Final = 0.3
CACHE_MEASURES: Final = ("input_tokens", "cache_read_tokens")
"""The last hour against the 24 before it: prompts of at least so many tokens in each, a share lower by this much."""


@dataclass(frozen=True, slots=True)
class Condition:
    """``key`` tells it from others; it holds no text of a client's."""

    key: str
    event: str
    subject: str
    text: str = ""
    path: str = ""
    """Of the panel's page that shows more."""


def conditions(panel: Panel) -> list[Condition]:
    """Never raises because of the database: what cannot be read is not known."""
    clean = panel.secrets().clean
    found = [*_log(panel), *_disk(panel), *_config(panel)]
    if not panel.store.health().trouble:
        found += [*_channels(panel), *_budgets(panel), *_errors(panel), *_cache(panel)]
    return [
        Condition(one.key, one.event, clean(one.subject)[:200], clean(one.text)[:800], one.path)
        for one in {one.key: one for one in found}.values()
    ]


def _log(panel: Panel) -> Iterator[Condition]:
    if trouble := panel.store.health().trouble:
        yield Condition("log", "log", "the request log cannot be written", trouble, "/settings?tab=about")


def _disk(panel: Panel) -> Iterator[Condition]:
    try:
        found = os.statvfs(panel.settings.ccx_data_dir)
    except OSError:
        return
    free = found.f_bavail * found.f_frsize
    if free < LOW_DISK:
        yield Condition("disk", "disk", f"only {free >> 20} MB are left on the disk of the database", path="/")


def _config(panel: Panel) -> Iterator[Condition]:
    problems = panel.config().problems
    if problems:
        words = "; ".join(map(str, problems[:5]))
        yield Condition("config", "config", "ccx.yaml is refused; the last good one stays in force", words, "/settings")


def _channels(panel: Panel) -> Iterator[Condition]:
    for problem in views.problems(panel):
        if problem["kind"] == "channel":
            state, id = problem["state"], problem["channel_id"]
            name = problem["message"].partition(":")[0]
            event, words = {"open": ("breaker", "is left alone"), "no keys": ("key", "has no usable key")}.get(
                state, ("", "")
            )
            if event:
                yield Condition(
                    f"{event}:{id}", event, f"channel {name} {words}", problem["message"], f"/channels/{id}"
                )
        elif problem["kind"] == "key" and problem["state"] == "blocked" and not problem["model"]:
            place = f"{problem['channel_id']}:{problem['key_id']}"
            subject = f"key {problem['label']} of channel {problem['channel_name']} is out"
            yield Condition(f"key:{place}", "key", subject, problem["reason"], f"/channels/{problem['channel_id']}")


def _budgets(panel: Panel) -> Iterator[Condition]:
    for name, spent in money.budgets(panel.db, panel.snapshot().clients, panel.now_ms()).items():
        for budget, mark in itertools.product(spent.budgets, BUDGETS):
            if budget.share >= mark:
                of = f"{budget.limit} on {budget.models}" if budget.models else budget.limit
                subject = f"client {name} has used {mark:.0%} of its budget ({of})"
                yield Condition(f"budget:{name}:{of}:{mark:.0%}", "budget", subject, path="/clients")


def _errors(panel: Panel) -> Iterator[Condition]:
    row = panel.db.row(
        "SELECT count(*) AS n, total(state IN ('failed', 'lost')) AS failed FROM requests INDEXED BY requests_list"
        " WHERE started_at > ? AND source = 'proxy' AND state NOT IN ('running', 'client_left')",
        (panel.now_ms() - ERRORS_SPAN,),
    )
    if row and row["n"] >= ERRORS_LEAST and row["failed"] / row["n"] >= ERRORS_SHARE:
        subject = f"{row['failed'] / row['n']:.0%} of the last {row['n']} requests failed"
        yield Condition("errors", "errors", subject, path="/requests?show=errors&q=since:1h")


def _cache(panel: Panel) -> Iterator[Condition]:
    now = panel.now_ms()
    spans = [(now - CACHE_SPAN, now + 1), (now - (1 + CACHE_BEFORE) * CACHE_SPAN, now - CACHE_SPAN)]
    found = {row["n"]: row for row in sums.read(panel.db, spans, now, measures=("requests", *CACHE_MEASURES))}
    last, before = (_share(found.get(n)) for n in range(2))
    if last is not None and before is not None and before - last >= CACHE_FELL:
        subject = f"only {last:.0%} of prompts came from caches in the last hour, {before:.0%} before"
        yield Condition("cache", "cache", subject, path="/sessions")


def _share(row: Any) -> float | None:
    asked, hit = (row[name] for name in CACHE_MEASURES) if row else (0, 0)
    return hit / asked if asked >= CACHE_TOKENS else None
