import pytest

from ccx_addons.core import lock_out
from ccx_addons.core.lock_out import LockOut, network_of

MOST, WINDOW = 10, 60.0


@pytest.fixture
def lock() -> LockOut:
    return LockOut(MOST, WINDOW)


def test_ten_failures_close_the_address_for_a_minute(lock: LockOut) -> None:
    for n in range(MOST):
        assert lock.wait("a", n) == 0
        lock.failed("a", n)
    last = MOST - 1
    assert lock.wait("a", last) == WINDOW and lock.wait("a", last + WINDOW - 1) == 1
    assert lock.wait("a", last + WINDOW) == 0 and lock.wait("b", last) == 0


def test_slow_failures_close_nothing(lock: LockOut) -> None:
    for n in range(50):
        lock.failed("a", n * 10)
        assert lock.wait("a", n * 10) == 0


def test_who_proved_right_begins_anew(lock: LockOut) -> None:
    for _ in range(MOST - 1):
        lock.failed("a", 0)
    lock.forget("a")
    lock.forget("b")
    lock.failed("a", 0)
    assert lock.wait("a", 0) == 0


def test_the_memory_of_addresses_is_bounded(lock: LockOut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_out, "MAX_ADDRESSES", 100)
    for n in range(1000):
        lock.failed(f"a{n}", n / 1000)
        for _ in range(MOST):
            lock.failed("guesser", n / 1000)
    assert len(lock.failures) <= 100 and lock.wait("guesser", 1) > 0, "who goes on guessing is not forgotten"


def test_a_network_of_version_6_counts_as_one(lock: LockOut) -> None:
    for n in range(MOST):
        lock.failed(f"2001:db8::{n}", 0)
    assert lock.wait("2001:db8::ffff", 0) == WINDOW and lock.wait("2001:db8:0:1::", 0) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [("10.0.0.1", "10.0.0.1"), ("2001:db8::1", "2001:db8::/64"), ("", ""), ("no address", "no address")],
)
def test_network_of(address: str, network: str) -> None:
    assert network_of(address) == network
