import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.config import BreakerPolicy
from ccx_admin.settings.what_if import Sample, health, openings

POLICY = BreakerPolicy(pause=0)


def samples(marks: str, step: int = 1_000, place: str = "main") -> list[Sample]:
    """``.`` an answer, ``x`` a failure, ``o`` overloaded, ``c`` the client's fault."""
    kinds = {".": ("ok", 200), "x": ("status", 500), "o": ("status", 529), "c": ("status", 400)}
    return [Sample(place, n * step, *kinds[mark]) for n, mark in enumerate(marks)]


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        pytest.param("....", 0, id="all well"),
        pytest.param("xxxx", 0, id="four in a row are not five"),
        pytest.param("xxxxx", 1, id="five in a row"),
        pytest.param("x.x.x.x.x.x.x.", 0, id="every other one, below the rate"),
        pytest.param("xxx.xxx.xxx.", 1, id="never five in a row, but most of ten"),
        pytest.param("ooooo", 1, id="overloaded five times"),
        pytest.param("cccccccccc", 0, id="the client's faults do not count"),
        pytest.param("xxxxxxxxxx", 1, id="what comes while it is open does not count"),
    ],
)
def test_openings(marks: str, expected: int) -> None:
    assert openings(samples(marks), POLICY) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        pytest.param("x", 2, id="a probe that fails opens it again"),
        pytest.param("xx", 3, id="and the next one"),
        pytest.param("x.xxxx", 2, id="a probe that is answered closes it"),
        pytest.param("x.xxxxx", 3, id="until there are enough failures anew"),
    ],
)
def test_after_its_rest_it_lets_a_probe_through(after: str, expected: int) -> None:
    assert openings(samples("xxxxx" + after, step=100_000), POLICY) == expected


def test_each_opening_is_longer() -> None:
    """30 s after the fifth failure, then 60 s, 120 s and 240 s; what comes meanwhile is no probe."""
    assert openings(samples("x" * 5 + "x" * 45, step=10_000), POLICY) == 5


def test_places_are_apart() -> None:
    assert openings([*samples("xxx"), *samples("xxx", place="other")], POLICY) == 0


def test_old_samples_do_not_count() -> None:
    slow = samples("xxx.xxx.xxx.", step=400_000)
    assert openings(slow, POLICY) == 0


@given(st.text("x.oc", max_size=80))
def test_a_stricter_policy_opens_no_less_at_first(marks: str) -> None:
    gentle = BreakerPolicy(pause=0, window=50, failure_rate=0.85, consecutive=10)
    strict = BreakerPolicy(pause=0, window=10, failure_rate=0.5, consecutive=3)
    assert bool(openings(samples(marks), gentle)) <= bool(openings(samples(marks), strict))


@pytest.mark.parametrize(
    ("outcome", "status", "expected"),
    [
        pytest.param("ok", 200, "success", id="answered"),
        pytest.param("ok", 404, "neutral", id="an error that was passed on"),
        pytest.param("status", 503, "failure", id="server error"),
        pytest.param("status", 429, "neutral", id="at a rate limit the model rests instead"),
        pytest.param("connect_timeout", 0, "failure", id="no connection"),
        pytest.param("client_left", 0, "neutral", id="client left"),
        pytest.param("unheard of", 0, "neutral", id="unknown"),
    ],
)
def test_health(outcome: str, status: int, expected: str) -> None:
    assert health(Sample("main", 0, outcome, status)) == expected
