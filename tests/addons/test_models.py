import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from ccx_addons import models as module
from ccx_addons.core import endpoints
from ccx_addons.core.config import Channel, Client, Kind, ModelMap, Patterns, Snapshot, Target
from ccx_addons.core.exchange import Exchange
from ccx_addons.models import Models
from ccx_addons.processes.runtime import Runtime
from tests.addons.flows import flow
from tests.addons.values import channel

MAIN = replace(
    channel("main", "messages"), models=ModelMap({"opus": (Target("claude-opus-4-7"),), "cl*": (Target("x"),)})
)
SPARE = channel("spare", "chat")
LISTS: dict[str, list[dict[str, Any]]] = {
    "main": [{"id": "claude-opus-4-7", "display_name": "Opus", "created_at": "2026-01-01T00:00:00Z"}],
    "spare": [
        {"id": "gpt-5", "created": 1_700_000_000, "owned_by": "openai"},
        {"id": "odd", "created": 10**15, "max_model_len": 32_768},
    ],
}


class Upstreams:
    """The lists of all upstreams, and who asked for them."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def list_models(self, channel: Channel) -> list[dict[str, Any]]:
        self.asked.append(channel.name)
        await asyncio.sleep(0)
        return LISTS.get(channel.name, [])


@pytest.fixture
def upstreams(monkeypatch: pytest.MonkeyPatch) -> Upstreams:
    upstreams = Upstreams()
    monkeypatch.setattr(module, "list_models", upstreams.list_models)
    return upstreams


def ask(
    runtime: Runtime,
    path: str,
    *channels: Channel,
    client: Client | None = None,
    addon: Models | None = None,
    **headers: Any,
) -> Any:
    """Status and JSON of one request."""
    x = Exchange("x1", 0, 0, Snapshot("r", 0, channels=channels), "GET", path, "", tuple(headers.items()))
    x.headers = tuple((name.replace("_", "-"), value) for name, value in headers.items() if name != "x_goog_api_key")
    match = endpoints.find("GET", path)
    x.ask(match, endpoints.kind_of(match, path, {name.replace("_", "-") for name in headers}))
    x.client = client or Client("alice", "")
    request = flow("GET", path, x=x, **headers)
    addon = addon or Models(runtime)

    async def hooks() -> None:
        waiting = addon.request(request)
        assert waiting
        await waiting

    asyncio.run(hooks())
    assert request.response
    return request.response.status_code, json.loads(request.response.content or b"")


def names(runtime: Runtime, *channels: Channel, path: str = "/v1/models", client: Client | None = None) -> list[str]:
    _, body = ask(runtime, path, *channels, client=client)
    return [entry["id"] for entry in body["data"]]


def test_openai(runtime: Runtime, upstreams: Upstreams) -> None:
    status, body = ask(runtime, "/v1/models", MAIN, SPARE)
    assert status == 200 and body["object"] == "list"
    assert [entry["id"] for entry in body["data"]] == ["claude-opus-4-7", "gpt-5", "odd", "opus"]
    gpt = {"id": "gpt-5", "object": "model", "created": 1_700_000_000, "owned_by": "openai", "context_length": 400_000}
    assert body["data"][1] == gpt
    opus = {"id": "opus", "object": "model", "created": 0, "owned_by": "ccx", "context_length": 1_000_000}
    assert body["data"][3] == opus, "a name of the operator's own has the size of what it stands for"


def test_anthropic(runtime: Runtime, upstreams: Upstreams) -> None:
    _, body = ask(runtime, "/v1/models", MAIN, SPARE, anthropic_version="2023-06-01")
    assert (body["has_more"], body["first_id"], body["last_id"]) == (False, "claude-opus-4-7", "opus")
    created = {"created_at": "2026-01-01T00:00:00Z"}
    sizes = {"max_input_tokens": None, "max_tokens": None}  # it stands for x, of which nothing is known
    assert body["data"][0] == {"type": "model", "id": "claude-opus-4-7", "display_name": "Opus", **created, **sizes}
    assert [entry["max_input_tokens"] for entry in body["data"]] == [None, 400_000, 32_768, 1_000_000]
    assert body["data"][3]["max_tokens"] == 128_000
    assert [entry["created_at"][:4] for entry in body["data"]] == ["2026", "2023", "9999", "1970"]


@pytest.mark.parametrize("headers", [{"anthropic_version": "2023-06-01"}, {}, {"x_goog_api_key": "k"}])
def test_no_channel_no_model(runtime: Runtime, headers: dict[str, Any]) -> None:
    status, body = ask(runtime, "/v1/models", **headers)
    assert status == 200 and (body.get("data", body.get("models"))) == []


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/v1beta/models", {}), ("/v1/models", {"x_goog_api_key": "k"}), ("/goo/v1beta/models", {})],
    ids=["path", "header", "behind a prefix"],
)
def test_google(runtime: Runtime, upstreams: Upstreams, path: str, headers: dict[str, Any]) -> None:
    _, body = ask(runtime, path, SPARE, replace(SPARE, route_prefix="goo"), **headers)
    first = body["models"][0]
    assert (first["name"], first["displayName"]) == ("models/gpt-5", "gpt-5")
    assert first["supportedGenerationMethods"] == ["generateContent", "countTokens"]
    assert (first["inputTokenLimit"], first["outputTokenLimit"]) == (400_000, 128_000) and "window" not in first


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/models/opus", 200),
        ("/v1/models/claude-opus-4-7", 200),
        ("/v1beta/models/opus", 200),
        ("/v1/models/claude-not-listed", 200),
        ("/v1beta/models/claude-not-listed", 200),
        ("/v1/models/x", 404),
        ("/v1/models/opus-not-for-this-client", 404),
        ("/kimi/v1/models/claude-not-listed", 404),
    ],
)
def test_one_model(runtime: Runtime, upstreams: Upstreams, path: str, status: int) -> None:
    where = replace(MAIN, allow=Patterns(("claude-*", "opus*")))
    client = Client("alice", "", models=Patterns(exclude=("*not-for-this-client",)))
    found, body = ask(runtime, path, where, client=client)
    assert found == status
    if status == 404:
        assert body["error"]["code"] == "model_not_found"


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param({}, ["gpt-5", "odd"], id="all"),
        pytest.param({"status": "disabled"}, [], id="a channel in the standby pool"),
        pytest.param({"status": "suspended"}, [], id="a suspended channel"),
        pytest.param({"route_prefix": "kimi"}, [], id="another prefix"),
        pytest.param({"allow": Patterns(("gpt-*",))}, ["gpt-5"], id="what the channel allows"),
        pytest.param({"allow": Patterns(("gpt-5", "new-model"))}, ["gpt-5", "new-model"], id="named in allow"),
    ],
)
def test_which_channels_and_models_count(
    runtime: Runtime, upstreams: Upstreams, more: dict[str, Any], expected: list[str]
) -> None:
    assert names(runtime, replace(SPARE, **more)) == expected


def test_prefix(runtime: Runtime, upstreams: Upstreams) -> None:
    channels = (MAIN, replace(SPARE, route_prefix="kimi"))
    assert names(runtime, *channels, path="/kimi/v1/models") == ["gpt-5", "odd"]


def test_a_client_sees_what_it_may_use(runtime: Runtime, upstreams: Upstreams) -> None:
    assert names(runtime, MAIN, SPARE, client=Client("a", "", models=Patterns(("gpt-*",)))) == ["gpt-5"]
    only = Client("a", "", kinds=frozenset[Kind]({"chat"}))
    assert names(runtime, MAIN, SPARE, client=only) == ["gpt-5", "odd"]


def test_a_list_is_asked_once_a_minute(runtime: Runtime, upstreams: Upstreams) -> None:
    addon = Models(runtime)

    async def many() -> None:
        await asyncio.gather(*(addon.of(MAIN) for _ in range(5)))
        await addon.of(replace(MAIN))
        assert upstreams.asked == ["main"]
        await addon.of(replace(MAIN, priority=2))
        assert upstreams.asked == ["main", "main"], "a changed channel is asked anew"

    asyncio.run(many())


def test_an_old_list_is_asked_again(runtime: Runtime, upstreams: Upstreams, monkeypatch: pytest.MonkeyPatch) -> None:
    addon = Models(runtime)
    monkeypatch.setattr(module, "CACHE", -1.0)

    async def twice() -> None:
        await addon.of(MAIN)
        await addon.of(MAIN)

    asyncio.run(twice())
    assert upstreams.asked == ["main", "main"] and len(addon.lists) == 1


def test_models_do_not_vanish_while_their_upstream_is_away(
    runtime: Runtime, upstreams: Upstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    addon = Models(runtime)

    async def twice() -> None:
        first = await addon.of(MAIN)
        monkeypatch.setattr(module, "CACHE", -1.0)
        monkeypatch.setitem(LISTS, "main", [])
        assert first and await addon.of(MAIN) == first

    asyncio.run(twice())


def test_a_caller_that_leaves_takes_nobody_elses_list_away(runtime: Runtime, upstreams: Upstreams) -> None:
    addon = Models(runtime)

    async def leave() -> None:
        first = asyncio.ensure_future(addon.of(SPARE))
        await asyncio.sleep(0)
        first.cancel()
        assert len(await addon.of(SPARE)) == 2

    asyncio.run(leave())


def test_other_requests_pass_by(runtime: Runtime) -> None:
    x = Exchange("x1", 0, 0, Snapshot("r", 0), "POST", "/v1/messages", "", ())
    x.ask(endpoints.find("POST", "/v1/messages"))
    assert Models(runtime).request(flow(x=x)) is None
