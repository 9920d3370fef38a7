import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.test import tflow

from ccx_addons.core import endpoints
from ccx_addons.core.config import Snapshot
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.neutral import Usage
from ccx_addons.core.settings import Settings
from ccx_addons.io.store import Store
from ccx_addons.processes.runtime import Runtime
from ccx_addons.prometheus import BUCKETS, CONTENT_TYPE, Histogram, Prometheus, lines, merged
from ccx_addons.proxy.guard import attach
from ccx_addons.scheduler.breaker import Breaker
from ccx_addons.scheduler.keys import Rest
from tests.addons.values import attempted, channel, exchange

LINE = re.compile(r'([a-z_]+)\{((?:[a-z]+="(?:[^"\\\n]|\\[\\n"])*",?)+)\} (\+Inf|-?[0-9.e+-]+)')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\\n]|\\[\\n"])*)"')
NOW = 1000.0
MAIN, BACKUP = channel("main"), channel("backup", "messages", ("chat", "messages"))


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    store = Store.open(tmp_path / "ccx.db")
    snapshot = Snapshot("rev1", 0, channels=(MAIN, BACKUP))
    yield Prometheus(Runtime(Settings(ccx_data_dir=str(tmp_path)), snapshot, store, worker=3, boot_id="boot"))
    store.close()


def read(text: str) -> dict[str, float]:
    """Sample by ``name{label=value,...}`` without the worker. Every line must be a sample or belong to a family."""
    found = {}
    family = ""
    for line in text.splitlines():
        if line.startswith("# "):
            _, word, family, _ = line.split(" ", 3)
            assert word in ("HELP", "TYPE")
            continue
        match = LINE.fullmatch(line)
        assert match and match[1].startswith(family), line
        labels = dict(LABEL.findall(match[2]))
        assert labels.pop("worker") == "3"
        name = f"{match[1]}{{{','.join(f'{k}={v}' for k, v in labels.items())}}}"
        assert name not in found
        found[name] = float(match[3])
    return found


def ended(state: Any = "ok", **more: Any) -> Exchange:
    x = exchange("chat", MAIN, BACKUP)
    x.state, x.ended_at = state, x.clock + 2.5
    for name, value in more.items():
        setattr(x, name, value)
    return x


def test_an_exchange_is_counted_with_its_attempts_tokens_and_times(prometheus: Prometheus) -> None:
    x = ended(usage=Usage(12000, 800), first_event_at=100.25)
    attempted(x, MAIN, "status", 429)
    attempted(x, BACKUP, "ok", 200)
    prometheus.count(x)
    left = ended("client_left")
    attempted(left, MAIN, None)
    prometheus.count(left)
    found = read(prometheus.text(NOW))
    assert found["ccx_requests_total{kind=chat,channel=backup,state=ok}"] == 1
    assert found["ccx_requests_total{kind=chat,channel=main,state=client_left}"] == 1
    assert found["ccx_attempts_total{channel=main,outcome=status}"] == 1
    assert found["ccx_attempts_total{channel=backup,outcome=ok}"] == 1
    assert found["ccx_attempts_total{channel=main,outcome=client_left}"] == 1
    assert found["ccx_tokens_total{kind=chat,channel=backup,direction=input}"] == 12000
    assert found["ccx_tokens_total{kind=chat,channel=backup,direction=output}"] == 800
    assert found["ccx_first_event_seconds_sum{kind=chat}"] == 0.25
    assert found["ccx_first_event_seconds_count{kind=chat}"] == 1
    assert found["ccx_request_seconds_sum{kind=chat}"] == 5.0
    assert found["ccx_request_seconds_count{kind=chat}"] == 2


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"client": None}, id="nobody asked"),
        pytest.param({"status": 101}, id="a handshake"),
        pytest.param({"test": True}, id="a test of the panel"),
    ],
)
def test_what_is_no_request_is_not_counted(prometheus: Prometheus, change: dict[str, Any]) -> None:
    prometheus.count(ended(**change))
    assert not [name for name in read(prometheus.text(NOW)) if name.startswith("ccx_requests_total")]


