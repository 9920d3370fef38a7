"""A machine's name stays, whoever asks for it first."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ccx_addons.io.machine import name_of


def test_one_name_for_all_who_ask(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(name_of, [folder] * 8))
    assert len(names) == 1 and name_of(folder) in names and len(name_of(folder)) > 20
    assert [path.name for path in folder.iterdir()] == ["machine"]
