import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core import config_channels, config_clients, config_parse
from ccx_addons.core.config import (
    KINDS,
    Bodies,
    Patterns,
    Policy,
    Price,
    Snapshot,
    Timeouts,
)
from ccx_addons.core.errors import ConfigErrors
from tests.core.configs import CHANNEL, CLIENT, SECRET, Json, channel, client, parse, problems, two


# ---- what is valid ---------------------------------------------------------------------------------------------------
def test_a_blank_file_is_an_accident() -> None:
    with pytest.raises(ConfigErrors, match=r"nothing in it; a gateway without channels says channels: \[\]"):
        parse(None)


@pytest.mark.parametrize("data", [{}, {"version": 1}, {"clients": None, "channels": None, "policy": None}])
def test_nothing_is_a_snapshot_without_channels(data: Json) -> None:
    snapshot = parse(data)
    assert (snapshot.revision, snapshot.loaded_at) == ("r1", 100.0)
    assert (snapshot.channels, snapshot.clients, snapshot.policy, snapshot.prices) == ((), (), Policy(), {})


@pytest.mark.parametrize(
    ("more", "field", "value"),
    [
        pytest.param({}, "kinds", set(KINDS), id="all kinds"),
        pytest.param({"kinds": None}, "kinds", set(KINDS), id="nothing said of kinds"),
        pytest.param({"kinds": ["chat"]}, "kinds", {"chat"}, id="kinds"),
        pytest.param({"models": ["a*", "!ab"]}, "models", Patterns(("a*",), ("ab",)), id="models"),
        pytest.param({"enabled": False}, "enabled", False, id="disabled"),
        pytest.param({}, "key_mask", "ccx-…6789", id="mask"),
    ],
)
def test_client(more: dict[str, Json], field: str, value: object) -> None:
    (found,) = parse(client(**more)).clients
    assert getattr(found, field) == value


@pytest.mark.parametrize(
    "model", ["gpt-4o-逆向", "【官】claude=4；5·fast", "[官]Claude-ｖ2", "~anthropic/claude-latest"]
)
def test_models_of_relays_have_other_letters(model: str) -> None:
    data = {**channel(allow=[model], models={model: "x"}), "prices": {model: {"input": 1, "output": 1}}}
    (found,) = parse(data).channels
    assert found.allow.allows(model) and not found.allow.allows("other") and found.models.apply(model).model == "x"


def test_client_limits() -> None:
    limits = {"rpm": 60, "concurrency": 4, "tokens_per_day": 2_000_000, "usd_per_month": 50}
    (found,) = parse(client(limits=limits)).clients
    assert (found.limits.rpm, found.limits.concurrency, found.limits.tokens_per_day) == (60, 4, 2_000_000)
    assert found.limits.usd_per_month == 50.0


def test_client_by_hash_by_key_and_by_environment() -> None:
    digest = hashlib.sha256(b"k-1").hexdigest()
    data = {"clients": [{"name": "a", "key_sha256": digest.upper()}, {"name": "b", "key": "env:B"}]}
    by_hash, by_env = parse(data, environ={"B": "k-2"}).clients
    assert (by_hash.key_sha256, by_hash.key_mask) == (digest, f"sha256 {digest[:8]}…")
    assert by_env.key_sha256 == hashlib.sha256(b"k-2").hexdigest()


def test_client_whose_variable_is_missing_is_left_out_with_a_warning() -> None:
    snapshot = parse({"clients": [{"name": "b", "key": "env:B"}]})
    assert snapshot.clients == () and "environment variable B" in snapshot.warnings[0]


def test_default_client_comes_first() -> None:
    snapshot = parse(client(), default_client_key="the-default-key")
    assert [c.name for c in snapshot.clients] == ["default", "alice"]
    assert snapshot.clients[0].key_sha256 == hashlib.sha256(b"the-default-key").hexdigest()


