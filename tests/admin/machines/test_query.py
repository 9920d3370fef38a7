import contextlib
import json
from dataclasses import replace

from flask import Flask

from ccx_addons.io.postgres import Link
from ccx_admin.machines.query import Machine, machines
from ccx_admin.panel import EXTENSION, Panel
from tests.admin.machines.conftest import REVISION, Tell


def found(app: Flask) -> dict[str, Machine]:
    panel: Panel = app.extensions[EXTENSION]
    return {each.name: each for each in machines(panel)}


def test_which_configuration_a_machine_has(app: Flask, tell: Tell) -> None:
    tell("one")
    tell("two", revision="old")
    tell("three", revision="old", refused=REVISION, why="channels[0]: no")
    tell("four", revision="old", refused="one before", why="no")
    states = {name: (each.state, each.why) for name, each in found(app).items()}
    assert states == {
        "one": ("newest", ""),
        "two": ("behind", ""),
        "three": ("refused", "channels[0]: no"),
        "four": ("behind", ""),
    }


def test_what_is_wrong_with_a_machine(app: Flask, tell: Tell) -> None:
    tell("one")
    tell("two", clock_offset=-2.5, secrets=json.dumps({"A": "2"}), engines=json.dumps({"limits": "Valkey is away"}))
    tell("three", secrets=json.dumps({"A": "1", "B": ""}))
    all_of_them = found(app)
    assert [each.wrong_clock for each in all_of_them.values()] == [False, False, True]
    assert all_of_them["two"].differs == ("A",) and all_of_them["three"].differs == ()
    assert all_of_them["two"].engines == {"limits": "Valkey is away"} and all_of_them["one"].own


def test_who_says_nothing_is_silent_and_has_no_say(app: Flask, tell: Tell) -> None:
    panel: Panel = app.extensions[EXTENSION]
    panel.settings = replace(panel.settings, ccx_config_from="file")
    for name, revision in (("one", "b"), ("two", "a"), ("three", "a"), ("four", "b")):
        tell(name, revision=revision)
    with contextlib.closing(Link(panel.settings.ccx_database_url, "test")) as link:
        link.raw("UPDATE instances SET seen_at = seen_at - 20000 WHERE machine = 'four'")
    states = {name: (each.silent, each.state) for name, each in found(app).items()}
    assert states["four"] == (True, "behind") and states["two"] == states["three"] == (False, "newest")
