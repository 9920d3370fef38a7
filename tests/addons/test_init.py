import subprocess
import sys
from pathlib import Path

from ccx_addons import chain
from ccx_addons.processes.runtime import Runtime

ROOT = Path(__file__).resolve().parents[2]


def order(runtime: Runtime) -> list[str]:
    return [type(addon).__name__ for addon in chain(runtime)]


def test_the_chain_is_in_the_order_of_the_requests_way(runtime: Runtime) -> None:
    names = order(runtime)
    way = ["Auth", "Body", "Route", "Convert", "Failover", "Metrics", "Capture"]
    assert [name for name in names if name in way] == way and len(set(names)) == len(names)


def test_who_is_asked_before_anything_is_read(runtime: Runtime) -> None:
    """Hooks of the first addons decide about the head; nobody reads a body before the key is known."""
    reading = [type(a).__name__ for a in chain(runtime) if hasattr(a, "request")]
    knowing = [type(a).__name__ for a in chain(runtime) if hasattr(a, "requestheaders")]
    assert knowing[0] == "Auth" and order(runtime).index("Auth") < order(runtime).index(reading[0])


def test_the_supervisor_does_without_mitmproxy_and_flask() -> None:
    """It stays small: a process that only starts others."""
    heavy = {"mitmproxy", "flask", "httpx", "sqlite_utils", "genai_prices"}
    code = "import sys; from ccx_addons.commands import table; table.command('serve'); "
    code += f"print(*sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert found.stdout.strip() == ""
