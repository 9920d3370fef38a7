"""Who comes next of many: the order is the one of a sort, and costs no look at all of them."""

import random
from collections.abc import Callable
from itertools import islice

import pytest

from ccx_addons.scheduler.turns import FEW, REMEMBERED, Changed, Line


class Numbers:
    """Members are their places; counts how often a number is asked for."""

    def __init__(self, count: int) -> None:
        self.values, self.changed, self.asked = [0.0] * count, Changed(), 0
        self.line = Line(range(count), range(count))

    def number(self, member: int) -> float:
        self.asked += 1
        return self.values[member]

    def put(self, member: int, value: float) -> None:
        self.values[member] = value
        self.changed.tell(member)

    def walk(self, most: int | None = None) -> list[int]:
        return list(islice(self.line.walk(self.changed, self.number), most))

    def sorted(self) -> list[int]:
        return sorted(range(len(self.values)), key=self.values.__getitem__)


@pytest.mark.parametrize("count", [0, 1, 2, FEW, FEW + 1, 50])
def test_it_is_the_order_of_a_sort_whatever_changes(count: int) -> None:
    chance, world = random.Random(count), Numbers(count)
    for _ in range(200):
        for _ in range(chance.randrange(4) if count else 0):
            world.put(chance.randrange(count), chance.choice([0.0, 1.0, chance.random()]))
        most = chance.randrange(count + 1)
        assert world.walk(most) == world.sorted()[:most]
    assert world.walk() == world.sorted()


def test_a_walk_that_stopped_half_way_holds_nobody_back() -> None:
    world = Numbers(20)
    walks = [world.line.walk(world.changed, world.number) for _ in range(3)]
    assert [next(walk) for walk in walks] == [0, 0, 0]
    world.put(0, 9.0)
    assert world.walk(2) == [1, 2] and next(walks[0]) == 1


def test_who_missed_too_much_looks_at_all_again() -> None:
    world = Numbers(20)
    world.walk(1)
    for n in range(REMEMBERED + 1):
        world.put(n % 20, float(n))
    assert world.walk() == world.sorted()


def test_another_source_is_another_order() -> None:
    world = Numbers(20)
    world.put(0, 5.0)
    assert world.walk(1) == [1]
    world.values, world.changed = [float(-n) for n in range(20)], Changed()
    assert world.walk(1) == [19]


def round_robin(world: Numbers) -> None:
    (first,) = world.walk(1)
    world.put(first, world.values[first] + 1)


def falls_back(world: Numbers) -> None:
    (first,) = world.walk(1)
    world.put((first + 7) % len(world.values), world.values[first] - 1)


@pytest.mark.parametrize("step", [round_robin, falls_back])
def test_a_step_costs_the_same_among_many(step: Callable[[Numbers], None]) -> None:
    asked = []
    for count in (10, 1000):
        world = Numbers(count)
        for _ in range(5 * count):
            step(world)
        world.asked = 0
        for _ in range(1000):
            step(world)
        asked.append(world.asked)
        assert len(world.line.heap) <= 2 * count
    assert asked[0] == asked[1] <= 1000
