"""Channels as they are written."""

import hashlib

import pytest

from ccx_addons.core import config_channels
from ccx_addons.core.config import (
    KEYLESS,
    Embedding,
    HealthCheck,
    Patterns,
    ReasoningPolicy,
    Target,
    Timeouts,
)
from tests.core.configs import SECRET, Json, channel, parse, problems


@pytest.mark.parametrize(
    ("more", "field", "value"),
    [
        pytest.param({}, "serves", {"messages"}, id="serves its own kind"),
        pytest.param({"serves": ["chat", "responses"]}, "serves", {"chat", "responses"}, id="serves others"),
        pytest.param({"base_urls": [" https://a/ ", "https://b/v1#"]}, "base_urls", ("https://a", "https://b/v1#"), id="trimmed"),
        pytest.param({"base_urls": ["http://127.0.0.1:3001"]}, "base_urls", ("http://127.0.0.1:3001",), id="next door"),
        pytest.param({"auth": "x-goog-api-key"}, "auth", "x-goog-api-key", id="auth"),
        pytest.param({"allow": ["Claude-*", "!claude-2*"]}, "allow", Patterns(("claude-*",), ("claude-2*",)), id="allow"),
        pytest.param({"allow": []}, "allow", Patterns(), id="empty allows all"),
        pytest.param({"priority": -3}, "priority", -3, id="priority"),
        pytest.param({"status": "suspended"}, "status", "suspended", id="status"),
        pytest.param({"promoted_until": None}, "promoted_until", None, id="not promoted"),
        pytest.param({"promoted_until": "2026-01-31T12:00:00Z"}, "promoted_until", 1769860800.0, id="UTC"),
        pytest.param({"promoted_until": "2026-01-31T12:00:00"}, "promoted_until", 1769860800.0, id="without zone is UTC"),
        pytest.param({"promoted_until": "2026-01-31T13:30:00+01:30"}, "promoted_until", 1769860800.0, id="offset"),
        pytest.param({"promoted_until": "2026-01-31"}, "promoted_until", 1769817600.0, id="a day"),
        pytest.param({"route_prefix": "kimi"}, "route_prefix", "kimi", id="prefix"),
        pytest.param({"headers": {"X-Team": "core", "x-n": 1}}, "headers", (("x-team", "core"), ("x-n", "1")), id="headers"),
        pytest.param({"proxy": "socks5h://u:p@h:1080"}, "proxy", "socks5h://u:p@h:1080", id="proxy"),
        pytest.param({"proxy": None}, "proxy", None, id="no proxy"),
        pytest.param({"verify_tls": False}, "verify_tls", False, id="verify_tls"),
        pytest.param({"timeouts": {"first_event": 120}}, "timeouts", Timeouts(first_event=120.0), id="timeouts"),
        pytest.param({"timeouts": {"idle": "2.5"}}, "timeouts", Timeouts(idle=2.5), id="a number that YAML left as text"),
        pytest.param(
            {"reasoning": {"style": "thinking", "effort": {"gpt-5*": "high"}, "verbosity": "low", "fast": True}},
            "reasoning",
            ReasoningPolicy("thinking", (("gpt-5*", "high"),), "low", True),
            id="reasoning",
        ),
        pytest.param({"quirks": ["a", "b", "a"]}, "quirks", {"a", "b"}, id="quirks"),
        pytest.param({"embedding": {"space": "s", "dimensions": 8}}, "embedding", Embedding("s", 8), id="embedding"),
        pytest.param({"on_loss": "refuse"}, "on_loss", "refuse", id="on_loss"),
        pytest.param({"price_multiplier": 0}, "price_multiplier", 0.0, id="free"),
        pytest.param({"price_multiplier": "1e-7"}, "price_multiplier", 1e-7, id="exponent"),
        pytest.param({"health_check": {"enabled": True, "every": 30, "model": "m"}}, "health_check", HealthCheck(True, 30, "m"), id="health"),
        pytest.param({"tags": ["a", 1]}, "tags", ("a", "1"), id="tags"),
        pytest.param({"rotate": "least_used"}, "rotate", "least_used", id="rotate"),
        pytest.param({"no_vision": True}, "no_vision", True, id="no_vision"),
        pytest.param({"id": "ch_7f3a9c21"}, "id", "ch_7f3a9c21", id="own id"),
    ],
)  # fmt: skip
def test_channel(more: dict[str, Json], field: str, value: object) -> None:
    (found,) = parse(channel(**more)).channels
    assert getattr(found, field) == value


