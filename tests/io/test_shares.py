from pathlib import Path

from ccx_addons.io.shares import Shares


def test_each_worker_reads_what_the_others_say(tmp_path: Path) -> None:
    shares = [Shares(tmp_path / "workers", "boot", n) for n in range(3)]
    shares[0].begin()
    assert shares[0].others(3) == []
    for n in (2, 1, 0):
        shares[n].put(f"old {n}")
        shares[n].put(f"worker {n}")
    assert shares[0].others(3) == ["worker 1", "worker 2"] and shares[1].others(3) == ["worker 0", "worker 2"]
    assert shares[0].others(2) == ["worker 1"], "there are only two now"


def test_another_boots_words_are_taken_away(tmp_path: Path) -> None:
    old, new = Shares(tmp_path, "old", 0), Shares(tmp_path, "new", 1)
    old.put("old")
    new.put("new")
    new.begin()
    assert [path.name for path in tmp_path.iterdir()] == ["new-1"]
