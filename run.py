"""CCX: one address and one key in front of many AI upstreams. ``run.py --help`` names the commands.

The checkout's own ``ccx``: the same program, with the configuration in the working folder.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from ccx_addons.commands import main

if __name__ == "__main__":
    sys.exit(main())
