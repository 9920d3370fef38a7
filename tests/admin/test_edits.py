"""Changes of ccx.yaml: what changes, and that nothing else does."""

import difflib
import hashlib
import re
from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccx_addons.io import yaml_file
from ccx_admin import edits as edit
from ccx_admin.api.problem import Failure
from tests.admin.seed import CONFIG, SECRETS

MAIN, BACK, CODEX, GEMINI, SPARE = "ch_main0001", "ch_back0002", "ch_codex003", "ch_gem00004", "ch_spare005"
KEY_1, KEY_2 = edit.key_id(SECRETS[0]), edit.key_id(SECRETS[1])


def changes(change: edit.Change, text: str = CONFIG) -> list[str]:
    """The lines that went and came, without those that only moved."""
    after = yaml_file.edited(text, change)
    yaml_file.load_text(after)
    lines = difflib.ndiff(text.splitlines(), after.splitlines())
    return [re.sub(r"\s+", " ", line) for line in lines if line[0] in "+-" and line[1:].strip()]


CASES: Final = [
    pytest.param(lambda: edit.set_status(MAIN, "suspended"), ["+ status: suspended"], id="suspend, comment below"),
    pytest.param(lambda: edit.set_status(GEMINI, "active"), ["- status: suspended"], id="resume"),
    pytest.param(lambda: edit.set_status(SPARE, "active"), ["- status: disabled"], id="out of standby"),
    pytest.param(
        lambda: edit.promote(CODEX, 300, 0), ["+ promoted_until: '1970-01-01T00:05:00Z'"], id="promote"
    ),
    pytest.param(lambda: edit.promote(CODEX, 0, 0), [], id="end a promotion that is none"),
    pytest.param(
        lambda: edit.order([CODEX, MAIN]),
        ["- priority: 1", "+ priority: 2", "- priority: 2", "+ priority: 3", "- priority: 3", "+ priority: 1", "- priority: 9", "+ priority: 5"],
        id="order",
    ),
    pytest.param(lambda: edit.order([MAIN, BACK, CODEX, GEMINI]), ["- priority: 9", "+ priority: 5"], id="order that holds"),
    pytest.param(lambda: edit.patch_channel(BACK, {"note": "cheap: yes"}), ['+ note: "cheap: yes"'], id="new setting"),
    pytest.param(lambda: edit.patch_channel(BACK, {"priority": 2}), [], id="same value"),
    pytest.param(lambda: edit.patch_channel(BACK, {"priority": None}), ["- priority: 2"], id="back to the default"),
    pytest.param(lambda: edit.patch_channel(BACK, {"tags": None}), [], id="default already"),
    pytest.param(
        lambda: edit.patch_channel(BACK, {"timeouts": {"first_event": 20}}),
        ["+ timeouts: {first_event: 20}"],
        id="nested",
    ),
    pytest.param(
        lambda: edit.patch_channel(BACK, {"models": {"opus": None}}),
        ['- models: {opus: glm-5, sonnet: {to: glm-5, effort: high}, "*": glm-5-air}', '+ models: {sonnet: {to: glm-5, effort: high}, "*": glm-5-air}'],
        id="out of a mapping",
    ),
    pytest.param(
        lambda: edit.patch_channel(MAIN, {"allow": ["claude-*", "!claude-2*"]}),
        ["+ allow: [claude-*, '!claude-2*']"],
        id="a list",
    ),
    pytest.param(
        lambda: edit.add_keys(CODEX, ["sk-new-key-1", {"key": "env:K", "weight": 2}]),
        ["- keys: [sk-proj-CCCCCCCCCCCCCCCCCCCCCCCC]", "+ keys: [sk-proj-CCCCCCCCCCCCCCCCCCCCCCCC, sk-new-key-1, {key: env:K, weight: 2}]"],
        id="keys",
    ),
    pytest.param(
        lambda: edit.patch_key(MAIN, KEY_1, {"enabled": False}),
        ["- - sk-ant-api03-AAAAAAAAAAAAAAAAAAAA # the team's", "+ - {key: sk-ant-api03-AAAAAAAAAAAAAAAAAAAA, enabled: false} # the team's"],
        id="short key becomes long",
    ),
    pytest.param(
        lambda: edit.patch_key(MAIN, KEY_2, {"name": None, "weight": None}),
        ["- - {key: sk-ant-api03-BBBBBBBBBBBBBBBBBBBB, name: spare, weight: 2}", "+ - sk-ant-api03-BBBBBBBBBBBBBBBBBBBB"],
        id="long key becomes short",
    ),
    pytest.param(
        lambda: edit.delete_key(MAIN, KEY_1), ["- - sk-ant-api03-AAAAAAAAAAAAAAAAAAAA # the team's"], id="delete key"
    ),
    pytest.param(lambda: edit.patch_client("ci", {"enabled": None, "kinds": None}),
        ["- - {name: ci, key: ccx-ci-0123456789abcdef, kinds: [chat, embeddings], enabled: false}", "+ - {name: ci, key: ccx-ci-0123456789abcdef}"], id="client"),
    pytest.param(lambda: edit.delete_client("ci"),
        ["- - {name: ci, key: ccx-ci-0123456789abcdef, kinds: [chat, embeddings], enabled: false}"], id="delete client"),
    pytest.param(
        lambda: edit.patch_settings({"policy": {"breaker": {"window": 50}, "errors": "vague"}}),
        ["+ policy:", "+ breaker: {window: 50}", "+ errors: vague"],
        id="policy",
    ),
    pytest.param(
        lambda: edit.patch_settings({"prices": {"glm-*": {"input": 0.6, "output": 2.2}}}),
        ["+ prices:", "+ glm-*: {input: 0.6, output: 2.2}"],
        id="prices",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("change", "lines"), CASES)
def test_changes_only_what_it_says(change: Callable[[], edit.Change], lines: list[str]) -> None:
    assert sorted(changes(change())) == sorted(lines)


def test_a_key_moves_with_its_comment() -> None:
    after = yaml_file.edited(CONFIG, edit.patch_key(MAIN, KEY_1, {"position": 1}))
    assert "sk-ant-api03-AAAAAAAAAAAAAAAAAAAA   # the team's\n    priority: 1" in after
    assert sorted(after.splitlines()) == sorted(CONFIG.splitlines())


@pytest.mark.parametrize("id", [MAIN, BACK, CODEX, GEMINI, SPARE])
def test_a_deleted_channel_takes_only_its_own_lines(id: str) -> None:
    gone = changes(edit.delete_channel(id))
    block = re.search(rf"  - id: {id}\n(?:    .*\n)*", CONFIG)
    assert block
    assert sorted(gone) == sorted(f"- {re.sub(r'\s+', ' ', line.strip())}" for line in block[0].splitlines())


def test_a_new_channel_comes_last_and_is_reached_last() -> None:
    values = {
        "name": "new",
        "protocol": "chat",
        "base_urls": ["https://a.example"],
        "keys": ["0123", "on", "1e5", "null"],
    }
    id, change = edit.add_channel(values)
    assert changes(change) == [
        f"+ - id: {id}",
        "+ name: new",
        "+ protocol: chat",
        "+ base_urls: [https://a.example]",
        "+ keys: ['0123', on, '1e5', 'null']",
        "+ priority: 10",
    ]
    data = yaml_file.load_text(yaml_file.edited(CONFIG, change)).data
    assert data["channels"][-1]["keys"] == values["keys"]


def test_a_new_channel_in_front() -> None:
    _, change = edit.add_channel({"name": "new", "protocol": "chat", "base_urls": ["https://a.example"]}, first=True)
    assert "+ priority: 0" in changes(change)


def test_the_first_channel_of_an_empty_file() -> None:
    values = {"name": "first", "protocol": "chat", "base_urls": ["https://a.example"]}
    for text in ("", "version: 1\n", yaml_file.EXAMPLE):
        after = yaml_file.edited(text, edit.add_channel(values)[1])
        assert yaml_file.load_text(after).data["channels"][0]["name"] == "first"


def test_a_renamed_channel_keeps_its_id() -> None:
    text = "version: 1\nchannels:\n  - name: old\n    protocol: chat\n"
    id = edit.channel_id({"name": "old"})
    after = yaml_file.load_text(yaml_file.edited(text, edit.patch_channel(id, {"name": "new"}))).data
    assert after["channels"][0] == {"id": id, "name": "new", "protocol": "chat"}


def test_only_one_channel_is_promoted() -> None:
    text = yaml_file.edited(CONFIG, edit.promote(MAIN, 300, 0))
    data = yaml_file.load_text(yaml_file.edited(text, edit.promote(CODEX, 300, 0))).data
    assert [c["id"] for c in data["channels"] if "promoted_until" in c] == [CODEX]


def test_a_hidden_password_stays() -> None:
    text = CONFIG.replace("https://api.openai.com/v1", "https://me:geheim@relay.example/v1")
    change = edit.patch_channel(CODEX, {"base_urls": ["https://***@relay.example/v1", "https://b.example"]})
    data = yaml_file.load_text(yaml_file.edited(text, change)).data
    assert data["channels"][2]["base_urls"] == ["https://me:geheim@relay.example/v1", "https://b.example"]


def test_client_secret_is_kept_as_its_hash() -> None:
    secret, change = edit.add_client({"name": "bob"})
    after = yaml_file.edited(CONFIG, change)
    assert secret not in after and len(secret) > 40
    assert yaml_file.load_text(after).data["clients"][-1]["key_sha256"] == edit._sha256(secret)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        pytest.param(lambda: edit.set_status("ch_none", "active"), 404, id="no such channel"),
        pytest.param(lambda: edit.delete_key(MAIN, "k_none"), 404, id="no such key"),
        pytest.param(lambda: edit.delete_client("nobody"), 404, id="no such client"),
        pytest.param(lambda: edit.delete_client("default"), 409, id="the environment's client"),
        pytest.param(lambda: edit.add_keys(MAIN, [SECRETS[0]]), 409, id="known key"),
        pytest.param(lambda: edit.order([MAIN, MAIN]), 422, id="twice in the order"),
        pytest.param(lambda: edit.patch_channel(MAIN, {"keys": []}), 422, id="keys by patch"),
        pytest.param(lambda: edit.patch_channel(MAIN, {"id": "x"}), 422, id="id by patch"),
        pytest.param(lambda: edit.patch_key(MAIN, KEY_1, {"position": 7}), 422, id="position out of reach"),
        pytest.param(lambda: edit.promote(MAIN, -1, 0), 422, id="negative time"),
        pytest.param(lambda: edit.patch_settings({"channels": []}), 422, id="channels as settings"),
        pytest.param(lambda: edit.patch_settings({"policy": {"x": 1}}), 422, id="unknown policy"),
    ],
)
def test_refusals(change: Callable[[], edit.Change], status: int) -> None:
    with pytest.raises(Failure) as caught:
        yaml_file.edited(CONFIG, change())
    assert caught.value.status == status