def test_headers_that_go_on() -> None:
    (found,) = parse(channel(pass_headers=["X-Trace", "x-trace", "x-user_id"])).channels
    assert found.pass_headers == ("x-trace", "x-user_id")
    refused = [
        "Authorization",
        "x_api_key",
        "X-Auth-Token",
        "OpenAI-Organization",
        "x-ccx-channel",
        "Connection",
        "a b",
    ]
    assert len(problems(channel(pass_headers=refused))) == len(refused)


def test_no_proxy_at_all() -> None:
    assert parse(channel(proxy="none")).channels[0].proxy == "none"


def test_generated_id_depends_on_the_name_only() -> None:
    (one,) = parse(channel()).channels
    (two,) = parse(channel(priority=7, base_urls=["https://b"])).channels
    assert one.id == two.id and one.id.startswith("ch_")


def test_model_map() -> None:
    (found,) = parse(channel(models={"opus": "big", "sonnet": {"to": "glm-5", "effort": "high"}, "*": "rest"})).channels
    assert found.models.entries == {
        "opus": (Target("big"),),
        "sonnet": (Target("glm-5", "high"),),
        "*": (Target("rest"),),
    }


def test_keys_short_and_long() -> None:
    long = {
        "key": "env:TEAM_KEY",
        "name": "team",
        "weight": 2,
        "models": ["claude-*"],
        "base_url": "https://b/",
        "enabled": False,
    }
    data = channel(base_urls=["https://a", "https://b"], keys=[SECRET, long])
    first, second = parse(data, environ={"TEAM_KEY": " sk-team-1 "}).channels[0].keys
    assert (first.secret, first.weight, first.enabled, first.name) == (SECRET, 1, True, "")
    assert (second.secret, second.name, second.weight, second.enabled) == ("sk-team-1", "team", 2, False)
    assert second.base_url == "https://b" and second.models == Patterns(("claude-*",))
    assert first.id == "k_" + hashlib.sha256(SECRET.encode()).hexdigest()[:8]


@pytest.mark.parametrize("keys", [{}, {"keys": None}, {"keys": []}])
def test_an_upstream_without_keys(keys: dict[str, Json]) -> None:
    data = channel(**keys)
    if not keys:
        del data["channels"][0]["keys"]
    snapshot = parse(data)
    assert snapshot.channels[0].keys == (KEYLESS,) and not snapshot.warnings


def test_variables_in_keys_headers_proxies_and_addresses() -> None:
    environ = {"MYKEY": "sk-1", "HOST": "a.example", "TOKEN": "t0", "PROXY": "http://me:pw@proxy:3128"}
    data = channel(
        keys=[{"key": "${MYKEY}", "base_url": "https://${HOST}"}],
        base_urls=["https://${HOST}/"],
        headers={"x-a": "env:TOKEN", "x-b": "Bearer ${TOKEN}"},
        proxy="${PROXY}",
    )
    (found,) = parse(data, environ=environ).channels
    assert (found.keys[0].secret, found.keys[0].base_url) == ("sk-1", "https://a.example")
    assert found.base_urls == ("https://a.example",) and found.proxy == environ["PROXY"]
    assert found.headers == (("x-a", "t0"), ("x-b", "Bearer t0"))


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"headers": {"x-a": "env:GONE"}}, "channels[0].headers.x-a"),
        ({"headers": {"x-a": "Bearer ${GONE}"}}, "channels[0].headers.x-a"),
        ({"base_urls": ["https://${GONE}"]}, "channels[0].base_urls[0]"),
        ({"proxy": "env:GONE"}, "channels[0].proxy"),
        ({"ca_file": "${GONE}/ca.pem"}, "channels[0].ca_file"),
    ],
)
def test_a_variable_that_is_not_set_is_refused_with_its_place(more: dict[str, Json], path: str) -> None:
    found = problems(channel(**more), lines={path: 7})
    assert (found[0].path, found[0].line) == (path, 7)
    assert found[0].message == "the environment variable GONE is not set"


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"keys": ["env:ADMIN_ACCESS_KEY"]}, "channels[0].keys[0]"),
        ({"keys": [{"key": "x${CCX_PANEL_SECRET}"}]}, "channels[0].keys[0].key"),
        ({"headers": {"x-a": "Bearer ${OIDC_CLIENT_SECRET}"}}, "channels[0].headers.x-a"),
        ({"base_urls": ["https://a.example/${CCX_CONFIG_SECRET}"]}, "channels[0].base_urls[0]"),
        ({"proxy": "env:CCX_DATABASE_URL"}, "channels[0].proxy"),
    ],
)
def test_the_gateways_own_secrets_go_to_nobody(more: dict[str, Json], path: str) -> None:
    own = dict.fromkeys(("ADMIN_ACCESS_KEY", "CCX_PANEL_SECRET", "OIDC_CLIENT_SECRET", "CCX_CONFIG_SECRET"), "s")
    found = problems(channel(**more), environ={**own, "CCX_DATABASE_URL": "http://s"})
    assert [problem.path for problem in found] == [path] and "is the gateway's own secret" in found[0].message
    assert parse(channel(keys=["env:PROXY_ACCESS_KEY"]), environ={"PROXY_ACCESS_KEY": SECRET}).channels[0].keys


