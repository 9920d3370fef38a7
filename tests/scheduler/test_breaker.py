"""Breakers: what opens them, how long, who may probe, and what two workers make of it."""

from collections import deque
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.config import BreakerPolicy
from ccx_addons.scheduler import breaker as circuit
from ccx_addons.scheduler.breaker import PRESETS, Breaker, Sample
from tests.scheduler.values import NOW

BALANCED = BreakerPolicy()
NO_PAUSE = replace(BALANCED, pause=0.0)


def fed(outcomes: str, policy: BreakerPolicy = NO_PAUSE, step: float = 1.0, models: str = "ab") -> tuple[Breaker, int]:
    """A breaker after ``outcomes`` (``.`` good, ``x`` bad), and at which of them it opened; -1: never."""
    found = Breaker()
    for n, outcome in enumerate(outcomes):
        model, now = models[n % len(models)], NOW + n * step
        if outcome == ".":
            circuit.succeed(found, policy, model, now)
        elif circuit.fail(found, policy, model, "503", now):
            return found, n
    return found, -1


@pytest.mark.parametrize(
    ("outcomes", "opened"),
    [
        pytest.param("xxxx", -1, id="four in a row"),
        pytest.param("xxxxx", 4, id="five in a row"),
        pytest.param("xxxx.xxxx", -1, id="a success between, seven of nine are not enough samples"),
        pytest.param("x.xx..x.xxxxx", 12, id="nine of thirteen, five in a row"),
        pytest.param("....xxxx", -1, id="half of few"),
        pytest.param("xx.x." * 4, -1, id="six of ten"),
        pytest.param("x.xx.xx.xx", 9, id="seven of ten"),
        pytest.param("." * 20 + "xxxx.xxxx.xxxx.xxx", 36, id="only the window counts"),
    ],
)
def test_what_opens_it(outcomes: str, opened: int) -> None:
    found, at = fed(outcomes)
    assert (found.state, at) == ("open" if opened >= 0 else "closed", opened)


@pytest.mark.parametrize(
    ("preset", "outcomes", "opened"),
    [
        ("gentle", "x" * 12, 9),
        ("balanced", "x" * 12, 4),
        ("aggressive", "x" * 12, 2),
        ("gentle", "xxxx." * 12, -1),
        ("aggressive", "x.x.x.", -1),
        ("aggressive", "x.x.xx", 5),
    ],
)
def test_presets(preset: str, outcomes: str, opened: int) -> None:
    assert fed(outcomes, replace(PRESETS[preset], pause=0.0))[1] == opened


def test_the_default_is_balanced() -> None:
    assert asdict(PRESETS["balanced"]) == asdict(BALANCED)


def test_failures_of_one_model_leave_it_closed_and_old_ones_do_not_count() -> None:
    assert fed("x" * 30, models="a")[1] == -1
    assert fed("x" * 30, step=300.0)[1] == -1
    assert fed("xxxx" + "x", step=200.0)[1] == 4
    found, at = fed("xxxxx")
    assert found.reason == "5 failures in a row, the last: 503" and found.until == NOW + at + 30


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 2.0), (2, 4.0), (3, 8.0), (4, 16.0)], ids=["one", "two", "three", "four"]
)
def test_a_failure_costs_seconds_and_each_in_a_row_more(failures: int, seconds: float) -> None:
    found, now = Breaker(), NOW
    for _ in range(failures):
        now = max(now, found.pause_until)
        assert found.passes(now) and not circuit.fail(found, BALANCED, "", "503", now)
    assert found.next_change(now) == found.pause_until == now + seconds and not found.passes(now)
    assert found.words(now) == f"pauses for {seconds:.0f} s more: 503"
    assert not circuit.begin_probe(found, now + seconds) and found.passes(now + seconds), "and nobody has to probe"


def test_a_success_ends_the_pause_and_the_row() -> None:
    found = Breaker()
    circuit.fail(found, BALANCED, "", "503", NOW)
    assert circuit.succeed(found, BALANCED, "", NOW + 1) and found.passes(NOW + 1) and found.words(NOW) == "closed"
    circuit.fail(found, BALANCED, "", "503", NOW + 9)
    assert found.pause_until == NOW + 11


def test_failures_that_end_together_are_one_trouble() -> None:
    found = Breaker()
    for n in range(20):
        circuit.fail(found, BALANCED, "", "503", NOW + n / 100)
    assert (found.state, found.failures, found.pause_until) == ("closed", 1, NOW + 2)


@pytest.mark.parametrize(("wait", "seconds"), [(1.0, 2.0), (40.0, 40.0), (90_000.0, 600.0)])
def test_the_upstream_may_ask_for_a_longer_pause(wait: float, seconds: float) -> None:
    found = Breaker()
    circuit.fail(found, BALANCED, "", "503", NOW, wait)
    assert found.pause_until == NOW + seconds