def test_requests_under_way_are_counted_until_they_end(prometheus: Prometheus) -> None:
    flow, gone = tflow.tflow(), tflow.tflow()
    attach(flow, exchange("chat", id="a"))
    attach(gone, exchange("messages", id="b"))
    prometheus.requestheaders(flow)
    prometheus.requestheaders(gone)
    found = read(prometheus.text(NOW))
    assert found["ccx_requests_in_flight{kind=chat}"] == found["ccx_requests_in_flight{kind=messages}"] == 1
    prometheus.response(flow)
    prometheus.error(gone)
    assert not [name for name in read(prometheus.text(NOW)) if name.startswith("ccx_requests_in_flight")]


@pytest.mark.parametrize(
    ("breakers", "level"),
    [
        pytest.param([], 0, id="nothing known"),
        pytest.param([Breaker()], 0, id="closed"),
        pytest.param([Breaker("half-open", until=NOW)], 1, id="half-open"),
        pytest.param([Breaker("open", until=NOW - 1)], 1, id="its time is over"),
        pytest.param([Breaker(), Breaker("open", until=NOW + 1)], 2, id="the worst counts"),
    ],
)
def test_breakers(prometheus: Prometheus, breakers: list[Breaker], level: int) -> None:
    state = prometheus.runtime.state.of("chat", MAIN.id)
    for n, breaker in enumerate(breakers):
        state.breakers[f"https://{n}.test", "key", ""] = breaker
    found = read(prometheus.text(NOW))
    assert found["ccx_breaker_state{channel=main,kind=chat}"] == level
    assert found["ccx_breaker_state{channel=backup,kind=messages}"] == 0


def test_blocked_keys(prometheus: Prometheus) -> None:
    state = prometheus.runtime.state.of("chat", MAIN.id)
    state.key("a").begin_rest("", Rest(NOW + 60, blocked=True), NOW)
    state.key("b").begin_rest("", Rest(NOW - 60, blocked=True), NOW)
    state.key("c").begin_rest("", Rest(NOW + 60), NOW)
    found = read(prometheus.text(NOW))
    assert found["ccx_keys_blocked{channel=main,kind=chat}"] == 1
    assert found["ccx_keys_blocked{channel=backup,kind=chat}"] == 0


def test_the_store_and_the_configuration(prometheus: Prometheus, tmp_path: Path) -> None:
    unopened = Store(tmp_path / "other.db", limit=2)
    prometheus.runtime.store = unopened
    for _ in range(5):
        unopened.put_event("info", "start", "hello")
    found = read(prometheus.text(NOW))
    assert found["ccx_config_info{revision=rev1}"] == 1
    assert found["ccx_store_queue_rows{}"] == 2
    assert found["ccx_store_dropped_total{what=rows}"] == 3


@given(st.lists(st.floats(0, 200), min_size=1, max_size=30))
def test_buckets_are_cumulative_and_inclusive(seconds: list[float]) -> None:
    histogram = Histogram()
    for value in (*seconds, BUCKETS[3]):
        histogram.observe("chat", value)
    buckets = {dict(labels)["le"]: count for suffix, labels, count in histogram.samples() if suffix == "_bucket"}
    assert buckets.pop("+Inf") == len(seconds) + 1
    assert buckets == {le: sum(value <= float(le) for value in (*seconds, BUCKETS[3])) for le in buckets}


@given(st.text())
def test_any_label_value_is_one_line(value: str) -> None:
    (_, sample) = lines("ccx_x", "gauge", "words", [("", (("label", value),), 1.5)])
    found = LABEL.findall(sample)
    assert sample.count("\n") == 1 and len(found) == 1
    unescaped = re.sub(r"\\(.)", lambda hit: "\n" if hit[1] == "n" else hit[1], found[0][1])
    assert unescaped == value


def test_the_endpoint_answers(prometheus: Prometheus) -> None:
    flow = tflow.tflow()
    x = exchange()
    x.client = None
    x.ask(endpoints.find("GET", "/metrics"))
    attach(flow, x)
    prometheus.requestheaders(flow)
    assert flow.response and flow.response.headers["content-type"] == CONTENT_TYPE
    assert read(flow.response.text or "")["ccx_config_info{revision=rev1}"] == 1
    assert prometheus.flying == {}


