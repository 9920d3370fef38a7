"""The list of clients and the page that is made of it; the clients themselves run where they are installed."""

import ast
import json

from scripts.client_programs import HEAD
from scripts.clients import CLIENTS, MODELS, PAGE, Row, configuration, rows, written


def test_every_client_has_a_program_that_can_be_read_for_each_protocol_it_speaks() -> None:
    assert len({client.name for client in CLIENTS}) == len(CLIENTS)
    for client in CLIENTS:
        assert client.speaks.keys() <= MODELS.keys() and client.package
        for program in client.speaks.values():
            tree = ast.parse(HEAD + program)
            assert "BASE" in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def test_each_channel_has_a_model_for_every_clients() -> None:
    for channel in json.loads(configuration(1))["channels"]:
        kind = channel["protocol"]
        assert channel["models"] == {asked: MODELS[kind] for other, asked in MODELS.items() if other != kind}


def test_the_page_is_read_as_it_is_written() -> None:
    table = {"One": Row("One", "chat", "`x`", "1.0, 2026-01-01"), "Two": Row("Two", "chat, gemini", "y", "")}
    assert rows(written(table)) == table


def test_the_page_names_only_clients_of_the_list() -> None:
    assert rows(PAGE.read_text()).keys() <= {client.name for client in CLIENTS}
