"""The meeting place itself: what it is told, by whom, and a model beside it."""

import socket
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ccx_addons.io.meeting.line import COLD
from ccx_addons.io.meeting.place import SETTLE, Place, listen

NOW = 1_700_000_000.0
RPM, MOST = 4, 3


def test_after_a_fall_it_waits_for_everybody_or_a_second() -> None:
    now = [NOW]
    place = Place(2, lambda: now[0])
    question = ["enter", 1, "s", [["a", 1, 0]], [], [], []]
    assert place.told("one", question) == [1, COLD]
    place.hello()
    assert place.told("one", question) == [1, COLD]
    place.hello()
    assert place.told("one", question) == [1, None]
    assert place.told("one", ["enter", 2, "t", [["a", 1, 0]], [], [], []]) != [2, None]
    late = Place(5, lambda: now[0])
    now[0] += SETTLE
    assert late.told("one", question) == [1, None]


def test_a_line_that_comes_back_before_the_old_one_is_missed_keeps_its_places() -> None:
    place = Place(0, lambda: NOW)
    place.told("old", ["enter", 1, "s", [["a", 0, 1]], [], [], []])
    place.told("new", ["put", {"a": [[NOW, "s"]]}, {"s": [["a"], [], [], []]}, {}, {}])
    place.gone("old")
    assert place.limits.slots.keys() == {"s"}
    place.gone("new")
    assert not place.limits.slots and not place.owners


def test_what_nobody_understands_changes_nothing() -> None:
    assert Place(0).told("one", ["what?", 1]) is None


def test_a_folder_whose_name_is_too_long_for_a_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    for folder in (tmp_path, tmp_path, deep):
        sock, path = listen(folder)
        assert (path.parent == folder) == (folder is tmp_path) and path.stat().st_mode & 0o777 == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
        sock.close()
    path.unlink()
    path.parent.rmdir()


class Model(RuleBasedStateMachine):
    """Workers ask, leave, fall and come back, the place falls, and time goes on: never more than the limits."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.number = NOW, 0
        self.place = Place(0, lambda: self.now)
        self.starts: list[tuple[float, str]] = []
        self.flying: dict[str, str] = {}
        """Slot -> worker."""

    workers = st.sampled_from("abc")

    @rule(worker=workers)
    def enter(self, worker: str) -> None:
        self.number += 1
        slot = f"{self.number}"
        (_, refused) = self.place.told(worker, ["enter", 1, slot, [["x", RPM, MOST]], [], [], []]) or []
        fits = len(self.flying) < MOST and sum(at > self.now - 60 for at, _ in self.starts) < RPM
        assert (refused is None) == fits
        if fits:
            self.starts.append((self.now, slot))
            self.flying[slot] = worker

    @rule(worker=workers)
    def leave(self, worker: str) -> None:
        if slot := next((slot for slot, owner in self.flying.items() if owner == worker), None):
            del self.flying[slot]
            self.place.told(worker, ["leave", slot])

    @rule(worker=workers)
    def fall(self, worker: str) -> None:
        self.place.gone(worker)
        self.flying = {slot: owner for slot, owner in self.flying.items() if owner != worker}

    @rule(worker=workers)
    def tell_again(self, worker: str) -> None:
        self.place.told(worker, ["put", *self.part(worker)])

    @rule()
    def place_falls(self) -> None:
        self.place = Place(3, lambda: self.now)
        for worker in "abc":
            self.place.told(worker, ["put", *self.part(worker)])
            self.place.hello()

    @rule(seconds=st.sampled_from([0.5, 10.0, 59.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    def part(self, worker: str) -> tuple[Any, Any, Any, Any]:
        """The starts of all workers: one that fell has told what it had begun before."""
        slots = {slot: [["x"], [], [], []] for slot, owner in self.flying.items() if owner == worker}
        return {"x": [[at, slot] for at, slot in self.starts if at > self.now - 60]}, slots, {}, {}

    @invariant()
    def the_place_knows_what_the_workers_know(self) -> None:
        assert self.place.limits.slots.keys() == self.flying.keys()


Model.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestModel = Model.TestCase
