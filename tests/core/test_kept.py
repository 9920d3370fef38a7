import pytest

from ccx_addons.core import kept
from ccx_addons.core.kept import Arrivals, of_lines


@pytest.mark.parametrize(
    ("pieces", "times"),
    [
        pytest.param([(b"data: 1\n\n", 10.5), (b"data: 2\n\n", 12.25)], [[2, 500], [4, 2250]], id="an event a piece"),
        pytest.param([(b"data: 1", 10.1), (b"\n\nda", 10.2), (b"ta: 2\n\n", 10.3)], [[2, 200], [4, 300]], id="cut"),
        pytest.param([(b"a\n", 10.0001), (b"b\n", 10.0002)], [[2, 0]], id="in one millisecond"),
        pytest.param([(b"{}", 10.1)], [], id="no line"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_when_lines_came(pieces: list[tuple[bytes, float]], times: kept.Times) -> None:
    found, body = Arrivals(), b""
    for piece, at in pieces:
        body += piece
        found.add(len(body), at)
    assert found.times(body, 10.0) == times
    assert list(of_lines(times)) == [
        ms for n, (lines, ms) in enumerate(times) for _ in range(lines - (n and times[n - 1][0]))
    ]


def test_what_came_so_far_stays_as_it_is() -> None:
    found = Arrivals()
    found.add(1, 10.5)
    before = found.so_far()
    found.add(2, 11.0)
    assert (before.times(b"\n\n", 10.0), found.times(b"\n\n", 10.0)) == ([[1, 500]], [[1, 500], [2, 1000]])


def test_many_pieces_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 3)
    found = Arrivals()
    for n in range(9):
        found.add(n + 1, 10.0 + n)
    assert found.times(b"\n" * 9, 10.0) == [[1, 0], [2, 1000], [3, 2000]]
