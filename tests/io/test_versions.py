import contextlib
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from ccx_addons.core.errors import CcxError, ConfigErrors, StoreError
from ccx_addons.core.settings import Settings
from ccx_addons.io import versions, yaml_file
from ccx_addons.io.board import line_of
from ccx_addons.io.versions import BY_HAND, Followed, RevisionConflict
from ccx_addons.io.yaml_file import revision_of
from tests.io.test_yaml_file import HAND_WRITTEN, NOW, SETTINGS, with_ca_file
from tests.postgres import Server

DAY = 86_400.0


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config" / "ccx.yaml"
    path.parent.mkdir()
    path.write_text(HAND_WRITTEN)
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def now_of(path: Path) -> str:
    return revision_of(path.read_bytes())


def put(path: Path, channel: int, name: str, value: Any, who: str = "ann", at: float = NOW, seen: str | None = None, **more: Any) -> str:  # fmt: skip
    return versions.edit(path, lambda document: document["channels"][channel].update({name: value}), seen, who, SETTINGS, at, **more)  # fmt: skip


def told(path: Path) -> list[str]:
    return [f"{v.who}: " + "; ".join(text.format(**values) for text, values in v.words) for v in versions.history(path)]


# ---- saving ----------------------------------------------------------------------------------------------------------
def test_save(config: Path) -> None:
    before = config.read_bytes()
    revision = versions.save(config, "version: 1\n", revision_of(before), "ann", SETTINGS, NOW)
    assert config.read_text() == "version: 1\n" and revision == revision_of(b"version: 1\n")
    new, old = versions.history(config)
    assert (new.revision, new.who, new.parent) == (revision, "ann", old.revision)
    assert new.at == pytest.approx(NOW, abs=1e-3)
    assert (old.revision, old.who) == (revision_of(before), BY_HAND) and old.path.read_bytes() == before
    assert {mode(file) for file in yaml_file.backups(config).iterdir()} == {0o600}


def test_save_makes_the_first_file(tmp_path: Path) -> None:
    path = tmp_path / "ccx.yaml"
    versions.save(path, "version: 1\n", revision_of(b""), "ann", SETTINGS, NOW)
    assert path.read_text() == "version: 1\n" and told(path) == ["ann: the file as it was found"]


def test_what_is_not_valid_is_not_saved(config: Path) -> None:
    for text in ("channels: 1\n", "a: [", "version: 9\n"):
        with pytest.raises(ConfigErrors):
            versions.save(config, text, now_of(config), "ann", SETTINGS, NOW)
    assert config.read_text() == HAND_WRITTEN and versions.history(config) == []


@pytest.mark.parametrize("before", [HAND_WRITTEN, "", "a: ["])
def test_a_new_ca_file_that_is_not_there_is_not_saved(config: Path, before: str) -> None:
    config.write_text(before)
    with pytest.raises(ConfigErrors, match=r"line 13, channels\[1\].ca_file: there is no such file"):
        versions.save(config, with_ca_file(HAND_WRITTEN), revision_of(before.encode()), "ann", SETTINGS, NOW)
    assert config.read_text() == before


def test_a_ca_file_that_went_away_forbids_no_other_change(config: Path) -> None:
    config.write_text(with_ca_file(HAND_WRITTEN))
    put(config, 1, "status", "suspended")
    assert yaml_file.read_snapshot(config, SETTINGS, now=NOW).channels[1].status == "suspended"


def test_edit(config: Path) -> None:
    revision = put(config, 0, "status", "suspended")
    assert revision == now_of(config) and "# the good one" in config.read_text()
    snapshot = yaml_file.read_snapshot(config, SETTINGS, now=NOW)
    assert snapshot.channels[0].status == "suspended" and snapshot.channels[0].keys[0].secret == "0123"


def test_an_edit_that_is_not_valid_changes_nothing(config: Path) -> None:
    with pytest.raises(ConfigErrors):
        versions.edit(config, lambda document: document.update(policy=1), None, "ann", SETTINGS, NOW)
    assert config.read_text() == HAND_WRITTEN


def test_an_edit_that_changes_nothing_is_no_version(config: Path) -> None:
    put(config, 0, "note", "x")
    put(config, 0, "note", "x", at=NOW + 100)
    assert len(versions.history(config)) == 2


def test_a_broken_file_is_not_edited_but_can_be_replaced(config: Path) -> None:
    config.write_bytes(b"a: [\n")
    with pytest.raises(ConfigErrors):
        versions.edit(config, lambda document: None, None, "ann", SETTINGS, NOW)
    versions.save(config, "version: 1\n", revision_of(b"a: [\n"), "ann", SETTINGS, NOW)
    assert config.read_text() == "version: 1\n"