def test_policy_lies_over_the_settings() -> None:
    data = {
        "policy": {
            "errors": "vague",
            "affinity": {"ttl": 60},
            "breaker": {"consecutive": 2, "failure_rate": "0.5"},
            "attempts": {"max": 30},
            "timeouts": {"total": 30},
            "bodies": {"capture": "all", "redact": ["a+"]},
        }
    }
    policy = parse({**data, **channel()}, timeouts=Timeouts(idle=7), bodies=Bodies(max_kb=9)).policy
    assert (policy.errors, policy.affinity.ttl, policy.affinity.enabled) == ("vague", 60, True)
    assert (policy.attempts.max, policy.attempts.refused, policy.attempts.per_key) == (30, 100, 2)
    assert (policy.breaker.consecutive, policy.breaker.failure_rate, policy.breaker.window) == (2, 0.5, 20)
    assert policy.timeouts == Timeouts(total=30, idle=7)
    assert policy.bodies == Bodies("all", 9, ("a+",))


def test_channel_timeouts_lie_over_the_policy() -> None:
    data = {"policy": {"timeouts": {"total": 30}}, **channel(timeouts={"idle": 5})}
    assert parse(data, timeouts=Timeouts(connect=1)).channels[0].timeouts == Timeouts(total=30, idle=5, connect=1)


def test_prices() -> None:
    data = {"prices": {"glm-5": {"input": 1, "output": 2.5}, "x": {"input": 0, "output": "1.10", "cache_read": None}}}
    assert parse(data).prices == {"glm-5": Price(1.0, 2.5), "x": Price(0.0, 1.1)}


# ---- what is not -----------------------------------------------------------------------------------------------------
KINDS_WORDS = "must be one of messages, chat, responses, gemini, images, embeddings"

