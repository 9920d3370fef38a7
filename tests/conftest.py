import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """mitmproxy runs on asyncio."""
    return "asyncio"
