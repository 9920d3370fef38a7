from functools import partial
from pathlib import Path

import pytest

from ccx_addons.io.chores import Chore, Chores
from ccx_addons.io.database import Database
from ccx_addons.io.transaction import Transaction
from tests.io.rows import NOW


def count(transaction: Transaction, said: list[str], name: str, left: int) -> Chore | None:
    said.append(f"{name}{left}")
    return partial(count, said=said, name=name, left=left - 1) if left else None


def broken(transaction: Transaction) -> Chore | None:
    raise ValueError("of this chore")


def test_one_step_at_a_time_in_turns(tmp_path: Path) -> None:
    database = Database(tmp_path / "ccx.db", "boot", 0, lambda: NOW / 1000)
    database.ready()
    chores, said = Chores(), list[str]()
    assert not chores.step(database), "there is nothing to do"
    chores.begin("a", partial(count, said=said, name="a", left=2))
    chores.begin("b", partial(count, said=said, name="b", left=0))
    assert [chores.step(database) for _ in range(2)] == [True, True] and said == ["a2", "b0"]
    chores.begin("a", partial(count, said=said, name="again", left=9))
    assert [chores.step(database) for _ in range(3)] == [True, False, False]
    assert said == ["a2", "b0", "a1", "a0"], "what is under way is not begun again"
    chores.begin("broken", broken)
    with pytest.raises(ValueError, match="of this chore"):
        chores.step(database)
    assert not chores.step(database), "it waits for its next beginning"
    database.leave()
