import asyncio
import contextlib
import dataclasses
import time

import pytest

from ccx_addons import reload as module
from ccx_addons.io import last_good, yaml_file
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy import dial
from ccx_addons.reload import Reload

ONE = "channels: [{name: one, protocol: chat, base_urls: ['https://a.test'], keys: [k1]}]\n"
TWO = ONE.replace("one", "two")


@pytest.fixture
def addon(runtime: Runtime) -> Reload:
    runtime.config_path.write_text(ONE)
    runtime.snapshot = yaml_file.read_snapshot(runtime.config_path, runtime.settings, now=0)
    addon = Reload(runtime)
    addon.seen = runtime.snapshot.revision
    return addon


def events(runtime: Runtime) -> list[str]:
    runtime.store.flush()
    found = runtime.store.read("SELECT group_concat(level || ': ' || message, '\n') FROM events WHERE kind = 'config'")
    assert found
    return (found[0] or "").splitlines()


def look(addon: Reload) -> None:
    asyncio.run(addon.look())


def test_an_unchanged_file_is_not_read_again(addon: Reload) -> None:
    before = addon.runtime.snapshot
    look(addon)
    assert addon.runtime.snapshot is before and events(addon.runtime) == []


def test_a_change_is_a_new_snapshot(addon: Reload) -> None:
    before = addon.runtime.snapshot
    addon.runtime.config_path.write_text(TWO)
    look(addon)
    after = addon.runtime.snapshot
    assert [c.name for c in after.channels] == ["two"] and after.revision != before.revision
    assert [c.name for c in before.channels] == ["one"], "who has the old one keeps it"
    assert events(addon.runtime) == [f"info: configuration {after.revision} is in force"]


def test_models_that_were_asked_for_are_known_to_the_new_configuration_before_it_is_in_force(addon: Reload) -> None:
    indexes = addon.runtime.state.indexes
    before = indexes.of(addon.runtime.snapshot)
    before.plan("chat", "m", "")
    addon.runtime.config_path.write_text(TWO)
    look(addon)
    after = indexes.of(addon.runtime.snapshot)
    assert after is not before and list(after.plans) == [("chat", "m", "", False)]
    assert [entry.channel.name for entry in after.plan("chat", "m", "").entries] == ["two"]


async def test_a_file_of_certificates_is_read_anew_with_the_configuration(addon: Reload) -> None:
    before = await dial.tls_context(True, None)
    await addon.look()
    assert await dial.tls_context(True, None) is before
    addon.runtime.config_path.write_text(TWO)
    await addon.look()
    assert await dial.tls_context(True, None) is not before


@pytest.mark.parametrize(
    "text",
    ["channels: 1\n", "a: [\n", "channels: [{name: x}]\n", "\xff\xfe"],
    ids=["wrong", "no YAML", "half", "no text"],
)
def test_a_bad_file_changes_nothing_and_says_why(addon: Reload, caplog: pytest.LogCaptureFixture, text: str) -> None:
    before = addon.runtime.snapshot
    addon.runtime.config_path.write_bytes(text.encode("latin-1"))
    look(addon)
    look(addon)
    assert addon.runtime.snapshot is before
    assert events(addon.runtime) == ["error: ccx.yaml is not valid; the old one stays in force"], "said once"
    assert "the running configuration stays" in caplog.text


BLANK = ["", "\n \n", "# channels:\n#  - name: a\n", "---\n", "---\n...\n", "null\n", "\ufeff"]


@pytest.mark.parametrize("text", BLANK)
def test_a_blank_file_changes_nothing_and_says_so(addon: Reload, text: str) -> None:
    before = addon.runtime.snapshot
    addon.runtime.config_path.write_text(text)
    look(addon)
    assert addon.runtime.snapshot is before
    assert events(addon.runtime) == ["error: ccx.yaml is not valid; the old one stays in force"]
    detail = addon.runtime.store.read("SELECT detail FROM events WHERE kind = 'config'")
    assert detail and "nothing in it" in detail[0]


def test_no_channels_are_a_wish(addon: Reload) -> None:
    addon.runtime.config_path.write_text("channels: []\n")
    look(addon)
    assert addon.runtime.snapshot.channels == ()


def test_a_file_that_is_being_written_is_looked_at_later(addon: Reload, monkeypatch: pytest.MonkeyPatch) -> None:
    addon.runtime.config_path.write_text("")
    real = addon.fingerprint

    def then_it_is_whole() -> str:
        found = real()
        addon.runtime.config_path.write_text(TWO)
        return found

    monkeypatch.setattr(addon, "fingerprint", then_it_is_whole)
    look(addon)
    assert events(addon.runtime) == [], "nobody is told of an empty file"
    look(addon)
    assert [c.name for c in addon.runtime.snapshot.channels] == ["two"]


