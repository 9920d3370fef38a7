"""Jobs against the imitated providers: the matrix, its pace, its end, and what the log keeps."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from ccx_addons.core.config import Channel
from ccx_addons.io import yaml_file
from ccx_addons.io.store import Store
from ccx_admin.api.problem import Failure
from ccx_admin.bench.capability import MAX_JOBS, Job, Jobs
from ccx_admin.panel import EXTENSION, Panel
from tests.patience import wait_for
from tests.wire.program import Fake

SECRET = "sk-secret-0123456789abcdef"


@pytest.fixture
def panel(app: Flask, folder: Path, fake: Fake) -> Panel:
    def channel(name: str, key: str) -> str:
        urls = f'base_urls: ["{fake.url}"]'
        return f"  - {{name: {name}, id: ch_{name}, protocol: chat, {urls}, keys: [{key}]}}"

    lines = ["version: 1", "channels:", channel("good", SECRET), channel("bad", "bad-key-0123456789")]
    (folder / "ccx.yaml").write_text("\n".join(lines))
    found: Panel = app.extensions[EXTENSION]
    return found


def channel(panel: Panel, name: str = "good") -> Channel:
    found = panel.snapshot().channel(f"ch_{name}")
    assert found
    return found


def start(panel: Panel, jobs: Jobs, name: str = "good", **more: Any) -> Job:
    asked: dict[str, Any] = {"protocols": ["chat"], "models": ["m"], "checks": ["text"], "rpm": 6000, **more}
    where = channel(panel, name)
    return jobs.start(panel, where, where.keys[0], **asked)


def ended(job: Job) -> Job:
    wait_for(lambda: job.ended_at is not None)
    return job


def test_the_matrix(panel: Panel, store: Store) -> None:
    checks = ["image", "text", "tools", "stream"]
    job = ended(start(panel, Jobs(), protocols=["chat", "messages"], models=["m", "blind-lazy", "m"], checks=checks))
    cells = [(c.protocol, c.model, c.check, c.state) for c in job.cells]
    order = ("text", "stream", "tools", "image")
    assert [cell[:3] for cell in cells] == [
        (p, m, c) for p in ("chat", "messages") for m in ("m", "blind-lazy") for c in order
    ]
    failed = {cell[1:3] for cell in cells if cell[3] == "failed"}
    assert failed == {("blind-lazy", "tools"), ("blind-lazy", "image")} and job.state == "done"
    found = job.as_json()
    assert found["done"] == 16 and found["cells"][0]["text"].startswith("m heard")
    assert found["cells"][1]["first_ms"] <= found["cells"][1]["total_ms"]


def test_the_log_has_every_question_and_no_statistics_count_it(panel: Panel, store: Store) -> None:
    job = ended(start(panel, Jobs(), checks=["text", "tools"], models=["lazy"]))
    assert store.flush()
    for cell in job.cells:
        row = panel.db.row("SELECT * FROM requests WHERE id = ?", (cell.request_id,))
        assert row and row["source"] == "test" and row["state"] == cell.state and row["kind"] == "chat"
        (attempt,) = panel.db.rows("SELECT * FROM attempts WHERE request_id = ?", (cell.request_id,))
        assert attempt["status"] == 200 and attempt["channel_id"] == "ch_good"
        sides = panel.db.rows("SELECT side FROM bodies WHERE request_id = ? ORDER BY side", (cell.request_id,))
        assert [side["side"] for side in sides] == ["upstream_request", "upstream_response"]
    assert panel.db.value("SELECT total(requests) FROM rollups") == 0


def test_a_refused_key_ends_it(panel: Panel, fake: Fake) -> None:
    fake.clear()
    job = ended(start(panel, Jobs(), "bad", checks=["text", "stream", "tools"]))
    assert [cell.state for cell in job.cells] == ["failed", "skipped", "skipped"]
    assert job.cells[1].error.startswith("401: ") and len(fake.requests()) == 1


def test_its_pace(panel: Panel) -> None:
    began = time.monotonic()
    ended(start(panel, Jobs(), models=["a", "b", "c"], rpm=120))
    assert time.monotonic() - began >= 1.0


def test_cancelled_while_it_waits(panel: Panel) -> None:
    job = start(panel, Jobs(), models=["a", "b", "c"], rpm=1)
    wait_for(lambda: job.cells[0].state == "ok")
    assert job.state == "running"
    job.stop.set()
    assert [cell.state for cell in ended(job).cells] == ["ok", "skipped", "skipped"] and job.state == "cancelled"


def test_cancelled_while_a_stream_runs(panel: Panel) -> None:
    job = start(panel, Jobs(), models=["fake-slowchunks=300"], checks=["stream"])
    wait_for(lambda: job.cells[0].state == "running")
    job.stop.set()
    assert ended(job).cells[0].error == "cancelled"


def test_one_at_a_time_for_a_channel(panel: Panel) -> None:
    jobs = Jobs()
    job = start(panel, jobs, models=["a", "b"], rpm=1)
    with pytest.raises(Failure, match="tested already"):
        start(panel, jobs)
    ended(start(panel, jobs, "bad"))
    job.stop.set()
    ended(job)
    assert ended(start(panel, jobs)).state == "done"
    assert jobs.last("ch_good") is not job and jobs.get(job.id) is job and jobs.last("ch_none") is None


def test_too_much(panel: Panel) -> None:
    with pytest.raises(Failure, match="at most 400"):
        start(panel, Jobs(), models=[f"m{n}" for n in range(401)])


def test_old_jobs_are_forgotten(panel: Panel) -> None:
    jobs = Jobs()
    made = [ended(start(panel, jobs)) for _ in range(MAX_JOBS + 1)]
    with pytest.raises(Failure):
        jobs.get(made[0].id)
    assert jobs.get(made[-1].id)
    assert not [t for t in threading.enumerate() if t.name == "ccx-capability"]


def test_the_file_names_no_secret_of_it(panel: Panel, store: Store) -> None:
    job = ended(start(panel, Jobs(), models=["fake-leakkey"]))
    store.flush()
    assert SECRET not in str(job.as_json()) and job.cells[0].state == "failed"
    assert SECRET not in str(panel.db.rows("SELECT * FROM requests")) + str(panel.db.rows("SELECT * FROM attempts"))
    assert yaml_file.load_text(panel.config().text).data["channels"][0]["keys"] == [SECRET]
