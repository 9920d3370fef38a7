"""The panel over a real PostgreSQL, with the machines and versions that a test puts there."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from ccx_addons.core.settings import Settings
from ccx_addons.io.board import Beat, Shared
from ccx_addons.io.postgres_board import Board
from ccx_addons.io.store import Store
from ccx_addons.io.yaml_file import revision_of
from ccx_admin import create_app
from tests.admin import seed
from tests.admin.conftest import Clock
from tests.postgres import Server

type Tell = Callable[..., None]
REVISION = revision_of(seed.CONFIG.encode())


@pytest.fixture
def settings(settings: Settings, postgres: Server) -> Settings:
    shared = {"ccx_database_url": postgres.made(), "ccx_config_from": "database", "ccx_machine": "one"}
    return replace(settings, **shared)  # type: ignore[arg-type]


@pytest.fixture
def store(settings: Settings, clock: Clock) -> Iterator[Store]:
    store = Store.open(settings.ccx_database_url, boot_id="test", worker=-1, clock=clock)
    yield store
    store.close()


@pytest.fixture
def board(settings: Settings) -> Iterator[Board]:
    """That of the machine ``two``; the file of the first machine is everybody's."""
    with contextlib.closing(Board(settings.ccx_database_url, "two")) as board:
        board.publish(Shared(REVISION, "", seed.CONFIG, 1000.0, "ann"))
        yield board


@pytest.fixture
def tell(board: Board) -> Tell:
    def beat(machine: str, **more: Any) -> None:
        values: dict[str, Any] = {
            "boot_id": "b", "version": "1.0", "workers": 2, "started_at": 1, "clock_offset": 0.1, "revision": REVISION,
            "refused": "", "why": "", "secrets": json.dumps({"A": "1"}), "queue": 0, "engines": "{}",
        }  # fmt: skip
        board.beat(Beat(machine=machine, **(values | more)))

    return beat


@pytest.fixture
def app(settings: Settings, store: Store, clock: Clock) -> Flask:
    app = create_app(settings, store, clock=clock, ack_wait=0.0)
    app.testing = False
    return app