BAD: list[Any] = [
    # top
    pytest.param([], "expected a mapping, got a list", "", id="not a mapping"),
    pytest.param({"version": 0}, "must be 1", "version", id="version"),
    pytest.param({"version": 2}, "of a later version of CCX", "version", id="version of later"),
    pytest.param({"version": True}, "must be 1", "version", id="version is no flag"),
    pytest.param({"chanels": []}, "unknown key 'chanels'; did you mean 'channels'?", "chanels", id="near name"),
    pytest.param({"zzz": 1}, "known are version, clients, users, channels, policy, prices, alerts", "zzz", id="no near name"),
    pytest.param({"channels": {}}, "expected a list, got a mapping", "channels", id="channels is no list"),
    pytest.param({"channels": [1]}, "expected a mapping, got a number", "channels[0]", id="a channel is no mapping"),
    # channel
    pytest.param(channel(priorty=1), "unknown key 'priorty'; did you mean 'priority'?", "channels[0].priorty", id="unknown"),
    pytest.param(channel(name=None), "expected text, got nothing", "channels[0].name", id="no name"),
    pytest.param(channel(name=" a"), "is not a name", "channels[0].name", id="name begins with a space"),
    pytest.param(channel(name="x" * 66), "is not a name", "channels[0].name", id="long name"),
    pytest.param(channel(name="a\nb"), "is not a name", "channels[0].name", id="name of two lines"),
    pytest.param(channel(name="a\ud800"), "half a character", "channels[0].name", id="half a character"),
    pytest.param(channel(id="a b"), "is not an id", "channels[0].id", id="id"),
    pytest.param(channel(protocol="claude"), KINDS_WORDS, "channels[0].protocol", id="protocol"),
    pytest.param(channel(protocol=["messages"]), KINDS_WORDS, "channels[0].protocol", id="protocol is a list"),
    pytest.param(channel(protocol={"a": 1}), KINDS_WORDS, "channels[0].protocol", id="protocol is a mapping"),
    pytest.param(channel(serves=["claude"]), KINDS_WORDS, "channels[0].serves[0]", id="serves"),
    pytest.param(channel(serves=[]), "needs at least one kind", "channels[0].serves", id="serves nothing"),
    pytest.param(
        channel(serves=["images"]), "images cannot be served by a channel that speaks messages", "channels[0].serves",
        id="serves what it cannot",
    ),
    pytest.param(channel(mask=["mail"]), "'mail' is none of email, phone", "channels[0].mask", id="strange mask"),
    pytest.param(channel(credential="client"), "without keys", "channels[0].credential", id="a login beside keys"),
    pytest.param(
        channel(credential="client", keys=[], serves=["messages", "chat"]), "its own protocol", "channels[0].credential",
        id="a login in another protocol",
    ),
    pytest.param(
        channel(protocol="gemini", base_urls=["https://cloudcode-pa.googleapis.com"]), "a client's own login",
        "channels[0].base_urls", id="Code Assist with a key",
    ),
    pytest.param(
        channel(
            protocol="gemini", base_urls=["https://cloudcode-pa.googleapis.com", "https://a"], keys=[], credential="client"
        ),
        "no other addresses", "channels[0].base_urls", id="Code Assist and others",
    ),
    pytest.param(channel(base_urls=[]), "needs at least one URL", "channels[0].base_urls", id="no URL"),
    pytest.param(channel(base_urls=["a.example"]), "must begin with", "channels[0].base_urls[0]", id="no scheme"),
    pytest.param(channel(base_urls=["ftp://a"]), "must begin with", "channels[0].base_urls[0]", id="scheme"),
    pytest.param(channel(base_urls=["https://a", ""]), "must begin with", "channels[0].base_urls[1]", id="empty URL"),
    pytest.param(channel(base_urls=["https://a", None]), "expected text", "channels[0].base_urls[1]", id="no text"),
    pytest.param(channel(base_urls=["https://a:b"]), "is not a URL", "channels[0].base_urls[0]", id="port"),
    pytest.param(channel(base_urls=["https://u:p@a"]), "user name", "channels[0].base_urls[0]", id="user in URL"),
    pytest.param(
        channel(base_urls=["http://localhost:3000"]), "points at this gateway itself", "channels[0].base_urls[0]",
        id="loop",
    ),
    pytest.param(channel(keys="sk"), "expected a list, got text; put it into brackets: [...]", "channels[0].keys", id="keys is no list"),
    pytest.param(channel(api_key="sk"), "did you mean 'keys'?", "channels[0].api_key", id="another gateway's word"),
    pytest.param(channel(protocol="anthropic"), "did you mean 'messages'?", "channels[0].protocol", id="a vendor for a protocol"),
    pytest.param(channel(models=["a"]), "the names that a channel takes are its allow", "channels[0].models", id="models is a list"),
    *(pytest.param(channel(keys=[text]), "is a variable as other programs write it", "channels[0].keys[0]", id=text) for text in ("${A:-sk-x}", "$OPENAI_API_KEY", "os.environ/OPENAI_API_KEY", "{{ key }}", "%KEY%")),
    pytest.param(channel(keys=[""]), "is not a key", "channels[0].keys[0]", id="empty key"),
    pytest.param(channel(keys=["kéy"]), "is not a key", "channels[0].keys[0]", id="key is not ASCII"),
    pytest.param(channel(keys=["a\nb"]), "is not a key", "channels[0].keys[0]", id="key of two lines"),
    pytest.param(channel(keys=["Bearer sk-1"]), "is more than a key", "channels[0].keys[0]", id="key with its scheme"),
    pytest.param(channel(keys=[{"key": '"sk-1"'}]), "is more than a key", "channels[0].keys[0].key", id="key in quotes"),
    pytest.param(channel(keys=[{"name": "x"}]), "expected text", "channels[0].keys[0].key", id="entry without key"),
    pytest.param(channel(keys=[{}]), "expected text", "channels[0].keys[0].key", id="empty entry"),
    pytest.param(channel(keys=[1]), "expected a mapping, got a number", "channels[0].keys[0]", id="key is a number"),
    pytest.param(channel(keys=["a", "a"]), "the key is used twice", "channels[0].keys[1]", id="key twice"),
    pytest.param(
        channel(keys=[{"key": "a", "weigth": 1}]), "did you mean 'weight'?", "channels[0].keys[0].weigth",
        id="unknown key of a key",
    ),
    pytest.param(
        channel(keys=[{"key": "a", "weight": 0}]), "must be at least 1", "channels[0].keys[0].weight", id="weight",
    ),
    pytest.param(
        channel(keys=[{"key": "a", "base_url": "https://c"}]), "is not one of the channel's base_urls",
        "channels[0].keys[0].base_url", id="foreign base URL",
    ),
    pytest.param(channel(auth="basic"), "must be one of auto, bearer", "channels[0].auth", id="auth"),
    pytest.param(channel(auth=["auto"]), "must be one of auto, bearer", "channels[0].auth", id="auth is a list"),
    pytest.param(channel(models=["a"]), "expected a mapping of model names", "channels[0].models", id="models"),
    pytest.param(channel(models={"a*b": "x"}), "is not a model pattern", "channels[0].models.a*b", id="star inside"),
    pytest.param(channel(models={"!a": "x"}), "is not a model pattern", "channels[0].models.!a", id="exclusion"),
    pytest.param(channel(models={"": "x"}), "is not a model pattern", "channels[0].models.", id="empty model"),
    pytest.param(
        channel(models={"a": {"to": "x", "effort": "huge"}}), "must be one of none, minimal",
        "channels[0].models.a.effort", id="effort",
    ),
    pytest.param(channel(models={"a": ""}), "is empty", "channels[0].models.a", id="nothing to ask for"),
    pytest.param(channel(models={"a": ["x", " "]}), "is empty", "channels[0].models.a[1]", id="nothing second"),
    pytest.param(channel(models={"a": {"to": ""}}), "is empty", "channels[0].models.a.to", id="nothing by name"),
    pytest.param(channel(models={"a": {"too": "x"}}), "did you mean 'to'?", "channels[0].models.a.too", id="target"),
    pytest.param(channel(allow="claude-*"), "expected a list", "channels[0].allow", id="allow is no list"),
    pytest.param(channel(allow=["ok", "a*b"]), "is not a model pattern", "channels[0].allow[1]", id="pattern"),
    pytest.param(channel(allow=[None, "a*b"]), "is not a model pattern", "channels[0].allow[1]", id="place after a fault"),
    pytest.param(channel(allow=["!"]), "is not a model pattern", "channels[0].allow[0]", id="nothing excluded"),
    pytest.param(channel(allow=[""]), "is not a model pattern", "channels[0].allow[0]", id="empty pattern"),
    pytest.param(channel(allow=[" "]), "is not a model pattern", "channels[0].allow[0]", id="blank pattern"),
    pytest.param(channel(allow=["**"]), "is not a model pattern", "channels[0].allow[0]", id="two stars"),
    pytest.param(channel(priority="1"), "expected a whole number, got text", "channels[0].priority", id="priority"),
    pytest.param(channel(priority=True), "expected a whole number", "channels[0].priority", id="priority is no flag"),
    pytest.param(channel(status="off"), "must be one of active", "channels[0].status", id="status"),
    pytest.param(channel(promoted_until="soon"), "is not a time like", "channels[0].promoted_until", id="time"),
    pytest.param(channel(promoted_until=True), "is not a time like", "channels[0].promoted_until", id="time flag"),
    pytest.param(channel(promoted_until="2026-13-01"), "is not a time like", "channels[0].promoted_until", id="month 13"),
    pytest.param(channel(route_prefix="v1"), "is a path of the gateway itself", "channels[0].route_prefix", id="v1"),
    pytest.param(channel(route_prefix="API"), "is a path of the gateway itself", "channels[0].route_prefix", id="api"),
    pytest.param(channel(route_prefix="a/b"), "is not one path segment", "channels[0].route_prefix", id="two segments"),
    pytest.param(channel(headers=["a"]), "expected a mapping", "channels[0].headers", id="headers"),
    pytest.param(channel(headers={"a b": "c"}), "is not a header name", "channels[0].headers.a b", id="header name"),
    pytest.param(channel(headers={"Authorization": "x"}), "cannot be set here", "channels[0].headers.Authorization", id="auth header"),
    pytest.param(channel(headers={"Content_Length": "1"}), "cannot be set here", "channels[0].headers.Content_Length", id="framing header"),
    pytest.param(channel(headers={"X-Ccx-A": "x"}), "cannot be set here", "channels[0].headers.X-Ccx-A", id="our header"),
    pytest.param(channel(headers={"a": "b\r\nc: d"}), "printable text on one line", "channels[0].headers.a", id="header injection"),
    pytest.param(channel(headers={"a": None}), "expected text, got nothing", "channels[0].headers.a", id="no value"),
    pytest.param(channel(proxy="ftp://a"), "must begin with http:// or https:// or socks5://", "channels[0].proxy", id="proxy scheme"),
    pytest.param(channel(proxy="socks5://"), "has no host name", "channels[0].proxy", id="proxy without host"),
    pytest.param(channel(verify_tls="no"), "expected true or false, got text", "channels[0].verify_tls", id="flag"),
    pytest.param(channel(timeouts={"idle": 0}), "must be at least 0.1", "channels[0].timeouts.idle", id="no time"),
    pytest.param(channel(timeouts={"idle": float("nan")}), "expected a number", "channels[0].timeouts.idle", id="NaN"),
    pytest.param(channel(timeouts={"idle": float("inf")}), "expected a number", "channels[0].timeouts.idle", id="infinite"),
    pytest.param(channel(timeouts={"idl": 1}), "did you mean 'idle'?", "channels[0].timeouts.idl", id="timeout name"),
    pytest.param(channel(limits={"rpm": 1.5}), "expected a whole number", "channels[0].limits.rpm", id="half a request"),
    pytest.param(channel(reasoning={"style": "x"}), "must be one of auto", "channels[0].reasoning.style", id="style"),
    pytest.param(channel(reasoning={"effort": {"a": "x"}}), "must be one of none", "channels[0].reasoning.effort.a", id="effort word"),
    pytest.param(channel(reasoning={"effort": {"a*b": "low"}}), "is not a model pattern", "channels[0].reasoning.effort.a*b", id="effort pattern"),
    pytest.param(channel(reasoning={"effort": {"!a": "low"}}), "is not a model pattern", "channels[0].reasoning.effort.!a", id="effort exclusion"),
    pytest.param(channel(reasoning={"effort": []}), "expected a mapping", "channels[0].reasoning.effort", id="effort list"),
    pytest.param(channel(on_loss="x"), "must be one of keep, refuse", "channels[0].on_loss", id="on_loss"),
    pytest.param(channel(price_multiplier=-1), "must be at least 0", "channels[0].price_multiplier", id="negative price"),
    pytest.param(channel(health_check={"every": 1}), "must be at least 30", "channels[0].health_check.every", id="health"),
    pytest.param(channel(note=1), "expected text, got a number", "channels[0].note", id="note"),
    # clients
    pytest.param({"clients": [{"name": "a"}]}, "expected text", "clients[0].key_sha256", id="client without key"),
    pytest.param(client(key_sha256="0" * 64), "give key or key_sha256, not both", "clients[0].key", id="both"),
    pytest.param({"clients": [{"name": "a", "key_sha256": "xyz"}]}, "is not 64 hex digits", "clients[0].key_sha256", id="hash"),
    pytest.param(client(kinds=["x"]), KINDS_WORDS, "clients[0].kinds[0]", id="client kinds"),
    pytest.param(client(kinds=[]), "needs at least one kind", "clients[0].kinds", id="a client of no kind"),
    pytest.param(client(limits={"rpm": -1}), "must be at least 0", "clients[0].limits.rpm", id="client limit"),
    pytest.param(client(enabled="yes"), "expected true or false", "clients[0].enabled", id="client enabled"),
    pytest.param(client(models=["a*b"]), "is not a model pattern", "clients[0].models[0]", id="client models"),
    # policy and prices
    pytest.param({"policy": []}, "expected a mapping", "policy", id="policy"),
    pytest.param({"policy": {"errors": "loud"}}, "must be one of precise, vague", "policy.errors", id="errors"),
    pytest.param({"policy": {"breaker": {"failure_rate": 2}}}, "at most 1", "policy.breaker.failure_rate", id="rate"),
    pytest.param({"policy": {"bodies": {"redact": ["("]}}}, "is not a regular expression", "policy.bodies.redact[0]", id="redact"),
    *(pytest.param({"policy": {"bodies": {"redact": [text]}}}, "matches nothing at all", "policy.bodies.redact[0]", id=f"redact {text!r}") for text in ("", "a*", "x|")),
    pytest.param({"policy": {"bodies": {"redact": [None, "("]}}}, "is not a regular", "policy.bodies.redact[1]", id="second redact"),
    pytest.param({"policy": {"bodies": {"capture": "some"}}}, "must be one of off", "policy.bodies.capture", id="capture"),
    pytest.param({"prices": []}, "expected a mapping of model names", "prices", id="prices"),
    pytest.param({"prices": {"a*b": {"input": 1, "output": 1}}}, "is not a model pattern", "prices.a*b", id="price of no pattern"),
    pytest.param({"prices": {"m": {"input": 1}}}, "needs input and output", "prices.m", id="half a price"),
    pytest.param({"prices": {"m": {"input": -1, "output": 1}}}, "must be at least 0", "prices.m.input", id="negative"),
    pytest.param({"prices": {"m": {"input": None, "output": 1}}}, "expected a number", "prices.m.input", id="no price"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "words", "path"), BAD)
