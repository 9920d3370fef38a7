"""The meeting place of one machine: a small process that counts for all workers, and does nothing else.

It keeps nothing. When it begins anew, it decides only after the workers have told what they have taken, or after a
second; until then each of them counts for itself.
"""

import asyncio
import json
import logging
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ccx_addons.io.meeting.line import COLD
from ccx_addons.scheduler.budgets import Budget, Estimate, Sums
from ccx_addons.scheduler.limits import Ask, Cost, Held, Limits, Part, Scope
from ccx_addons.scheduler.tokens import Pace

log: Final = logging.getLogger("ccx")

NAME: Final = "meeting.sock"
SETTLE: Final = 1.0
"""Seconds after a new beginning in which workers may tell what they have taken."""


class Place:
    """``expects``: how many have something to tell before anything can be decided; 0: it is the very first start."""

    def __init__(self, expects: int, clock: Callable[[], float] = time.time) -> None:
        self.limits, self.clock, self.expects = Limits(), clock, expects
        self.warm_at = clock() + SETTLE if expects else 0.0
        self.owners: dict[str, object] = {}
        """Slot -> who has it."""
        self.guests: set[Guest] = set()

    def told(self, who: object, words: list[Any]) -> list[Any] | None:
        """One line; the answer, where there is one."""
        match words:
            case ["enter", number, *ask]:
                return [number, self.enter(who, ask_of(*ask))]
            case ["leave", slot]:
                self.forget(slot, self.limits.leave)
            case ["undo", slot]:
                self.forget(slot, self.limits.undo)
            case ["put", *part]:
                self.put(who, part_of(*part))
            case ["spend", *cost]:
                self.limits.pay(Cost(*cost), self.clock())
            case ["tell", *news]:
                text = f"{json.dumps(['told', *news])}\n".encode()
                for guest in self.guests:
                    if guest is not who:
                        guest.transport.write(text)
            case _:
                log.warning("the meeting place was told %s", str(words)[:100])
        return None

    def enter(self, who: object, ask: Ask) -> Any:
        now = self.clock()
        if self.warm_at > now:
            return COLD
        refused = self.limits.take(ask, now)
        if refused is None:
            self.owners[ask.slot] = who
        return refused

    def forget(self, slot: str, how: Callable[[str], object]) -> None:
        self.owners.pop(slot, None)
        how(slot)

    def put(self, who: object, part: Part) -> None:
        self.limits.put(part, self.clock())
        self.owners.update(dict.fromkeys(part.slots, who))

    def hello(self) -> None:
        """Somebody has told all that he has."""
        self.expects -= 1
        if self.expects == 0:
            self.warm_at = 0.0

    def gone(self, who: object) -> None:
        """Its places are free; what it began counts for its minute."""
        for slot in [slot for slot, owner in self.owners.items() if owner is who]:
            self.forget(slot, self.limits.leave)


type Listed = list[Any]
type Named = dict[str, Listed]


def ask_of(slot: str, scopes: Listed, budgets: Listed, paces: Listed, estimate: Listed) -> Ask:
    return Ask(
        slot,
        tuple(Scope(*each) for each in scopes),
        tuple(Budget(name, Sums(*most), Sums(*spent)) for name, most, spent in budgets),
        tuple(Pace(*each) for each in paces),
        Estimate(*estimate),
    )


def part_of(starts: Named, slots: Named, spent: Named, used: Named) -> Part:
    return Part(
        {name: [(at, slot) for at, slot in found] for name, found in starts.items()},
        {slot: held_of(*held) for slot, held in slots.items()},
        {name: Sums(*known) for name, known in spent.items()},
        {name: [(at, slot, tokens) for at, slot, tokens in found] for name, found in used.items()},
    )


def held_of(names: Listed, budgets: Listed, paces: Listed, estimate: Listed) -> Held:
    return Held(tuple(names), tuple(budgets), tuple(paces), Estimate(*estimate))


class Guest(asyncio.Protocol):
    """One worker's line."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.rest: list[bytes] = []
        self.known = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.place.guests.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.place.guests.discard(self)
        self.place.gone(self)

    def data_received(self, data: bytes) -> None:
        if b"\n" not in data:
            self.rest.append(data)
            return
        *lines, rest = b"".join([*self.rest, data]).split(b"\n")
        self.rest = [rest]
        answers = [answer for line in lines if (answer := self.place.told(self, json.loads(line)))]
        if lines and not self.known:
            self.known = True
            self.place.hello()
        if answers:
            self.transport.write("".join(json.dumps(answer) + "\n" for answer in answers).encode())


def listen(folder: Path) -> tuple[socket.socket, Path]:
    """A socket that only this user may reach: in ``folder``, or in one for such things where that cannot hold one, or
    has too long a name."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        return sock, _bound(sock, folder.absolute())
    except OSError:
        return sock, _bound(sock, Path(tempfile.mkdtemp(prefix="ccx-")))


def _bound(sock: socket.socket, folder: Path) -> Path:
    path = folder / NAME
    path.unlink(missing_ok=True)
    sock.bind(str(path))
    path.chmod(0o600)
    sock.listen(128)
    sock.setblocking(False)
    return path


async def serve(place: Place, sock: socket.socket, alive: int) -> None:
    """Until the supervisor is gone (its end of ``alive`` closes)."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_reader(alive, over.set)
    server = await loop.create_unix_server(lambda: Guest(place), sock=sock)
    await over.wait()
    loop.remove_reader(alive)
    server.close()
    for guest in list(place.guests):
        guest.transport.abort()