# ---- all workers -----------------------------------------------------------------------------------------------------
def test_one_text_of_several_has_each_family_once(prometheus: Prometheus) -> None:
    one = prometheus.own(NOW)
    both = merged([one, one.replace('worker="3"', 'worker="4"')])
    headings = [line for line in both.splitlines() if line.startswith("# ")]
    assert len(headings) == len(set(headings)) == one.count("# ")
    samples = [line for line in one.splitlines() if not line.startswith("# ")]
    assert len(both.splitlines()) == len(headings) + 2 * len(samples)
    family = ""
    for line in both.splitlines():
        family = line.split()[2] if line.startswith("# ") else family
        assert line.startswith(("# ", family)), "samples stand below their family"
    assert merged([one]) == one


def test_what_others_said_is_in_the_answer(prometheus: Prometheus) -> None:
    prometheus.others = [prometheus.own(NOW).replace('worker="3"', 'worker="4"')]
    text = prometheus.text(NOW)
    assert 'ccx_start_time_seconds{worker="3"}' in text and 'ccx_start_time_seconds{worker="4"}' in text


# ---- names and the board ---------------------------------------------------------------------------------------------
def families(prometheus: Prometheus) -> dict[str, str]:
    """Name -> type."""
    rows = [line.split() for line in prometheus.own(NOW).splitlines() if line.startswith("# TYPE ")]
    return {name: kind for _, _, name, kind in rows}


def test_names_follow_the_conventions(prometheus: Prometheus) -> None:
    for name, kind in families(prometheus).items():
        assert re.fullmatch(r"ccx_[a-z_]+", name)
        assert name.endswith("_total") == (kind == "counter")
        assert kind != "histogram" or name.endswith("_seconds")


def test_the_board_asks_for_what_there_is(prometheus: Prometheus) -> None:
    x = ended(usage=Usage(1, 1), first_event_at=100.25)
    attempted(x, MAIN, "ok", 200)
    prometheus.count(x)
    prometheus.flying["a"] = "chat"
    text = prometheus.own(NOW)
    known = {found[1]: set(LABEL.findall(found[2])) for found in map(LINE.fullmatch, text.splitlines()) if found}
    labels = {name: {label for label, _ in pairs} for name, pairs in known.items()}
    labels.setdefault("ccx_store_dropped_total", {"worker", "what"})
    board = json.loads((Path(__file__).parents[2] / "config" / "grafana.json").read_text())
    asked = set()
    for panel in board["panels"]:
        for target in panel["targets"]:
            (name,) = re.findall(r"ccx_[a-z_]+", target["expr"])
            wanted = re.findall(r"by \(([a-z, ]+)\)", target["expr"]) + re.findall(
                r"\{\{([a-z]+)\}\}", target["legendFormat"]
            )
            assert {label.strip() for labels in wanted for label in labels.split(",")} <= labels[name] | {"le"}, panel[
                "title"
            ]
            asked.add(re.sub(r"_(bucket|sum|count)$", "", name))
    assert asked == set(families(prometheus))


def test_the_document_names_every_family(prometheus: Prometheus) -> None:
    text = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    assert set(re.findall(r"^\| `(ccx_[a-z_]+)`", text, re.M)) == set(families(prometheus))


async def test_a_full_disk_is_said_once(
    prometheus: Prometheus, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        await prometheus.share()
        (tmp_path / "workers").rename(tmp_path / "elsewhere")
        for _ in range(3):
            await prometheus.share()
        (tmp_path / "elsewhere").rename(tmp_path / "workers")
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "the workers' metrics cannot be shared"
    ] * 2


async def test_names_in_any_script_reach_the_other_workers(prometheus: Prometheus) -> None:
    """Also where a machine's own encoding is another."""
    prometheus.shares.begin()
    prometheus.shares.put("供应商")
    assert next(prometheus.shares.folder.iterdir()).read_bytes().decode() == "供应商"