def test_problem(data: Json, words: str, path: str) -> None:
    found = problems(data)
    assert [p.message for p in found if p.path == path and words in p.message], found
    assert len(found) <= 2, "one fault is one problem, or two where something else depends on it"


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (channel(serves=["claude"]), "channels[0].serves[0]"),
        (channel(serves=[1]), "channels[0].serves[0]"),
        ({**channel(priority="x"), "mirrors": [{"name": "m", "to": "main", "channels": ["main"]}]}, "channels[0].priority"),
        (
            {**channel(), **client(kinds=["x"]), "mirrors": [{"name": "m", "to": "main", "clients": ["alice"]}]},
            "clients[0].kinds[0]",
        ),
        (
            {**channel(), **client(enabled=0), "mirrors": [{"name": "m", "to": "main", "clients": ["alice"]}]},
            "clients[0].enabled",
        ),
    ],
)  # fmt: skip
def test_what_depends_on_a_fault_is_no_fault_of_its_own(data: Json, path: str) -> None:
    assert [p.path for p in problems(data)] == [path]


def test_names_may_have_a_slash_inside() -> None:
    assert parse(channel(name="a/b")).channels[0].name == "a/b"


# ---- all of it at once -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "options", "path", "message"),
    [
        pytest.param(
            two({"id": "a"}, {"id": "b"}), {}, "channels[1].name", "the name 'main' is used twice", id="channel name"
        ),
        pytest.param(
            two({"id": "a"}, {"id": "a", "name": "x"}), {}, "channels[1].id", "the id 'a' is used twice", id="channel id"
        ),
        pytest.param(
            {"clients": [CLIENT, {**CLIENT, "name": "bob"}]}, {}, "clients[1].key", "the key is used twice", id="client key"
        ),
        pytest.param(
            {"clients": [CLIENT, {"name": "alice", "key": "other-key"}]}, {}, "clients[1].name",
            "the name 'alice' is used twice", id="client name",
        ),
        pytest.param(
            {"clients": [{"name": "default", "key": "other-key"}]}, {"default_client_key": "k1"}, "clients[0].name",
            "the name 'default' is used twice", id="the name of the default client",
        ),
        pytest.param(
            client(), {"default_client_key": CLIENT["key"]}, "clients[0].key", "the key is used twice",
            id="the key of the default client",
        ),
        pytest.param(
            client(), {"admin_key": CLIENT["key"]}, "clients[0].key",
            "the key of 'alice' must differ from ADMIN_ACCESS_KEY", id="the admin's key",
        ),
    ],
)  # fmt: skip
def test_what_may_be_there_once(data: Json, options: dict[str, Json], path: str, message: str) -> None:
    assert [(p.path, p.message) for p in problems(data, **options)] == [(path, message)]


