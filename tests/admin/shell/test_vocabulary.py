"""Every word that the gateway writes has a word, an icon and a tone in the panel."""

import re
from pathlib import Path
from typing import Final, get_args

import pytest

from ccx_addons.core import exchange, verdict
from ccx_addons.core.config import KINDS
from ccx_admin.requests import search_box
from ccx_admin.shell import vocabulary

ICONS: Final = set(re.findall(r'<symbol id="i-([\w-]+)"', Path(vocabulary.__file__).with_name("icons.svg").read_text()))
TABLES: Final = {
    "states": vocabulary.STATES,
    "phases": vocabulary.PHASES,
    "ends": vocabulary.ENDS,
    "channels": vocabulary.CHANNELS,
    "keys": vocabulary.KEYS,
    "levels": vocabulary.LEVELS,
}


def words(alias: object) -> set[str]:
    return set(get_args(getattr(alias, "__value__", alias))) - {""}


@pytest.mark.parametrize(
    ("table", "known"),
    [
        pytest.param(vocabulary.STATES, {*search_box.STATES, *words(exchange.State)}, id="states"),
        pytest.param(vocabulary.PHASES, words(exchange.Phase), id="phases"),
        pytest.param(vocabulary.ENDS, words(exchange.StreamEnd), id="ends of streams"),
        pytest.param(vocabulary.OUTCOMES, words(verdict.OutcomeKind), id="outcomes"),
        pytest.param(vocabulary.ACTIONS, words(verdict.Action), id="verdicts"),
        pytest.param(vocabulary.KIND_LABELS, set(KINDS), id="kinds"),
    ],
)
def test_no_word_is_missing(table: dict[str, object], known: set[str]) -> None:
    assert set(table) == known


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_no_state_is_a_colour_alone(table: dict[str, vocabulary.Badge]) -> None:
    for badge in table.values():
        assert badge.word
        assert badge.icon in ICONS


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_states_differ_without_colour(table: dict[str, vocabulary.Badge]) -> None:
    assert len({badge.word for badge in table.values()}) == len(table)


def test_an_unknown_word_is_shown_as_it_is() -> None:
    assert vocabulary.badge(vocabulary.STATES, "new").word == "new"
    assert vocabulary.badge(vocabulary.STATES, "").word == "unknown"


def test_templates_use_icons_that_exist() -> None:
    folder = Path(vocabulary.__file__).parents[1]
    used = {name for path in folder.rglob("*.html") for name in re.findall(r'ui\.icon\("([\w-]+)"\)', path.read_text())}
    assert used <= ICONS
