"""The engines that two gateways share, and everything that is done to them: one gateway reaches them directly, the other one
through relays, so that a fault may be of one machine or of all."""

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from redis import Redis
from redis.exceptions import RedisError

from scripts.benchmark.faults import Fault, Killable, stopped
from scripts.benchmark.net import NETWORK, Far, Relay, far_away
from scripts.benchmark.programs import free_port
from scripts.fronts import find
from tests.postgres import Server

PORT: Final = 5432
LONG: Final = 6.0
"""Seconds of faults that TCP alone does not notice."""
OURS: Final = "application_name LIKE 'ccx%'"


class Memory(Killable):
    """A Redis."""

    def __init__(self, far: Far, folder: Path, port: int) -> None:
        self.folder, self.address, self.port = folder, far.address, port
        bind = [
            "--bind",
            far.address,
            "--protected-mode",
            "no",
            "--port",
            str(port),
            "--dir",
            str(folder),
            "--save",
            "",
        ]
        super().__init__([*far.prefix, find("redis-server"), *bind])

    def client(self) -> Any:
        return Redis(host=self.address, port=self.port)

    def say(self, *words: str) -> None:
        with contextlib.closing(self.client()) as client:
            client.execute_command(*words)

    def start(self) -> None:
        super().start()
        while True:
            with contextlib.suppress(RedisError):
                self.say("PING")
                return
            time.sleep(0.02)

    def empty(self) -> None:
        (self.folder / "dump.rdb").unlink(missing_ok=True)
        self.start()

    def grow_old(self) -> None:
        """It is killed, and what it has written is older than what it knew."""
        self.say("SAVE")
        time.sleep(1.5)
        self.kill()


@dataclass
class Engines:
    far: Far
    memory: Memory
    log: Server
    relays: tuple[Relay, Relay]
    """Of the second gateway, to Redis and PostgreSQL."""

    def urls(self, alone: bool) -> Iterator[dict[str, str]]:
        """Where each of two gateways finds them. ``alone``: PostgreSQL is all there is."""
        direct = (self.far.address, self.memory.port, self.far.address, self.log.settings["port"])
        relayed = ("127.0.0.1", self.relays[0].port, "127.0.0.1", self.relays[1].port)
        for memory, memory_port, log, log_port in (direct, relayed):
            url = "" if alone else f"redis://{memory}:{memory_port}"
            yield {"CCX_VALKEY_URL": url, "CCX_DATABASE_URL": f"postgresql://ccx@{log}:{log_port}/log"}

    def facts(self, asked: int) -> str:
        """What PostgreSQL says of itself, and how many of so many requests it does not know."""
        with contextlib.suppress(psycopg.Error):
            ((connections, size, meeting, rows),) = self.rows(
                f"SELECT (SELECT count(*) FROM pg_stat_activity WHERE {OURS}),"
                " pg_database_size(current_database()) >> 20,"
                " (SELECT sum(pg_total_relation_size(oid))::bigint >> 10 FROM pg_class WHERE relname ~ '^meet_.*[a-z]$' AND relkind = 'r'),"
                " (SELECT count(*) FROM requests)"
            )
            places = f"places of limits {meeting} kB"
            return f"connections {connections}, {rows} rows, {asked - rows} missing, {size} MB, {places}"
        return "PostgreSQL is away"

    def rows(self, sql: str) -> list[Any]:
        with psycopg.connect(self.log.url("log")) as connection:
            return connection.execute(sql.encode()).fetchall()

    def send_away(self) -> None:
        self.log.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {OURS}")

    def crowd_out(self) -> None:
        self.log.run("ALTER ROLE ccx CONNECTION LIMIT 0")
        self.send_away()

    def read_only(self, words: str) -> None:
        self.log.run(f"ALTER DATABASE log SET default_transaction_read_only = {words}")
        self.send_away()

    def relay(self, name: str, seconds: float, **how: Any) -> Fault:
        """What happens to the second gateway's ways."""

        def begin() -> None:
            for relay in self.relays:
                vars(relay).update(how)

        def end() -> None:
            for relay in self.relays:
                relay.well()

        return Fault(name, begin, end, seconds)

    def faults(self) -> list[Fault]:
        memory, log = self.memory, self.log
        crowd = [memory.client()]
        """One that was there before, and so may undo it."""

        def fill() -> None:
            crowd[0].execute_command("CONFIG", "SET", "maxclients", "1")
            crowd[0].execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

        found = [
            Fault("nothing", lambda: None, lambda: None),
            stopped("Redis hangs for 2 s", memory.pids),
            Fault("Redis is killed, back empty in 2 s", memory.kill, memory.empty),
            Fault("Redis is killed, back old in 2 s", memory.grow_old, memory.start),
            Fault(
                "Redis may not run scripts",
                lambda: memory.say("ACL", "SETUSER", "default", "-eval", "-evalsha"),
                lambda: memory.say("ACL", "SETUSER", "default", "+@all"),
            ),
            Fault(
                "Redis is a replica",
                lambda: memory.say("REPLICAOF", "127.0.0.1", "1"),
                lambda: memory.say("REPLICAOF", "NO", "ONE"),
            ),
            Fault(
                "Redis has no memory left",
                lambda: memory.say("CONFIG", "SET", "maxmemory", "1"),
                lambda: memory.say("CONFIG", "SET", "maxmemory", "0"),
            ),
            Fault(
                "Redis has no connection left",
                fill,
                lambda: crowd[0].execute_command("CONFIG", "SET", "maxclients", "10000"),
            ),
            Fault(
                "PostgreSQL hangs for 2 s",
                lambda: log.signal(signal.SIGSTOP),
                lambda: log.signal(signal.SIGCONT),
            ),
            Fault("PostgreSQL is killed, back in 2 s", log.kill, log.start),
            Fault("PostgreSQL ends connections", self.send_away, self.send_away),
            Fault(
                "PostgreSQL has no connection left",
                self.crowd_out,
                lambda: log.run("ALTER ROLE ccx CONNECTION LIMIT -1"),
            ),
            Fault("PostgreSQL is read-only", lambda: self.read_only("on"), lambda: self.read_only("off")),
            self.relay("half of all COMMITs unheard", LONG, cut=0.5),
            self.relay("50 ms to the engines of one", LONG, delay=0.05),
            self.relay("one piece of 20 is lost on the way", LONG, stalls=0.05),
            self.relay("one machine hears no engine", LONG, held=True),
        ]
        if self.far.prefix:
            found.append(Fault("no machine hears any engine", self.far.down, self.far.up, LONG))
        return found


@contextlib.contextmanager
def engines(folder: Path) -> Iterator[Engines]:
    """PostgreSQL keeps what it was told, also where it is killed."""
    with contextlib.ExitStack() as stack:
        far = stack.enter_context(far_away())
        (folder / "memory").mkdir()
        memory = Memory(far, folder / "memory", free_port())
        stack.callback(memory.kill)
        memory.start()
        keep = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "autovacuum": "on"}
        port = str(PORT if far.prefix else free_port())
        log = Server(far.prefix, listen_addresses=far.address, port=port, **keep)
        stack.callback(log.stop)
        log.trust(f"{NETWORK}.0/24")
        log.start()
        log.run("CREATE ROLE ccx LOGIN")
        log.run("CREATE DATABASE log OWNER ccx")
        relays = (
            stack.enter_context(Relay(far.address, memory.port)),
            stack.enter_context(Relay(far.address, int(port))),
        )
        yield Engines(far, memory, log, relays)