def test_places_do_not_shift_behind_a_broken_entry() -> None:
    found = problems({"channels": [1, CHANNEL, {**CHANNEL, "id": "other"}]})
    assert [p.path for p in found if "twice" in p.message] == ["channels[2].name"]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(channel(keys=[{SECRET: None}]), id="as a key's name"),
        pytest.param(channel(**{SECRET: 1}), id="as a setting"),
        pytest.param({SECRET: 1}, id="at the top"),
        pytest.param(channel(keys=[SECRET, SECRET]), id="twice"),
        pytest.param(channel(keys=[SECRET + "\u00e9"]), id="not ASCII"),
        pytest.param(channel(keys=[[SECRET]]), id="in a list"),
        pytest.param(channel(keys={SECRET: 1}), id="in a mapping"),
        pytest.param(channel(keys=[{"key": SECRET, "weight": SECRET}]), id="as a number"),
        pytest.param(channel(base_urls=[f"https://{SECRET}@a"]), id="user in a URL"),
        pytest.param(channel(base_urls=[f"https://a:{SECRET}"]), id="port of a URL"),
        pytest.param(channel(base_urls=[f"https://a?key={SECRET}"]), id="query of a URL"),
        pytest.param(channel(proxy=f"ftp://u:{SECRET}@a"), id="password of a proxy"),
        pytest.param(channel(auth=SECRET), id="auth"),
        pytest.param(channel(headers={"authorization": SECRET}), id="header"),
        pytest.param({"clients": [{"name": "a", "key_sha256": SECRET}]}, id="hash"),
        pytest.param(client(key=[SECRET]), id="client key in a list"),
        pytest.param({"policy": {"bodies": {"redact": [f"({SECRET}"]}}}, id="expression"),
    ],
)
def test_no_problem_shows_a_secret(data: Json) -> None:
    assert SECRET not in str(ConfigErrors(problems(data)))