def test_the_last_active_channel_is_guarded() -> None:
    text = CONFIG
    for id in (BACK, CODEX):
        text = yaml_file.edited(text, edit.set_status(id, "suspended"))
    with pytest.raises(Failure, match="force"):
        yaml_file.edited(text, edit.delete_channel(MAIN))
    assert MAIN not in yaml_file.edited(text, edit.delete_channel(MAIN, force=True))


names = st.text("abc:#&*!'\"- 01", min_size=1, max_size=12)
plain: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers(-99, 99) | names | st.lists(names, max_size=3)


@settings(deadline=None)
@given(st.dictionaries(names, plain | st.dictionaries(names, plain, max_size=2), max_size=4))
def test_any_values_survive_the_file(patch: dict[str, Any]) -> None:
    """What is written is what is read, whatever it looks like in YAML."""
    after = yaml_file.load_text(yaml_file.edited(CONFIG, edit.patch_channel(MAIN, {"models": patch}))).data
    assert (after["channels"][0].get("models") or {}) == _kept(patch)


def _kept(patch: dict[str, Any]) -> dict[str, Any]:
    return {n: _kept(v) if isinstance(v, dict) else v for n, v in patch.items() if v is not None}


def test_what_comes_back_as_it_was_shown_stays_what_it_is() -> None:
    text = """\
channels:
  - name: main
    headers: {x-team: a-secret-0123456789, user-agent: me/1}
    proxy: http://me:pw@proxy:1
    website: https://a.example/?token=0123456789abcdef
"""
    shown = {
        "headers": {"x-team": "a-se…6789", "user-agent": "me/2", "x-new": "new"},
        "proxy": "http://***@proxy:1",
        "website": "https://a.example/?token=***",
    }
    after = yaml_file.edited(text, edit.patch_channel(edit.channel_id({"name": "main"}), shown))
    channel = yaml_file.load_text(after).data["channels"][0]
    assert channel["headers"] == {"x-team": "a-secret-0123456789", "user-agent": "me/2", "x-new": "new"}
    assert (channel["proxy"], channel["website"]) == (
        "http://me:pw@proxy:1",
        "https://a.example/?token=0123456789abcdef",
    )


