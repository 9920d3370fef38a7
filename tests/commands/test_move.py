import json
from typing import Any

import pytest

from ccx_addons.commands import move
from ccx_addons.commands.move import Moved, Unknown, environment, read, to_litellm
from ccx_addons.core.settings import Settings
from ccx_addons.io import yaml_file

UPSTREAM = {
    "name": "main", "serviceType": "openai", "baseUrl": "https://a.test", "apiKeys": ["key-one", "key-two"],
    "modelMapping": {"opus": "gpt-5", "opus-mini": "gpt-5-mini"}, "supportedModels": ["claude-*"], "priority": 2,
    "status": "suspended", "insecureSkipVerify": True, "lowQuality": True,
}  # fmt: skip
TEXT = ["messages", "chat", "responses", "gemini"]


def valid(moved: Moved) -> Moved:
    """The channels are what ccx.yaml takes."""
    loaded = yaml_file.load_text(json.dumps({"version": 1, "channels": moved.channels}))
    assert len(yaml_file.snapshot_of(loaded, Settings(), 0).channels) == len(moved.channels)
    return moved


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"upstream": [UPSTREAM]}, id="2.x"),
        pytest.param(
            {"channelsV3": [{"name": "site", "members": [{"kind": "messages", "config": UPSTREAM}]}]}, id="3.x"
        ),
        pytest.param({"channelsV3": [{"protocols": {"messages": {"upstream": UPSTREAM}}}]}, id="3.x, by name"),
    ],
)
def test_the_original(data: dict[str, Any]) -> None:
    moved = valid(read(data))
    assert moved.channels == [{
        "name": "main", "protocol": "chat", "base_urls": ["https://a.test"], "keys": ["key-one", "key-two"],
        "serves": ["messages"], "models": {"*opus-mini*": "gpt-5-mini", "*opus*": "gpt-5"}, "allow": ["claude-*"],
        "priority": 2, "status": "suspended", "verify_tls": False,
    }]  # fmt: skip
    assert moved.left == ["main: lowQuality"]


VERSION_3 = {
    "channelAuthoritativeVersion": 1,
    "managedAccounts": [
        {"accountUid": "acct_1", "providerId": "kimi", "credentials": [{"credentialUid": "cred_1", "apiKey": "sk-managed-1"}]}
    ],
    "channelsV3": [
        {"channelUid": "lc_1", "name": "kimi", "siteIdentity": "api.kimi.test", "protocols": [
            {"kind": "messages", "index": 1, "upstream": {
                "accountUid": "acct_1", "channelUid": "ch_1", "baseUrl": "https://api.kimi.test", "apiKeys": None,
                "apiKeyConfigs": [{"credentialUid": "cred_1", "name": "main", "rateLimitRpm": 30, "weight": 2}],
                "serviceType": "claude", "priority": 2, "status": "active", "autoManaged": True, "noVision": True,
                "requestTimeoutMs": 90000, "rateLimitMaxConcurrent": 4, "tags": ["cn"],
            }},
            {"kind": "chat", "index": 0, "upstream": {
                "baseUrl": "https://api.kimi.test/v1", "apiKeys": ["sk-plain"], "serviceType": "openai", "priority": 0,
                "status": "active", "apiKeyConfigs": [{"credentialUid": "cred_gone"}],
            }},
        ]},
        {"channelUid": "lc_2", "protocols": [{"kind": "vectors", "index": 0, "upstream": {
            "name": "vec", "baseUrl": "https://v.test", "apiKeys": ["sk-v1", "sk-v2"], "serviceType": "openai",
            "apiKeyConfigs": [{"key": "sk-v2", "enabled": False}], "lowQuality": True,
        }}]},
    ],
    "upstream": [{"name": "of before", "baseUrl": "https://old.test", "apiKeys": ["sk-old"], "serviceType": "claude"}],
    "fuzzyModeEnabled": True,
}  # fmt: skip


def test_the_originals_version_3() -> None:
    """Managed keys stand apart, and the lists of version 2 are only what they were."""
    moved = valid(read(VERSION_3))
    assert moved.channels == [
        {"name": "kimi", "protocol": "chat", "base_urls": ["https://api.kimi.test/v1"], "keys": ["sk-plain"]},
        {"name": "vec", "protocol": "embeddings", "base_urls": ["https://v.test"],
         "keys": ["sk-v1", {"key": "sk-v2", "enabled": False}]},
        {"name": "kimi-2", "protocol": "messages", "base_urls": ["https://api.kimi.test"],
         "keys": [{"key": "sk-managed-1", "name": "main", "weight": 2, "limits": {"rpm": 30}}], "priority": 2,
         "limits": {"concurrency": 4}, "timeouts": {"total": 90.0}, "no_vision": True, "tags": ["cn"]},
    ]  # fmt: skip
    assert moved.left == ["kimi: the file does not hold one of its keys; put it in", "vec: lowQuality"]


