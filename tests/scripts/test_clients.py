"""The list of clients and the page that is made of it; the clients themselves run where they are installed."""

import ast
import json

import pytest

from scripts.client_programs import HEAD
from scripts.clients import CLIENTS, MODELS, PAGE, Row, configuration, logged, rows, written


def test_every_client_has_a_program_that_can_be_read_for_each_protocol_it_speaks() -> None:
    assert len({client.name for client in CLIENTS}) == len(CLIENTS)
    for client in CLIENTS:
        assert client.speaks.keys() <= MODELS.keys() and client.package
        for program in client.speaks.values():
            tree = ast.parse(HEAD + program)
            assert "BASE" in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def test_each_channel_has_a_model_for_every_clients() -> None:
    channels = json.loads(configuration(1))["channels"]
    for channel in channels:
        kind = channel["protocol"]
        assert channel["models"] == {asked: MODELS[kind] for other, asked in MODELS.items() if other != kind}
    for kind in MODELS:
        assert [c["protocol"] for c in channels if c["route_prefix"] == f"to-{kind}"] == [kind]
        first, second = (c for c in channels if c["route_prefix"] == f"from-{kind}")
        assert first["protocol"] == kind != second["protocol"] and first["priority"] < second["priority"]


@pytest.mark.parametrize(
    ("found", "moves", "words"),
    [
        ([("ok", 1, ""), ("ok", 1, "")], False, ""),
        ([("ok", 1, ""), ("ok", 2, "")], True, ""),
        ([("ok", 1, ""), ("ok", 1, "")], True, "the log has no such requests"),
        ([], False, "the log has no such requests"),
        ([("ok", 1, ""), ("failed", 1, "refused")], False, "the log says: refused"),
        ([("running", 1, "")], False, "the log says: running"),
        ([("failed", 0, "thread: no channel keeps threads"), ("ok", 1, "")], False, ""),
    ],
)
def test_what_the_log_has_against_a_turn(found: list[tuple[str, int, str]], moves: bool, words: str) -> None:
    assert logged(found, moves) == words


def test_the_page_is_read_as_it_is_written() -> None:
    table = {"One": Row("One", "chat", "`x`", "1.0, 2026-01-01"), "Two": Row("Two", "chat, gemini", "y", "")}
    assert rows(written(table)) == table


def test_the_page_names_only_clients_of_the_list() -> None:
    assert rows(PAGE.read_text()).keys() <= {client.name for client in CLIENTS}