# ---- many, and for a while -------------------------------------------------------------------------------------------
def many(wanted: dict[str, Any]) -> dict[str, Any]:
    text = yaml_file.edited(CONFIG, edit.bulk([MAIN, CODEX, MAIN], wanted))
    return {channel["id"]: channel for channel in yaml_file.load_text(text).data["channels"] if "id" in channel}


def test_many_channels_are_changed_alike() -> None:
    found = many({"status": "suspended", "priority": 9, "add_tags": ["x", "y"], "models": {"opus": "glm-6"}})
    for id in (MAIN, CODEX):
        assert found[id]["status"] == "suspended" and found[id]["priority"] == 9
        assert found[id]["tags"][-2:] == ["x", "y"] and found[id]["models"]["opus"] == "glm-6"
    assert "tags" not in many({"remove_tags": ["x"]})[CODEX]
    assert {MAIN, CODEX} & set(many({"delete": True})) == set()
    with pytest.raises(Failure, match="no setting"):
        edit.bulk([MAIN], {"name": "x"})


def test_a_replaced_key_stays_for_a_while() -> None:
    text = yaml_file.edited(CONFIG, edit.replace_key(MAIN, KEY_1, "sk-new", 3600, 1_769_860_800.0))
    new, old, *_ = yaml_file.load_text(text).data["channels"][0]["keys"]
    assert new == "sk-new" and old["until"] == "2026-01-31T13:00:00Z" and edit.key_id(old) == KEY_1
    text = yaml_file.edited(CONFIG, edit.replace_key(MAIN, KEY_1, "sk-new", 0, 0))
    assert edit.key_id(yaml_file.load_text(text).data["channels"][0]["keys"][0]) == edit.key_id("sk-new")
    with pytest.raises(Failure, match="has this key"):
        yaml_file.edited(text, edit.replace_key(MAIN, edit.key_id("sk-new"), "sk-new", 0, 0))
    with pytest.raises(Failure, match="seconds"):
        edit.replace_key(MAIN, KEY_1, "sk-new", -1, 0)


