"""Commands reach the workers, and their answers come back."""

import threading
from dataclasses import replace

import pytest
from flask import Flask

from ccx_addons.core.settings import Settings
from ccx_addons.io.store import Store
from ccx_admin import create_app, writer
from ccx_admin.panel import EXTENSION, Panel


@pytest.fixture
def current(settings: Settings, store: Store) -> Panel:
    app: Flask = create_app(replace(settings, workers="2"), store, ack_wait=10.0)
    panel = app.extensions[EXTENSION]
    assert isinstance(panel, Panel)
    return panel


def test_waits_for_all_workers(current: Panel) -> None:
    workers = [Store.open(current.store.path, boot_id="test", worker=n) for n in (0, 1)]

    def work(worker: Store) -> None:
        while not (id := current.db.value("SELECT max(id) FROM commands")):
            writer.pause(0.01)
        worker.ack_command(id, f"done by {worker.worker}")

    threads = [threading.Thread(target=work, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    done = writer.command(current, "reset", {"channel_id": "ch_1"})
    for thread in threads:
        thread.join()
    for worker in workers:
        worker.close()
    assert done.done and done.results == {"0": "done by 0", "1": "done by 1"}


def test_does_not_wait_for_ever(current: Panel) -> None:
    current.ack_wait = 0.01
    done = writer.command(current, "reset", {})
    assert not done.done and done.id > 0
