from collections.abc import Iterator

import pytest

from ccx_addons.io.postgres import Link


@pytest.fixture
def link(url: str) -> Iterator[Link]:
    """A connection to the database that a module's ``url`` names."""
    link = Link(url, "tests")
    yield link
    link.close()