# ---- anything --------------------------------------------------------------------------------------------------------
NAMES = st.sampled_from(
    [
        *config_parse.TOP_KEYS, *config_channels.CHANNEL_KEYS, *config_clients.CLIENT_KEYS, *config_channels.KEY_KEYS,
        "input", "output", "effort", "to", "redact", "rpm", "idle", "", "a.b", "\ud800",
    ]
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["messages", "chat", "https://a", "http://localhost:3000", "env:X", "a*", "!b", "2026-01-31", "\udfff", "1e5"]),
)  # fmt: skip
DATA = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)


def survives(data: Json) -> None:
    try:
        snapshot = parse(data, environ={"X": "secret-x"}, default_client_key="k", admin_key="a")
    except ConfigErrors as errors:
        assert errors.problems and all(p.message for p in errors.problems)
    else:
        assert isinstance(snapshot, Snapshot)


@given(DATA)
def test_any_data_gives_a_snapshot_or_config_errors(data: Json) -> None:
    survives(data)


@given(st.dictionaries(st.sampled_from(config_channels.CHANNEL_KEYS), DATA, max_size=4))
def test_any_channel_gives_a_snapshot_or_config_errors(more: Mapping[str, Json]) -> None:
    survives(channel(**more))


@given(st.dictionaries(st.sampled_from(config_clients.CLIENT_KEYS), DATA, max_size=4))
def test_any_client_gives_a_snapshot_or_config_errors(more: Mapping[str, Json]) -> None:
    survives(client(**more))


@given(st.dictionaries(st.sampled_from(["policy", "prices"]), st.dictionaries(NAMES, DATA, max_size=3)))
def test_any_policy_and_prices_give_a_snapshot_or_config_errors(data: Json) -> None:
    survives(data)


@given(st.permutations([("a", {}), ("b", {"priority": 2}), ("c", {"protocol": "chat"})]))
def test_channels_do_not_depend_on_each_other(rows: list[tuple[str, dict[str, Json]]]) -> None:
    data = {"channels": [{**CHANNEL, "name": name, **more} for name, more in rows]}
    found = {c.name: c for c in parse(json.loads(json.dumps(data))).channels}
    assert found == {name: parse(channel(name=name, **more)).channels[0] for name, more in rows}
