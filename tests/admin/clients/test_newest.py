from contextlib import closing
from pathlib import Path

from ccx_addons.io.database import Database
from ccx_addons.io.rollup import HOUR
from ccx_addons.io.transaction import Transaction
from ccx_admin.clients.newest import newest
from ccx_admin.db import Reader
from tests.admin.conftest import NOW

MS = int(NOW * 1000)


def put(database: Database, name: str, *ages: int) -> None:
    def job(transaction: Transaction) -> None:
        for age in ages:
            row = {"id": f"{name}{age:09}", "started_at": MS - age, "state": "ok", "client_name": name}
            transaction.upsert("requests", row)

    database.write([job])


def found(db: Reader, name: str, most: int = 1, since: int = 0) -> list[int]:
    return [MS - row["started_at"] for row in newest(db, name, most, since)]


def test_the_newest_are_found_wherever_they_are_counted(tmp_path: Path) -> None:
    database = Database(tmp_path / "ccx.db", "boot", 0, lambda: NOW)
    database.ready()
    put(database, "alice", *(n * 9 * HOUR for n in range(8)), 5, 6)
    put(database, "bob", *(n * HOUR // 3 for n in range(40)))
    with closing(Reader(database.path)) as db:
        assert found(db, "alice", 4) == [0, 5, 6, 9 * HOUR], "not counted yet"
        database.fold(whole=True)
        put(database, "alice", 1, 2)
        assert found(db, "alice", 6) == [0, 1, 2, 5, 6, 9 * HOUR] and found(db, "alice", 99)[-1] == 63 * HOUR
        assert found(db, "alice", 99, MS - 5) == [0, 1, 2, 5] and found(db, "alice", 1, MS + 1) == []
        assert found(db, "bob") == [0] and found(db, "nobody", 5) == []
    database.leave()
