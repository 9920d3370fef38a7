"""How SQLite would run a statement: whether it reads through a table that grows with every request."""

import re
import sqlite3
from typing import Any, Final

LARGE: Final = ("requests", "attempts", "candidates", "bodies", "shapes", "sessions")
"""Tables that grow with every request."""
FEW: Final = "requests_running"
"""An index of what runs, and of nothing else."""


def scanned(conn: sqlite3.Connection, sql: str) -> set[str]:
    """Large tables that are read from one end, and where neither a LIMIT nor the order of an index ends that early."""
    if sql.startswith("PRAGMA"):
        return set()
    names = set(re.findall(r"[?:](\w+)", sql)) if ":" in sql else set()
    params: Any = dict.fromkeys(names) if names and "?" not in sql else [None] * 999
    found = set()
    while True:
        try:
            plan = conn.execute(f"EXPLAIN QUERY PLAN {sql}", params).fetchall()
            break
        except sqlite3.ProgrammingError as error:  # says how many values it wants
            wanted = re.search(r"uses (\d+)", str(error))
            assert wanted, error
            params = [None] * int(wanted[1])
    names_of = {alias: table for table, alias in re.findall(rf"\b({'|'.join(LARGE)}) (?:AS )?(\w+)", sql)}
    early = "LIMIT" in sql and not any("TEMP B-TREE" in step for *_ids, step in plan)
    for *_ids, step in plan:
        table, _, index = step.removeprefix("SCAN ").partition(" USING ")
        table = names_of.get(table, table)
        if step.startswith("SCAN ") and table in LARGE and not (index and (early or FEW in index)):
            found.add(table)
    return found