def test_the_originals_kinds() -> None:
    row = {"baseUrls": ["https://a.test"], "apiKeys": ["k1"]}
    moved = valid(read({name: [row] for name in move.ORIGINAL}))
    assert [channel["protocol"] for channel in moved.channels] == list(move.ORIGINAL.values())
    copilot = read({"upstream": [{**row, "serviceType": "copilot"}, {"apiKeys": ["k"]}]})
    assert copilot.channels == [] and copilot.left == [
        "messages: its service copilot is not supported", "messages: has no address"
    ]  # fmt: skip
    masked = read({"upstream": [{**row, "apiKeys": ["sk-a***b"]}]})
    assert "keys" not in masked.channels[0] and masked.left == ["messages: the file holds its keys masked; put them in"]


def test_litellm() -> None:
    moved = valid(read({
        "model_list": [
            {"model_name": "fast", "litellm_params": {"model": "openai/gpt-5-mini", "api_key": "os.environ/OPENAI_API_KEY"}},
            {"model_name": "gpt-5", "litellm_params": {"model": "gpt-5", "api_key": "os.environ/OPENAI_API_KEY"}},
            {"model_name": "vec", "litellm_params": {"model": "text-embedding-3-small"}, "model_info": {"mode": "embedding"}},
            {"model_name": "llama", "litellm_params": {"model": "openrouter/meta/llama-4", "api_key": "or-key", "rpm": 9}},
            {"model_name": "bed", "litellm_params": {"model": "bedrock/claude"}},
        ],
        "router_settings": {"num_retries": 2},
    }))  # fmt: skip
    assert moved.channels == [
        {"name": "openai", "protocol": "chat", "base_urls": ["https://api.openai.com"], "keys": ["env:OPENAI_API_KEY"],
         "serves": TEXT, "models": {"fast": "gpt-5-mini"}, "allow": ["fast", "gpt-5"]},
        {"name": "openai-2", "protocol": "embeddings", "base_urls": ["https://api.openai.com"],
         "models": {"vec": "text-embedding-3-small"}, "allow": ["vec"]},
        {"name": "openrouter", "protocol": "chat", "base_urls": ["https://openrouter.ai/api/v1"], "keys": ["or-key"],
         "serves": TEXT, "models": {"llama": "meta/llama-4"}, "allow": ["llama"]},
    ]  # fmt: skip
    assert moved.left == ["llama: rpm", "bed: the vendor bedrock is not supported", "the file's router_settings"]


def test_litellm_there_and_back() -> None:
    made, left = to_litellm([
        {"name": "a", "protocol": "messages", "base_urls": ["https://api.anthropic.com"], "keys": ["env:A", {"key": "k"}],
         "models": {"fast": {"to": "claude-haiku"}}, "allow": ["claude-opus", "claude-*"]},
        {"name": "open", "protocol": "chat", "base_urls": ["https://b.test"]},
    ])  # fmt: skip
    assert [row["model_name"] for row in made["model_list"]] == ["claude-opus", "fast"] * 2
    assert left == [f"{name}: only models that are named can be carried, no patterns" for name in ("a", "open")]
    back = valid(read(made))
    assert [(c["protocol"], c["keys"], c["models"]) for c in back.channels] == [
        ("messages", ["env:A"], {"fast": "claude-haiku"}), ("messages", ["k"], {"fast": "claude-haiku"})
    ]  # fmt: skip


def test_chains_there_and_back() -> None:
    made, left = to_litellm([
        {"name": "a", "protocol": "messages", "base_urls": ["https://a.test"], "keys": ["k"],
         "models": {"fast": ["haiku", {"to": "sonnet", "effort": "low"}], "best": "opus"}},
    ])  # fmt: skip
    assert [row["model_name"] for row in made["model_list"]] == ["fast", "fast-2", "best"] and left == []
    assert made["router_settings"] == {"fallbacks": [{"fast": ["fast-2"]}]}
    back = valid(read(made))
    assert back.channels[0]["models"] == {"fast": ["haiku", "sonnet"], "fast-2": "sonnet", "best": "opus"}
    assert back.left == []


