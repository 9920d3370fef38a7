import pytest
from hypothesis import settings

settings.register_profile("ccx", deadline=None)
settings.load_profile("ccx")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """mitmproxy runs on asyncio."""
    return "asyncio"
