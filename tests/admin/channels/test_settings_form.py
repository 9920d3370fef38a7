import pytest
from flask import Flask

from ccx_addons.core import config_channels
from ccx_admin import edits
from ccx_admin.channels import settings_form, views
from ccx_admin.channels.settings_form import Section, written


@pytest.fixture
def sections(app: Flask) -> dict[str, Section]:
    panel = app.extensions["ccx"]
    channel = panel.snapshot().channel("ch_back0002")
    found = settings_form.sections(views.channel_of(channel), panel.snapshot().policy)
    return {section.id: section for section in found}


def test_every_setting_has_a_place() -> None:
    named = {entry.name.partition(".")[0] for _id, _label, entries in settings_form.FORM for entry in entries}
    elsewhere = {"id", "keys", "promoted_until", "models", "priority", "status"}
    assert named | elsewhere == set(config_channels.CHANNEL_KEYS)


def test_every_setting_may_be_changed() -> None:
    named = {entry.name.partition(".")[0] for _id, _label, entries in settings_form.FORM for entry in entries}
    assert named <= edits.EDITABLE


def test_what_is_set_is_unfolded(sections: dict[str, Section]) -> None:
    basic = {field.entry.name: field for field in sections["basic"].shown}
    assert basic["serves"].is_set
    assert basic["serves"].value == "chat, messages"
    assert basic["base_urls"].value == "https://open.bigmodel.cn/api/paas/v4"
    assert "note" in {field.entry.name for field in sections["basic"].folded}
    assert sections["advanced"].shown == []


def test_timeouts_inherit_the_policy(sections: dict[str, Section]) -> None:
    idle = next(field for field in sections["limits"].fields if field.entry.name == "timeouts.idle")
    assert (idle.value, idle.default, idle.is_set) == ("300", "300", False)


def test_no_field_is_shown_twice(sections: dict[str, Section]) -> None:
    for section in sections.values():
        assert len(section.shown) + len(section.folded) == len(section.fields)


@pytest.mark.parametrize(
    ("value", "widget", "expected"),
    [
        pytest.param(None, "text", "", id="nothing"),
        pytest.param(True, "bool", "true", id="yes"),
        pytest.param(False, "bool", "", id="no"),
        pytest.param(["a", "b"], "words", "a, b", id="words"),
        pytest.param(["a", "!b*"], "lines", "a\n!b*", id="lines"),
        pytest.param({"x-team": "core"}, "pairs", "x-team: core", id="pairs"),
        pytest.param(90.0, "number", "90", id="whole"),
        pytest.param(0.5, "number", "0.5", id="part"),
    ],
)
def test_written(value: object, widget: settings_form.Widget, expected: str) -> None:
    assert written(value, widget) == expected