def test_a_repaired_file_is_taken(addon: Reload) -> None:
    for text in ("channels: 1\n", TWO):
        addon.runtime.config_path.write_text(text)
        look(addon)
    assert [c.name for c in addon.runtime.snapshot.channels] == ["two"]


def test_a_deleted_file_changes_nothing_until_it_is_back(addon: Reload) -> None:
    before = addon.runtime.snapshot
    addon.runtime.config_path.unlink()
    look(addon)
    assert addon.runtime.snapshot is before
    addon.runtime.config_path.write_text(TWO)
    look(addon)
    assert [c.name for c in addon.runtime.snapshot.channels] == ["two"]


def test_warnings_are_logged(addon: Reload, caplog: pytest.LogCaptureFixture) -> None:
    addon.runtime.config_path.write_text(ONE.replace("[k1]", "[k1, 'env:CCX_TEST_NO_SUCH_VARIABLE']"))
    look(addon)
    assert "CCX_TEST_NO_SUCH_VARIABLE" in caplog.text and len(addon.runtime.snapshot.channels[0].keys) == 1


def test_a_missing_ca_file_does_not_stop_a_reload(addon: Reload, caplog: pytest.LogCaptureFixture) -> None:
    addon.runtime.config_path.write_text(ONE.replace("keys", "ca_file: none.pem, keys"))
    look(addon)
    assert addon.runtime.snapshot.channels[0].ca_file == "none.pem"
    words = "line 1, channels[0].ca_file: there is no such file; this channel cannot connect"
    assert words in caplog.text
    addon.runtime.store.flush()
    assert addon.runtime.store.read("SELECT detail FROM events WHERE kind = 'config'") == (words,)


async def test_it_watches_until_it_is_done(addon: Reload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.01)
    addon.running()
    assert addon.task
    addon.runtime.config_path.write_text(TWO)
    end = time.monotonic() + 10
    while addon.runtime.snapshot.channels[0].name != "two":
        assert time.monotonic() < end
        await asyncio.sleep(0.01)
    addon.done()
    with contextlib.suppress(asyncio.CancelledError):
        await addon.task
    assert addon.task.cancelled()


async def test_a_bug_while_looking_does_not_end_the_watch(
    addon: Reload, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "EVERY", 0.01)
    real, calls = addon.fingerprint, []

    def fingerprint() -> str:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("bug")
        return real()

    monkeypatch.setattr(addon, "fingerprint", fingerprint)
    addon.running()
    end = time.monotonic() + 10
    while len(calls) < 3:
        assert time.monotonic() < end
        await asyncio.sleep(0.01)
    addon.done()
    assert "looking at the configuration failed" in caplog.text


@pytest.mark.parametrize("broken", [False, True])
def test_a_key_that_is_over_is_over_without_a_change_of_the_file(addon: Reload, broken: bool) -> None:
    text = ONE.replace("[k1]", "[{key: k1, until: 2026-01-31T12:00:00Z}, k2]")
    text += (
        "clients: [{name: a, key: new, previous: [{key_sha256: '" + "0" * 64 + "', until: 2026-01-31T13:00:00Z}]}]\n"
    )
    path = addon.runtime.config_path
    path.write_text(text)
    addon.runtime.snapshot = before = last_good.take(addon.runtime.settings, 1_769_860_799.0)
    addon.seen = before.revision
    if broken:
        path.write_text("a: [")
        addon.seen = addon.fingerprint()
    assert [key.enabled for key in before.channels[0].keys] == [True, True] and len(before.clients[0].previous) == 1
    assert before.turns_at == 1_769_860_800.0
    look(addon)
    after = addon.runtime.snapshot
    assert [key.enabled for key in after.channels[0].keys] == [False, True] and after.clients[0].previous == ()
    assert after.revision == before.revision and after.turns_at == float("inf")
    assert events(addon.runtime) == [], "it is nobody's change"
    look(addon)
    assert addon.runtime.snapshot is after


def test_a_file_that_was_broken_meanwhile_is_not_read_for_that(addon: Reload) -> None:
    addon.runtime.snapshot = dataclasses.replace(addon.runtime.snapshot, turns_at=1.0)
    addon.runtime.config_path.write_text("a: [")
    addon.seen = addon.fingerprint()
    look(addon)
    assert [c.name for c in addon.runtime.snapshot.channels] == ["one"]
    assert addon.runtime.snapshot.turns_at == float("inf"), "it is not tried again and again"
