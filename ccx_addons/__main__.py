"""``python -m ccx_addons``: the program itself, wherever it is installed."""

import sys

from ccx_addons.commands import main

sys.exit(main())
