import subprocess
import sys

from tests.wire.program import ROOT


def test_the_panel_is_imported_when_it_is_needed() -> None:
    code = "import sys, ccx_addons.commands.late as late; before = 'flask' in sys.modules\ntry: late.{}(['--help'])\n"
    code += "except SystemExit: pass\nprint(before, 'flask' in sys.modules)"
    for word in ("flows", "mcp", "replay"):
        done = subprocess.run(
            [sys.executable, "-c", code.format(word)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == "False True", done.stdout
