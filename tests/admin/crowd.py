"""A team's gateway, for what has to hold with many rows: forty channels, keys, clients, months of requests.

As a program: ``python -m tests.admin.crowd FOLDER [ROWS] [DAYS]`` writes FOLDER/ccx.yaml and FOLDER/ccx.db. Rows are
written without the writer's queue; the roll-ups are then made as the writer makes them.
"""

import random
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final

from ccx_addons.io.database import Database
from ccx_addons.io.rollup import ADD_UP, FOLD
from ccx_addons.io.transaction import fold_step
from tests.admin import seed

KEYS: Final = (12, 8, 6, 5, 4, 4, 4, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2)
PROTOCOLS: Final = ("messages", "messages", "chat", "responses", "gemini", "embeddings")
MODELS: Final = {
    "messages": ("claude-opus-4-7", "claude-sonnet-5", "claude-haiku-4-5", "claude-sonnet-4-6"),
    "chat": ("glm-5", "gpt-5-mini", "deepseek-v4", "qwen4-coder", "kimi-k3"),
    "responses": ("gpt-5.4-codex", "gpt-5.5", "gpt-5.4-codex-mini"),
    "gemini": ("gemini-3.8-flash", "gemini-3.8-pro"),
    "embeddings": ("text-embedding-3-small", "text-embedding-3-large"),
}
NAMES: Final = (
    "anthropic",
    "bedrock-relay-frankfurt-production",
    "reseller",
    "azure-eu-west",
    "vertex",
    "codex-relay-hk",
    "local gpu",
)
PEOPLE: Final = (
    "alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan", "judy", "ken", "lea", "mallory", "nina",
    "oscar", "peggy", "quinn", "rosa", "sam", "tina",
)  # fmt: skip


def channels(count: int) -> list[dict[str, Any]]:
    found = []
    for n in range(count):
        protocol = PROTOCOLS[n % len(PROTOCOLS)]
        keys = [f"sk-{n:03}-{k:02}-{'A' * 12}{k:04}" for k in range(KEYS[n % len(KEYS)])]
        name = f"{NAMES[n % len(NAMES)]}-{n:02}"
        found.append({"id": f"ch_{n:08}", "name": name, "protocol": protocol, "keys": keys, "priority": n + 1})
    return found


def config(channel_count: int = 40, client_count: int = 30) -> str:
    lines = ["version: 1", "clients:"]
    lines += [
        f'  - {{name: "{name}", key: "ccx-{name}-0123456789abcdef", limits: {{usd_per_month: 500}}}}'
        for name in clients(client_count)
    ]
    lines.append("channels:" if channel_count else "channels: []")
    for channel in channels(channel_count):
        keys = ", ".join(channel["keys"])
        lines.append(
            f'  - {{id: {channel["id"]}, name: "{channel["name"]}", protocol: {channel["protocol"]},'
            f' base_urls: ["https://relay{channel["priority"]}.example.com/v1"], keys: [{keys}],'
            f" priority: {channel['priority']}}}"
        )
    return "\n".join(lines) + "\n"


def clients(count: int) -> list[str]:
    return [PEOPLE[n] if n < len(PEOPLE) else f"team-{n}" for n in range(count)]