def test_keys_that_are_not_there_are_no_reason_to_ask_without_one() -> None:
    assert parse(channel(keys=["env:NOT_SET", "${NOT_SET}"])).channels[0].keys == ()


def test_missing_environment_variable_is_a_warning_for_that_key_only() -> None:
    snapshot = parse(channel(keys=["env:NOT_SET", SECRET]))
    assert [key.secret for key in snapshot.channels[0].keys] == [SECRET]
    assert snapshot.warnings == (
        "channels[0].keys[0]: the environment variable NOT_SET is not set; this key is not used",
    )


def test_known_quirks() -> None:
    assert parse(channel(quirks=["strip"]), quirk_names=frozenset({"strip"})).channels[0].quirks == {"strip"}
    found = problems(channel(quirks=["strip", "stirp", "zzz"]), quirk_names=frozenset({"strip"}))
    assert [(p.path, p.message) for p in found] == [
        ("channels[0].quirks[1]", "unknown quirk 'stirp'; did you mean 'strip'?"),
        ("channels[0].quirks[2]", "unknown quirk 'zzz'"),
    ]


def test_several_upstream_models_for_one_are_tried_in_their_order() -> None:
    models = {"opus": ["big", {"to": "small", "effort": "low"}], "haiku": ["one"], "sonnet": "two"}
    (found,) = parse(channel(models=models)).channels
    assert found.models.entries == {
        "opus": (Target("big"), Target("small", "low")),
        "haiku": (Target("one"),),
        "sonnet": (Target("two"),),
    }


@pytest.mark.parametrize(
    ("chain", "path", "words"),
    [
        pytest.param([], "", "needs 1 to 16 models", id="none"),
        pytest.param([f"m{n}" for n in range(17)], "", "needs 1 to 16 models", id="too many"),
        pytest.param(["a", "b", "a"], "[2]", "the model 'a' is used twice", id="twice"),
        pytest.param(["a", {"to": "a", "effort": "low"}], "[1]", "the model 'a' is used twice", id="twice, otherwise"),
        pytest.param(["a", ["b"]], "[1]", "expected a mapping, got a list", id="a list in a list"),
        pytest.param(["a", None], "[1]", "expected a mapping, got nothing", id="nothing"),
        pytest.param(["a", {"to": "b", "effort": "huge"}], "[1].effort", "must be one of none, minimal", id="effort"),
        pytest.param(["a", {"too": "b"}], "[1].too", "unknown key 'too'; did you mean 'to'?", id="a typo"),
    ],
)
def test_a_chain_that_cannot_be(chain: Json, path: str, words: str) -> None:
    found = problems(channel(models={"opus": chain}))
    assert found[0].path == f"channels[0].models.opus{path}" and words in found[0].message


def test_a_long_chain() -> None:
    names = [f"m{n}" for n in range(config_channels.MOST_IN_CHAIN)]
    (found,) = parse(channel(models={"*": names})).channels
    assert [mapped.model for mapped in found.models.chain("anything")] == names


def test_a_variable_may_end_with_the_line_of_its_file() -> None:
    (main,) = parse(channel(keys=["env:K"]), environ={"K": " sk-1\r\n"}).channels
    assert [key.secret for key in main.keys] == ["sk-1"]