def test_pauses_are_settings() -> None:
    found, patient = Breaker(), replace(BALANCED, pause=5.0, max_backoff=7)
    circuit.fail(found, patient, "", "503", NOW)
    assert found.pause_until == NOW + 5
    circuit.fail(found, patient, "", "503", NOW + 5)
    assert found.pause_until == NOW + 12


@pytest.mark.parametrize(
    ("level", "seconds"), [(0, 30), (1, 60), (2, 120), (3, 240), (4, 480), (5, 600), (6, 600), (30, 600)]
)
def test_each_failed_probe_doubles_the_time(level: int, seconds: int) -> None:
    found, at = fed("xxxxx")
    now = NOW + at
    for _ in range(level):
        now = found.until
        assert found.passes(now) and circuit.begin_probe(found, now)
        assert circuit.fail(found, BALANCED, "a", "503", now)
    assert found.until - now == seconds


def test_one_probe_at_a_time_and_a_good_one_closes_it() -> None:
    found, _ = fed("xxxxx")
    assert not found.passes(found.until - 1) and found.next_change(NOW + 10) == found.until
    now = found.until
    assert found.passes(now) and circuit.begin_probe(found, now)
    assert found.state == "half-open" and found.probing(now) and not found.passes(now)
    assert circuit.end_probe(found, now + 1) and found.passes(now + 1)
    assert circuit.begin_probe(found, now + 2) and circuit.succeed(found, BALANCED, "a", now + 3)
    assert (found.state, found.level, len(found.samples)) == ("closed", 0, 0)
    assert not circuit.begin_probe(found, now + 4)


def test_a_probe_that_nobody_heard_of_again_holds_nobody_off_for_ever() -> None:
    found, _ = fed("xxxxx")
    circuit.begin_probe(found, found.until)
    assert found.passes(found.until + circuit.PROBE)


def test_a_forced_probe_goes_through_an_open_breaker() -> None:
    found, at = fed("xxxxx")
    assert circuit.begin_probe(found, NOW + at + 1) and found.probing(NOW + at + 2)
    assert circuit.fail(found, BALANCED, "a", "503", NOW + at + 3) and found.level == 1


def test_late_failures_of_attempts_from_before_change_nothing() -> None:
    found, at = fed("xxxxx")
    until = found.until
    assert not circuit.fail(found, BALANCED, "a", "503", NOW + at + 1)
    assert (found.until, found.level) == (until, 0)


def test_a_restored_key_is_half_open() -> None:
    found = Breaker()
    circuit.half_open(found, "unblocked by hand", NOW)
    assert found.passes(NOW) and found.words(NOW) == "half-open: unblocked by hand"
    assert circuit.begin_probe(found, NOW) and not found.passes(NOW)


def test_where_only_failures_are_remembered_a_success_forgets_them() -> None:
    found = Breaker()
    circuit.fail(found, BALANCED, "", "500", NOW)
    assert circuit.forget(found, NOW + 1) and not circuit.forget(found, NOW + 2)
    assert found.passes(NOW + 1) and not found.samples


# ---- two workers -----------------------------------------------------------------------------------------------------
def test_the_later_opinion_holds_and_windows_become_one() -> None:
    mine, _ = fed("xx")
    theirs, _ = fed("xxxxx")
    circuit.merge(mine, theirs, BALANCED)
    assert (mine.state, mine.until, len(mine.samples)) == ("open", theirs.until, 5)
    old = Breaker(changed_at=NOW - 100, samples=deque([Sample(NOW - 100, False, "a")]))
    circuit.merge(mine, old, BALANCED)
    assert mine.state == "open" and mine.samples[0].at == NOW - 100
    closed = Breaker(changed_at=NOW + 1000)
    circuit.merge(mine, closed, BALANCED)
    assert mine.words(NOW) == "closed" and not mine.samples


@given(st.lists(st.tuples(st.sampled_from(".xop"), st.floats(0, 500)), max_size=60))
def test_whatever_happens_it_lets_somebody_through_again(steps: list[tuple[str, float]]) -> None:
    found, now = Breaker(), NOW
    for step, pause in steps:
        now += pause
        match step:
            case ".":
                circuit.succeed(found, BALANCED, "a", now)
            case "x":
                circuit.fail(found, BALANCED, "b" if pause > 250 else "a", "503", now)
            case "o":
                circuit.fail(found, BALANCED, "a", "overloaded", now, pause)
            case "p":
                circuit.begin_probe(found, now)
        assert len(found.samples) <= BALANCED.window
        assert found.until - now <= BALANCED.max_backoff
    assert found.passes(now + max(BALANCED.max_backoff, circuit.PROBE))
