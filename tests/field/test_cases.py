"""Requests and answers as they were seen in the field, each with what its client and its upstream must get.

A case (``cases/NAME.json``): ``client`` and ``upstream`` protocol, ``stream``, ``model``, the ``request`` (``packed``: its
content coding), the upstream's ``answers``, what it ``refuses``, settings of the ``channel``, and what is expected:
``[where, path, operation, value?]``. ``where``: up (the last request that the upstream got), sent (its text), client
(JSON), raw (its text), said (what the client makes of a stream), events, status, losses, tries. ``source``: the page
that the expectation is from. The official SDKs' laws of streams are kept in tests/protocols.
"""

import gzip
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from backports import zstd

from tests.field.checks import find, holds
from tests.field.conftest import CASES
from tests.field.said import events_of, said
from tests.field.upstream import Scripted
from tests.wire.program import CLIENT_KEY, Program

PATHS = {"messages": "/v1/messages", "chat": "/v1/chat/completions", "responses": "/v1/responses"}
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}


def path_of(case: dict[str, Any]) -> str:
    if case["client"] != "gemini":
        return PATHS[case["client"]]
    way = "streamGenerateContent?alt=sse" if case.get("stream") else "generateContent"
    return f"/v1beta/models/{case['model']}:{way}"


def ask(gateway: Program, name: str, case: dict[str, Any]) -> httpx.Response:
    body = case["request"]
    if case["client"] != "gemini":
        body = {"model": case["model"], **({"stream": True} if case.get("stream") else {}), **body}
    headers = {
        "authorization": f"Bearer {CLIENT_KEY}",
        "x-ccx-channel": name,
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
    }
    content = json.dumps(body).encode()
    if packed := case.get("packed"):
        content, headers["content-encoding"] = PACKERS[packed](content), packed
    return httpx.post(gateway.url + path_of(case), content=content, headers=headers)


@pytest.mark.parametrize("name", CASES)
def test_case(gateway: Program, script: Scripted, name: str) -> None:
    case = CASES[name]
    script.got.pop(name, None)
    answer = ask(gateway, name, case)
    got, raw = script.got.get(name, []), answer.content.decode("utf-8", "replace")
    is_json = answer.headers.get("content-type", "").startswith("application/json")
    seen: dict[str, list[Any]] = {
        "up": [got[-1].body] if got else [],
        "sent": [got[-1].raw.decode("utf-8", "replace")] if got else [],
        "client": [json.loads(raw)] if is_json else [],
        "raw": [raw],
        "status": [answer.status_code],
        "losses": [answer.headers.get("x-ccx-losses", "")],
        "tries": [len(got)],
        "events": [events_of(raw)],
        "said": [said(case["client"], raw)] if case.get("stream") and answer.status_code == 200 else [],
    }
    wrong = [
        f"{where} {check}: {json.dumps([v for value in seen[where] for v in find(value, check[0])])[:400]}"
        for where, *check in case["expect"]
        if not holds(seen[where], check)
    ]
    assert not wrong


def test_what_was_refused_is_left_out_of_the_next_request(gateway: Program, script: Scripted) -> None:
    name = "fireworks-field"
    ask(gateway, name, CASES[name])
    script.got.pop(name, None)
    answer = ask(gateway, name, CASES[name])
    (got,) = script.got[name]
    assert answer.status_code == 200 and "verbosity" not in got.body
    assert answer.headers["x-ccx-losses"] == "verbosity"
