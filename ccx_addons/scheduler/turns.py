"""Who of many comes next, without a look at all of them: an order that is kept while single numbers in it change."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import Any, Final

FEW: Final = 8
"""So many are sorted as soon as looked after."""
REMEMBERED: Final = 1000


class Changed:
    """Names of those whose numbers changed, the latest last."""

    __slots__ = ("names", "told")

    def __init__(self) -> None:
        self.told = 0
        self.names: deque[Hashable] = deque(maxlen=REMEMBERED)

    def tell(self, name: Hashable) -> None:
        self.told += 1
        self.names.append(name)

    def since(self, told: int) -> Iterable[Hashable] | None:
        """Those that were told after so many; None: that is too long ago."""
        missed = self.told - told
        return islice(reversed(self.names), missed) if missed <= len(self.names) else None


class Line[T]:
    """``members`` stand in the order of their numbers, equals in their own order. ``names``: what ``Changed`` calls
    them."""

    __slots__ = ("changed", "heap", "heard", "members", "numbers", "places")

    def __init__(self, members: Sequence[T], names: Sequence[Hashable]) -> None:
        self.members = members
        self.places = {name: place for place, name in enumerate(names)} if len(members) > FEW else {}
        self.numbers: list[Any] = []
        self.heap: list[tuple[Any, int]] = []
        """(number, place); what is not the member's number any more is skipped."""
        self.changed: Changed | None = None
        self.heard = 0

    def walk(self, changed: Changed, number: Callable[[T], Any]) -> Iterator[T]:
        """``changed`` hears of every change of what ``number`` says of a member."""
        if len(self.members) < 2:
            return iter(self.members)
        return self._walk(changed, number) if self.places else iter(sorted(self.members, key=number))

    def _walk(self, changed: Changed, number: Callable[[T], Any]) -> Iterator[T]:
        """In steps of 1, 2, 4 ...: what was not asked for is not put in order."""
        self._listen(changed, number)
        given: set[int] = set()
        count = 1
        while len(given) < len(self.members):
            for place in self._first(count):
                if place not in given:
                    given.add(place)
                    yield self.members[place]
            count *= 2

    def _listen(self, changed: Changed, number: Callable[[T], Any]) -> None:
        missed = changed.since(self.heard) if changed is self.changed else None
        if missed is None:
            self.numbers = [number(member) for member in self.members]
            self._sort()
        for name in missed or ():
            place = self.places.get(name)
            if place is not None and (value := number(self.members[place])) != self.numbers[place]:
                self.numbers[place] = value
                heappush(self.heap, (value, place))
        if len(self.heap) > 2 * len(self.members):
            self._sort()
        self.changed, self.heard = changed, changed.told

    def _sort(self) -> None:
        self.heap = [(value, place) for place, value in enumerate(self.numbers)]
        heapify(self.heap)

    def _first(self, count: int) -> Iterable[int]:
        """Places of so many, in their order."""
        found: dict[int, tuple[Any, int]] = {}
        while self.heap and len(found) < count:
            value, place = item = heappop(self.heap)
            if value == self.numbers[place]:
                found.setdefault(place, item)
        for item in found.values():
            heappush(self.heap, item)
        return found
