"""In processes of their own: this one has imported everything."""

import subprocess
import sys

import pytest

from tests.patience import PATIENCE

HEAVY = {"flask", "ldap3", "jinja2", "mitmproxy.addons.script"}
WORKER = "import ccx_addons.processes.worker"


@pytest.mark.parametrize(
    ("then", "loaded"),
    [
        (WORKER, False),
        (f"{WORKER}; from mitmproxy.addons import export", False),
        (f"{WORKER}; import mitmproxy.addons as a; assert len(a.default_addons()) > 20 and a.script.Script", True),
        ("import mitmproxy.tools.web.master as m; assert len(m.addons.default_addons()) > 20", True),
    ],
    ids=["a worker", "one more", "all of them", "mitmweb"],
)
def test_addons_are_loaded_for_who_asks(then: str, loaded: bool) -> None:
    words = f"from ccx_addons.proxy.lean import spare_the_addons as spare; spare(); {then}; spare(); import sys; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert HEAVY & set(found.stdout.split()) == (HEAVY if loaded else set())