def test_fallbacks_between_channels_are_no_chain() -> None:
    moved = valid(read({
        "model_list": [
            {"model_name": "a", "litellm_params": {"model": "openai/x"}},
            {"model_name": "a", "litellm_params": {"model": "openai/y"}},
            {"model_name": "b", "litellm_params": {"model": "anthropic/z"}},
        ],
        "litellm_settings": {"fallbacks": [{"a": ["b"]}], "drop_params": True},
    }))  # fmt: skip
    assert moved.channels[0]["models"] == {"a": ["x", "y"]}, "two deployments of one name"
    assert moved.left == [
        "the fallbacks of a: not inside one channel; priorities do that here", "the file's litellm_settings"
    ]  # fmt: skip


ROWS = [
    {"id": 1, "type": 1, "name": "oa", "key": "k1\nk2", "models": "gpt-5,text-embedding-3-small,dall-e-3", "priority": 9,
     "model_mapping": '{"gpt-5": "gpt-5.1"}', "status": 1},
    {"id": 2, "type": 14, "name": "an", "key": "", "models": "claude-opus", "base_url": "https://relay.test", "status": 2},
    {"id": 3, "type": 33, "name": "aws", "key": "k", "models": "x"},
    {"id": 4, "type": 43, "name": "deep", "key": "k", "model_mapping": "no json"},
]  # fmt: skip


@pytest.mark.parametrize("data", [ROWS, {"data": ROWS}, {"success": True, "data": {"items": ROWS, "total": 3}}])
def test_new_api(data: Any) -> None:
    moved = valid(read(data))
    assert [(c["name"], c["protocol"], c.get("allow"), c["priority"]) for c in moved.channels] == [
        ("oa", "chat", ["gpt-5"], 1), ("oa-2", "embeddings", ["text-embedding-3-small"], 1),
        ("oa-3", "images", ["dall-e-3"], 1), ("an", "messages", ["claude-opus"], 2), ("deep", "chat", None, 2),
    ]  # fmt: skip
    assert moved.channels[0]["keys"] == ["k1", "k2"] and moved.channels[0]["models"] == {"gpt-5": "gpt-5.1"}
    assert (moved.channels[3]["status"], moved.channels[3]["base_urls"]) == ("suspended", ["https://relay.test"])
    assert moved.left == [
        "an: the export holds no key; put it in", "aws: channels of type 33 are not supported",
        "deep: its model_mapping is no JSON object",
    ]  # fmt: skip


def test_claude_code_router() -> None:
    gemini = "https://generativelanguage.googleapis.com/v1beta/models/"
    moved = valid(read({
        "Providers": [
            {"name": "or", "api_base_url": "https://openrouter.ai/api/v1/chat/completions", "api_key": "$OR_KEY",
             "models": ["m/a"], "transformer": {"use": ["openrouter", ["maxtoken", {"max_tokens": 9}]]}},
            {"name": "g", "api_base_url": gemini, "api_key": "k", "models": ["gemini-3"], "transformer": {"use": ["gemini"]}},
        ],
        "Router": {"default": "or,m/a", "background": "g,gemini-3", "think": "or,m/a", "longContextThreshold": 60000},
    }))  # fmt: skip
    assert moved.channels == [
        {"name": "or", "protocol": "chat", "base_urls": ["https://openrouter.ai/api/v1/chat/completions"],
         "keys": ["env:OR_KEY"], "serves": TEXT, "models": {"claude-*": "m/a"}, "allow": ["m/a", "claude-*", "!*haiku*"]},
        {"name": "g", "protocol": "gemini", "base_urls": ["https://generativelanguage.googleapis.com/v1beta"], "keys": ["k"],
         "serves": TEXT, "models": {"*haiku*": "gemini-3"}, "allow": ["gemini-3", "*haiku*"]},
    ]  # fmt: skip
    assert moved.left == ["or: the transformers maxtoken", "the routes think: there is no rule for them here"]


def test_variables_of_sdks() -> None:
    moved = valid(
        environment({"OPENAI_API_KEY": "secret", "OPENAI_BASE_URL": "https://b.test/v1", "GROQ_API_KEY": "x"})
    )
    assert [(c["name"], c["base_urls"], c["keys"]) for c in moved.channels] == [
        ("openai", ["https://b.test/v1"], ["env:OPENAI_API_KEY"]),
        ("groq", ["https://api.groq.com/openai/v1"], ["env:GROQ_API_KEY"]),
    ]
    assert "secret" not in repr(moved) and len(moved.left) == 2


@pytest.mark.parametrize("data", [None, [], {}, "text", 7, [1], {"data": 1}, [{"name": "x"}]])
def test_what_is_none_of_them(data: Any) -> None:
    with pytest.raises(Unknown, match=r"no config\.json"):
        read(data)