def test_writers_take_turns(config: Path) -> None:
    def add(n: int) -> None:
        def change(document: Any) -> None:
            document["channels"][0].setdefault("tags", []).append(f"t{n}")

        versions.edit(config, change, None, f"w{n}", SETTINGS, NOW + n)

    threads = [threading.Thread(target=add, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = yaml_file.read_snapshot(config, SETTINGS, now=NOW).channels[0].tags
    assert sorted(found) == [f"t{n}" for n in range(6)], "no edit was lost"


# ---- two at once -----------------------------------------------------------------------------------------------------
def test_changes_of_different_things_are_merged(config: Path) -> None:
    seen = now_of(config)
    put(config, 0, "note", "by ann", "ann", NOW, seen)
    put(config, 0, "tags", ["by-bob"], "bob", NOW + 1, seen)
    put(config, 1, "note", "by carol", "carol", NOW + 2, seen)
    first, second = yaml_file.read_snapshot(config, SETTINGS, now=NOW).channels
    assert (first.note, first.tags, second.note) == ("by ann", ("by-bob",), "by carol")
    assert "# the good one" in config.read_text()


def test_a_text_is_merged_too(config: Path) -> None:
    seen = now_of(config)
    put(config, 0, "note", "by ann", "ann", NOW, seen)
    versions.save(config, HAND_WRITTEN.replace("# slow", "# fast"), seen, "bob", SETTINGS, NOW + 1)
    assert "note: by ann" in config.read_text() and "# fast" in config.read_text()


def test_a_clash_keeps_all_three_and_can_be_settled(config: Path) -> None:
    seen = now_of(config)
    put(config, 0, "note", "theirs", "ann", NOW, seen)
    with pytest.raises(RevisionConflict) as caught:
        put(config, 0, "note", "mine", "bob", NOW + 1, seen)
    found = caught.value
    assert found.clash and [mine.path[2] for mine, _ in found.clash.pairs] == ["note"]
    assert "theirs" in found.theirs and "mine" in found.mine and found.base == HAND_WRITTEN
    assert "note: theirs" in config.read_text()
    put(config, 0, "note", "mine", "bob", NOW + 2, seen, chosen={found.clash.pairs[0][0].pointer: "mine"})
    assert "note: mine" in config.read_text()


def test_a_version_that_nobody_knows_is_not_merged(config: Path) -> None:
    with pytest.raises(RevisionConflict) as caught:
        versions.save(config, HAND_WRITTEN + "# by bob\n", "0" * 16, "bob", SETTINGS, NOW)
    assert caught.value.clash is None and caught.value.mine == HAND_WRITTEN + "# by bob\n"


# ---- history ---------------------------------------------------------------------------------------------------------
def test_every_version_says_what_and_who(config: Path) -> None:
    put(config, 0, "note", "x", "ann")
    put(config, 1, "status", "suspended", "bob", NOW + 60)
    assert told(config) == [
        "bob: channel spare paused",
        "ann: note of channel main changed",
        "by hand: the file as it was found",
    ]


def test_what_is_done_by_hand_is_a_version(config: Path) -> None:
    put(config, 0, "note", "x", "ann")
    config.write_text(config.read_text().replace("spare", "reserve"))
    versions.notice(config, NOW + 60)
    versions.notice(config, NOW + 70)
    config.write_text(config.read_text() + "# the end\n")
    put(config, 0, "note", "y", "ann", NOW + 200)
    assert told(config)[:3] == [
        "ann: note of channel main changed",
        "by hand: only comments and layout changed",
        "by hand: channel reserve added; channel spare deleted",
    ]


def test_a_text_that_is_no_yaml_is_kept_too(config: Path) -> None:
    put(config, 0, "note", "x", "ann")
    config.write_text("a: [\n")
    versions.notice(config, NOW + 60)
    assert told(config)[0] == "by hand: cannot be read as configuration"
    assert versions.history(config)[0].text == "a: [\n"


def test_a_place_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    folder = tmp_path / "file"
    folder.write_text("")
    versions.notice(folder / "ccx.yaml", NOW)


def drag(path: Path, at: float, order: tuple[int, int], who: str = "ann") -> str:
    def change(document: Any) -> None:
        for channel, priority in zip(document["channels"], order, strict=True):
            channel["priority"] = priority

    return versions.edit(path, change, None, who, SETTINGS, at)


def test_a_row_of_drags_is_one_version_and_one_undo(config: Path) -> None:
    put(config, 0, "note", "x", "ann", NOW - 60)
    before = config.read_text()
    seen = [drag(config, NOW + n, (2 + n, 1 + n)) for n in range(5)]
    assert told(config)[:2] == ["ann: order of the channels changed", "ann: note of channel main changed"]
    put(config, 0, "tags", ["t"], "bob", NOW + 6, seen=seen[1])
    versions.undo(config, seen[-1], "ann", SETTINGS, NOW + 30)
    assert yaml_file.load_text(config.read_text()).data == yaml_file.load_text(before.replace("note: x", "note: x\n    tags: [t]")).data  # fmt: skip


def test_drags_of_others_or_much_later_are_versions_of_their_own(config: Path) -> None:
    put(config, 0, "note", "x", "ann", NOW - 60)
    drag(config, NOW, (2, 1))
    drag(config, NOW + 1, (1, 2), "bob")
    drag(config, NOW + 60, (2, 1), "bob")
    assert len(versions.history(config)) == 5


def test_undo_of_one_change_leaves_what_came_after(config: Path) -> None:
    first = put(config, 0, "note", "x", "ann")
    put(config, 1, "note", "later", "bob", NOW + 60)
    versions.undo(config, first, "carol", SETTINGS, NOW + 120)
    assert "note: x" not in config.read_text() and "note: later" in config.read_text()
    assert told(config)[0] == "carol: note of channel main changed"
    versions.undo(config, now_of(config), "carol", SETTINGS, NOW + 180)
    assert "note: x" in config.read_text(), "an undo can be undone"


def test_undo_of_what_was_changed_again_is_a_clash(config: Path) -> None:
    first = put(config, 0, "note", "x", "ann")
    put(config, 0, "note", "y", "bob", NOW + 60)
    with pytest.raises(RevisionConflict):
        versions.undo(config, first, "carol", SETTINGS, NOW + 120)


def test_a_whole_version_comes_back(config: Path) -> None:
    put(config, 0, "note", "x", "ann")
    put(config, 1, "note", "y", "ann", NOW + 60)
    oldest = versions.history(config)[-1]
    assert versions.rollback(config, oldest.revision, None, "ann", SETTINGS, NOW + 120) == oldest.revision
    assert config.read_text() == HAND_WRITTEN
    with pytest.raises(RevisionConflict):
        versions.rollback(config, versions.history(config)[1].revision, "0" * 16, "ann", SETTINGS, NOW + 180)


@pytest.mark.parametrize("revision", ["0" * 16, "../x", "*", ""])
def test_what_is_not_kept_does_not_come_back(config: Path, revision: str) -> None:
    for back in (versions.undo, lambda *all: versions.rollback(all[0], all[1], None, *all[2:])):
        with pytest.raises(CcxError, match="is not kept"):
            back(config, revision, "ann", SETTINGS, NOW)


def test_two_hundred_versions_or_ninety_days(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "KEPT", 5)
    for n in range(8):
        put(config, 0, "note", f"n{n}", "ann", NOW + n * DAY)
    assert len(versions.history(config)) == 9, "all are young"
    put(config, 0, "note", "late", "ann", NOW + 93 * DAY)
    found = versions.history(config)
    assert len(found) == 6 and found[-1].at == pytest.approx(NOW + 3 * DAY), "the rest is older than ninety days"
    put(config, 0, "note", "later", "ann", NOW + 300 * DAY)
    assert len(versions.history(config)) == 5, "as many stay, however old"


def test_versions_of_earlier_releases_are_read(config: Path) -> None:
    folder = yaml_file.backups(config)
    folder.mkdir()
    (folder / "20260101T120000.000000Z_0123456789abcdef_panel-127.0.0.1.yaml").write_text("version: 1\n")
    (found,) = versions.history(config)
    assert (found.revision, found.who, found.words) == ("0123456789abcdef", "", ())
    assert versions.rollback(config, found.revision, None, "ann", Settings(), NOW)
    assert config.read_text() == "version: 1\n"


# ---- one configuration for several machines --------------------------------------------------------------------------
@pytest.fixture
def pair(postgres: Server, tmp_path: Path) -> Iterator[list[tuple[Path, Settings]]]:
    """The files of two machines with one database; the second machine's is not there yet."""
    url, found = postgres.made(), []
    for name in ("one", "two"):
        path = tmp_path / name / "ccx.yaml"
        path.parent.mkdir()
        process = Settings(ccx_config=str(path), ccx_database_url=url, ccx_config_from="database", ccx_machine=name)
        found.append((path, process))
    found[0][0].write_text(HAND_WRITTEN)
    yield found


def follow(path: Path, process: Settings) -> Followed:
    line = line_of(process)
    assert line
    with contextlib.closing(line):
        return versions.follow(path, line, process, NOW)


def put_below(path: Path, process: Settings, channel: int, name: str, seen: str | None = None) -> str:
    def change(document: Any) -> None:
        document["channels"][channel]["route_prefix"] = name

    return versions.edit(path, change, seen, "ann", process, NOW)


def test_the_first_machine_s_file_is_everybody_s_and_each_edit_reaches_all(pair: list[tuple[Path, Settings]]) -> None:
    (one, first), (two, second) = pair
    assert follow(one, first) == Followed(revision_of(HAND_WRITTEN.encode()))
    assert follow(two, second) == follow(one, first) and two.read_text() == HAND_WRITTEN
    after = put_below(two, second, 0, "renamed")
    assert follow(one, first) == Followed(after) and one.read_text() == two.read_text()
    last, before = versions.history(one)[:2]
    assert (last.who, last.parent, before.text) == ("ann", before.revision, HAND_WRITTEN), "and its history"
    versions.undo(one, after, "bob", first, NOW + 60)
    follow(two, second)
    assert two.read_text() == HAND_WRITTEN and versions.history(two)[0].who == "bob"


def test_edits_on_two_machines_at_once_are_both_there(pair: list[tuple[Path, Settings]]) -> None:
    (one, first), (two, second) = pair
    follow(one, first)
    seen = follow(two, second).revision
    put_below(one, first, 0, "by-one", seen)
    put_below(two, second, 1, "by-two", seen)
    follow(one, first)
    names = [each["route_prefix"] for each in yaml_file.load(one).data["channels"]]
    assert names[:2] == ["by-one", "by-two"] and one.read_text() == two.read_text()
    with pytest.raises(RevisionConflict):
        put_below(two, second, 0, "by-two-as-well", seen)


def test_what_one_machine_cannot_use_stays_away_from_it(pair: list[tuple[Path, Settings]]) -> None:
    (one, first), (two, second) = pair
    follow(one, first)
    follow(two, second)
    public = replace(second, bind_host="127.0.0.1", port=4242)

    def loop(document: Any) -> None:
        document["channels"][0]["base_urls"] = ["http://127.0.0.1:4242"]

    versions.edit(one, loop, None, "ann", first, NOW)
    with pytest.raises(ConfigErrors):
        follow(two, public)
    assert two.read_text() == HAND_WRITTEN
    put_below(one, first, 1, "more")
    with pytest.raises(ConfigErrors):
        put_below(two, public, 1, "other")
    versions.rollback(one, revision_of(HAND_WRITTEN.encode()), None, "ann", first, NOW)
    assert not follow(two, public).by_hand


def test_what_is_changed_by_hand_is_offered_and_never_lost(pair: list[tuple[Path, Settings]]) -> None:
    (one, first), (two, second) = pair
    follow(one, first)
    follow(two, second)
    edited = HAND_WRITTEN.replace("spare", "by-hand")
    two.write_text(edited)
    assert follow(two, second)[1:] == (True, True) and follow(two, second)[1:] == (True, False)
    assert two.read_text() == edited, "it is in force there"
    put_below(one, first, 0, "renamed")
    assert not follow(two, second).by_hand and two.read_text() == one.read_text()
    kept = versions.find(two, revision_of(edited.encode()))
    assert kept and kept.who == BY_HAND and kept.text == edited


def test_an_edit_in_the_panel_takes_what_was_changed_by_hand_with_it(pair: list[tuple[Path, Settings]]) -> None:
    (one, first), (two, second) = pair
    follow(one, first)
    follow(two, second)
    two.write_text(HAND_WRITTEN.replace("spare", "by-hand"))
    put_below(two, second, 0, "renamed")
    follow(one, first)
    assert "by-hand" in one.read_text() and "renamed" in one.read_text()


def test_a_machine_with_a_file_of_its_own_joins(pair: list[tuple[Path, Settings]]) -> None:
    (one, first), (two, second) = pair
    follow(one, first)
    two.write_text(HAND_WRITTEN.replace("spare", "its-own"))
    assert follow(two, second) == Followed(follow(one, first).revision)
    assert two.read_text() == one.read_text() and any("its-own" in each.text for each in versions.history(two))


def test_a_database_that_forgot_everything_is_told_again(pair: list[tuple[Path, Settings]], postgres: Server) -> None:
    (one, first), (two, second) = pair
    follow(one, first)
    postgres.run("DELETE FROM config_versions", urlsplit(first.ccx_database_url).path[1:])
    after = put_below(one, first, 0, "renamed")
    assert follow(two, second).revision == after


def test_without_the_database_nothing_is_changed(pair: list[tuple[Path, Settings]]) -> None:
    one, first = pair[0]
    away = replace(first, ccx_database_url="postgresql://postgres@127.0.0.1:1/x")
    with pytest.raises(StoreError):
        put_below(one, away, 0, "renamed")
    assert one.read_text() == HAND_WRITTEN
