import asyncio

from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.proxy.budget import Budget, Lease

STEPS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(["grow", "set", "shrink", "release"]), st.integers(0, 90))
)


@given(STEPS)
def test_every_byte_is_counted_once_and_freed_once(steps: list[tuple[int, str, int]]) -> None:
    budget = Budget(100)
    leases = [Lease(budget) for _ in range(5)]
    for who, what, size in steps:
        lease = leases[who]
        match what:
            case "grow":
                lease.grow(size)
            case "set":
                lease.set(size)
            case "shrink":
                lease.shrink(size)
            case _:
                lease.release()
        assert budget.used == sum(lease.size for lease in leases) and min(lease.size for lease in leases) >= 0
    for lease in [*leases, *leases]:
        lease.release()
    assert budget.used == 0


def test_the_last_quarter_is_for_those_that_have_begun() -> None:
    budget = Budget(100)
    begun, late = Lease(budget), Lease(budget)
    assert begun.grow(70)
    assert not late.grow(10)
    late.release()
    assert begun.grow(20)
    assert not begun.grow(20)


async def test_who_waits_goes_on_when_something_is_freed() -> None:
    budget = Budget(100, patience=60)
    first, second, third = Lease(budget), Lease(budget), Lease(budget)
    first.grow(75)
    assert not second.grow(60) and not third.grow(10)
    waiting = [asyncio.ensure_future(lease.room()) for lease in (second, third)]
    await asyncio.sleep(0)
    assert second.waiting and third.waiting
    first.release()
    await asyncio.gather(*waiting)
    assert second.fits and third.fits and not second.waiting


async def test_patience_ends() -> None:
    budget = Budget(100, patience=0.01)
    first, second = Lease(budget), Lease(budget)
    first.grow(90)
    second.grow(60)
    await second.room()
    assert not second.fits and not second.waiting
