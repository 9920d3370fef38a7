"""What is kept of bodies that pass: whose they are, their request line, and when they came."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

MOST: Final = 10_000
"""Pieces of one body whose time is kept."""

type Side = str
"""client_request, upstream_request, upstream_response, client_response, or ``answer_to`` an attempt before the last."""
METHOD: Final = ":method"
PATH: Final = ":path"
"""The request line among the headers of a request that is kept, as HTTP/2 says it (RFC 9113, 8.3.1)."""
type Times = list[list[int]]
"""[lines that had come by then, milliseconds since the request came], for each moment."""


def answer_to(n: int) -> Side:
    return f"answer_{n}"


def line_of(method: str, path: str) -> list[tuple[str, str]]:
    """``path``: with its query."""
    return [(METHOD, method), (PATH, path)]


def line_in(headers: Iterable[Sequence[str]]) -> tuple[str, str]:
    """Method, and path with its query; empty: they were not kept."""
    found = {name: value for name, value in headers if name in (METHOD, PATH)}
    return found.get(METHOD, ""), found.get(PATH, "")


class Arrivals:
    """When a body came, by the lines that had come: those stay when words in them are masked. ``add`` for each piece;
    nothing is said of what comes after MOST of them."""

    __slots__ = ("at", "sizes")

    def __init__(self) -> None:
        self.sizes, self.at = array("Q"), array("d")

    def add(self, size: int, now: float) -> None:
        """``size``: bytes of the body so far; ``now``: monotonic seconds."""
        if len(self.sizes) < MOST:
            self.sizes.append(size)
            self.at.append(now)

    def so_far(self) -> "Arrivals":
        """For another thread, while more is added."""
        found = Arrivals()
        found.sizes, found.at = self.sizes[:], self.at[:]
        return found

    def times(self, body: bytes, clock: float) -> Times:
        """``clock``: monotonic seconds at which the request came."""
        found: Times = []
        lines = before = 0
        for size, at in zip(self.sizes, self.at, strict=True):
            new = body.count(b"\n", before, size)
            before = size
            if not new:
                continue
            lines += new
            ms = round((at - clock) * 1000)
            if found and found[-1][1] == ms:
                found[-1][0] = lines
            else:
                found.append([lines, ms])
        return found


def of_lines(times: Sequence[Sequence[int]]) -> Iterator[int]:
    """When each line came, from the first on, as far as it is known."""
    before = 0
    for lines, ms in times:
        yield from (ms for _ in range(before, lines))
        before = lines