def rows(
    count: int, now: float, days: float, channel_count: int = 40, client_count: int = 30, seed_: int = 3
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """As ``seed.rows``, over a team's channels: few clients and channels have most of the traffic."""
    chance = random.Random(seed_)
    places, people = channels(channel_count), clients(client_count)
    shares = [1 / (n + 1) for n in range(len(people))]
    for n, (row, attempts) in enumerate(seed.rows(count, now, days, seed_)):
        place = chance.choices(places, [1 / (n + 2) for n in range(len(places))])[0]
        models = MODELS[place["protocol"]]
        upstream = chance.choice(models)
        masks = [f"{key[:4]}…{key[-4:]}" for key in place["keys"]]
        row.update(
            channel_id=place["id"],
            channel_name=place["name"],
            kind=place["protocol"],
            key_mask=chance.choice(masks),
            client_name=chance.choices(people, shares)[0],
            upstream_model=upstream,
            model=upstream if chance.random() < 0.7 else models[0],
            trace_hash=f"{n // 25 % 40_000:032x}",
        )
        for attempt in attempts:
            attempt.update(channel_id=place["id"], channel_name=place["name"], key_mask=row["key_mask"])
        yield row, attempts


def fill(folder: Path, count: int, now: float, days: float, copies: int = 1) -> None:
    """Writes the rows, oldest first, and adds them up. ``copies``: so many times the same rows, each time earlier and
    of other conversations."""
    database = Database(folder / "ccx.db", "crowd", 0, lambda: now)
    database.ready()
    assert database.conn
    (rev,) = database.conn.execute("SELECT value FROM counter WHERE name = 'rev'").fetchone()
    size = count // copies
    with closing(sqlite3.connect(folder / "ccx.db", isolation_level=None)) as conn:
        conn.execute("PRAGMA synchronous = OFF")
        conn.execute("PRAGMA temp_store = MEMORY")
        for table in ("requests", "attempts"):
            (made,) = conn.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
            conn.execute(f"CREATE TEMP TABLE few_{table} {made[made.index('(') :]}")
        conn.execute("BEGIN")
        for n, (row, attempts) in enumerate(rows(size, now, days / copies), 1):
            _insert(conn, "few_requests", {**row, "rev": rev + n})
            for attempt in attempts:
                _insert(conn, "few_attempts", attempt)
        conn.execute("CREATE TEMP TABLE ids (old TEXT PRIMARY KEY, new TEXT)")
        conn.execute("COMMIT")
        later = "tbl_name = 'requests' AND type = 'index' AND sql > '' AND name <> 'requests_rev'"
        indexes = conn.execute(f"SELECT name, sql FROM sqlite_schema WHERE {later}").fetchall()
        for name, _ in indexes:
            conn.execute(f"DROP INDEX {name}")
        for n in range(copies):
            conn.execute("BEGIN")
            back = copies - 1 - n
            _copy(conn, back, int(back * days / copies * 86_400_000), n * size)
            conn.execute(ADD_UP, {"rev": rev + n * size, "now": rev + (n + 1) * size})
            conn.execute("COMMIT")
        for _, sql in indexes:
            conn.execute(sql)
        conn.execute("UPDATE counter SET value = ? WHERE name = 'rev'", (rev + size * copies,))
    while database.write([partial(fold_step, most=max(FOLD, size))])[0]:
        pass
    database.leave()


def _copy(conn: sqlite3.Connection, n: int, earlier: int, rev: int) -> None:
    moved = "printf('%012x', started_at - :earlier)"
    id = f"substr({moved}, 1, 8) || '-' || substr({moved}, 9) || substr(id, 14)"
    changed = {
        "id": id,
        "started_at": "started_at - :earlier",
        "ended_at": "ended_at - :earlier",
        "rev": "rev + :rev",
        "request_id": "(SELECT new FROM temp.ids WHERE old = request_id)",
        "trace_hash": "CASE WHEN trace_hash = '' THEN '' ELSE printf('%04x', :n) || substr(trace_hash, 5) END",
    }
    values = {"n": n, "earlier": earlier, "rev": rev}
    conn.execute("DELETE FROM temp.ids")
    conn.execute(f"INSERT INTO temp.ids SELECT id, {id} FROM temp.few_requests", values)
    for table in ("requests", "attempts"):
        names = [row[1] for row in conn.execute(f"PRAGMA table_info({table})")]
        columns = ", ".join(changed.get(name, f'"{name}"') for name in names)
        conn.execute(f"INSERT INTO {table} SELECT {columns} FROM temp.few_{table} ORDER BY 1", values)


def _insert(conn: sqlite3.Connection, table: str, row: dict[str, Any]) -> None:
    conn.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))


def main(arguments: list[str]) -> int:
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    count = int(arguments[1]) if len(arguments) > 1 else 100_000
    days = float(arguments[2]) if len(arguments) > 2 else max(1.0, count / 33_000)
    (folder / "ccx.yaml").write_text(config())
    began = time.monotonic()
    fill(folder, count, time.time(), days, max(1, count // 100_000))
    sys.stdout.write(f"{count} requests over {days:g} days in {time.monotonic() - began:.1f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
