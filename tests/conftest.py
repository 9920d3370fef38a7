from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.wire.program import Fake, running_fake

settings.register_profile("ccx", deadline=None)
settings.load_profile("ccx")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """mitmproxy runs on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session")
def fake() -> Iterator[Fake]:
    """The imitated providers, one process for each worker of the tests."""
    with running_fake() as upstream:
        yield upstream
