import pytest

from ccx_addons.core import lock_out
from ccx_addons.core.lock_out import LockOut, network_of

MOST, WINDOW = 10, 60.0


@pytest.fixture
def lock() -> LockOut:
    return LockOut(MOST, WINDOW)


def guess(lock: LockOut, address: str, count: int = MOST, now: float = 0) -> None:
    for n in range(count):
        lock.failed(address, f"{address}-{n}", now)


def test_ten_different_keys_close_the_address_for_a_minute(lock: LockOut) -> None:
    for n in range(MOST):
        assert lock.wait("a", n) == 0
        assert lock.failed("a", f"key{n}", n)
    last = MOST - 1
    assert lock.wait("a", last) == WINDOW and lock.wait("a", last + WINDOW - 1) == 1
    assert lock.wait("a", last + WINDOW) == 0 and lock.wait("b", last) == 0


def test_the_same_key_again_is_no_guess(lock: LockOut) -> None:
    assert lock.failed("a", "old", 0) and lock.failed("b", "old", 0)
    for n in range(1000):
        assert not lock.failed("a", "old", n / 100)
    guess(lock, "a", MOST - 2)
    assert lock.wait("a", 0) == 0


def test_a_clock_that_is_set_back_shuts_nobody_out_until_it_comes_there_again(lock: LockOut) -> None:
    guess(lock, "a")
    assert lock.wait("a", -10 * WINDOW) == 0
    lock.failed("a", "another", -10 * WINDOW)
    assert lock.wait("a", -10 * WINDOW) == 0, "what lies in the future counts no more"
    guess(lock, "a", MOST - 1, -10 * WINDOW)
    assert lock.wait("a", -10 * WINDOW) == WINDOW


def test_an_old_key_does_not_make_a_lock_longer(lock: LockOut) -> None:
    guess(lock, "a")
    for n in range(int(WINDOW)):
        lock.failed("a", "a-0", n)
    assert lock.wait("a", WINDOW) == 0


def test_new_keys_make_a_lock_longer(lock: LockOut) -> None:
    guess(lock, "a")
    lock.failed("a", "another", 30)
    assert lock.wait("a", 30) == WINDOW and lock.wait("a", WINDOW) == 30


def test_slow_failures_close_nothing(lock: LockOut) -> None:
    for n in range(50):
        lock.failed("a", f"key{n}", n * 10)
        assert lock.wait("a", n * 10) == 0


def test_who_proved_right_begins_anew(lock: LockOut) -> None:
    guess(lock, "a")
    lock.forget("a")
    lock.forget("b")
    assert lock.failed("a", "a-0", 0) and lock.wait("a", 0) == 0


def test_the_memory_is_bounded(lock: LockOut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_out, "MAX_ADDRESSES", 100)
    for n in range(1000):
        lock.failed(f"a{n}", "x" * 5000, n / 1000)
        guess(lock, "guesser", MOST * 2, n / 1000)
    assert len(lock.failures) <= 100 and lock.wait("guesser", 1) > 0, "who goes on guessing is not forgotten"
    kept = [digest for found in lock.failures.values() for digest, _ in found]
    assert len(kept) <= 100 * MOST and {len(digest) for digest in kept} == {lock_out.DIGEST_SIZE}


def test_no_key_can_be_read_from_it(lock: LockOut) -> None:
    lock.failed("a", "a-secret", 0)
    assert "a-secret" not in repr(lock)
    other = LockOut(MOST, WINDOW)
    other.failed("a", "a-secret", 0)
    assert lock.failures["a"] != other.failures["a"], "hashes differ from process to process"


def test_a_network_of_version_6_counts_as_one(lock: LockOut) -> None:
    for n in range(MOST):
        lock.failed(f"2001:db8::{n}", f"key{n}", 0)
    assert lock.wait("2001:db8::ffff", 0) == WINDOW and lock.wait("2001:db8:0:1::", 0) == 0


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_network_of(address: str, network: str) -> None:
    assert network_of(address) == network