def test_a_client_gets_another_key_beside_its_old_one() -> None:
    text = "version: 1\nclients:\n  - {name: a, key: first}\n"
    secret, change = edit.rotate_client("a", 3600, 1_769_860_800.0)
    (client,) = yaml_file.load_text(yaml_file.edited(text, change)).data["clients"]
    assert client["key_sha256"] == hashlib.sha256(secret.encode()).hexdigest() and "key" not in client
    before = hashlib.sha256(b"first").hexdigest()
    assert client["previous"] == [{"key_sha256": before, "until": "2026-01-31T13:00:00Z"}]
    again = yaml_file.edited(yaml_file.edited(text, change), edit.rotate_client("a", 0, 1_769_870_800.0)[1])
    assert "previous" not in yaml_file.load_text(again).data["clients"][0], "what is over is forgotten"


@pytest.mark.parametrize(
    ("seconds", "ends"), [(0, []), (60, ["12:01:00", "12:01:00"]), (7200, ["13:00:00", "14:00:00"])]
)
def test_no_earlier_key_outlives_what_is_said_of_the_old_one(seconds: int, ends: list[str]) -> None:
    text, now = "version: 1\nclients:\n  - {name: a, key: first}\n", 1_769_860_800.0
    for more in (3600, seconds):
        text = yaml_file.edited(text, edit.rotate_client("a", more, now)[1])
    previous = yaml_file.load_text(text).data["clients"][0].get("previous", [])
    assert [entry["until"] for entry in previous] == [f"2026-01-31T{end}Z" for end in ends]
