from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.program import Fake, Program, all_kinds, running_program


@pytest.fixture(scope="module")
def program(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One gateway a module, with a well-behaved channel of every kind."""
    folder: Path = tmp_path_factory.mktemp("ccx")
    with running_program(folder, *all_kinds(fake)) as gateway:
        yield gateway
