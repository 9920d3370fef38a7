import os
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    found = {"CCX_ENV_FILE": str(tmp_path / ".env"), "CCX_CONFIG": str(tmp_path / "ccx.yaml")}
    for name in list(os.environ):
        if name in ("PORT", "BIND_HOST") or name.endswith("_ACCESS_KEY"):
            monkeypatch.delenv(name)
    for name, value in found.items():
        monkeypatch.setenv(name, value)
    yield found
