"""CCX: one address and one key in front of many AI upstreams.

run.py            serve: the gateway, until SIGTERM or Ctrl-C
run.py check      validate the configuration; every error with its path and line, exit 1
                  with --explain KIND MODEL: where such a request would go, and why
                  with --vendor URL MODEL: what is known of them, and which page says so
run.py demo       serve with a built-in offline upstream for every protocol
run.py mitmweb    serve with every request, attempt and answer in mitmproxy's web UI, on this machine only
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from ccx_addons.supervisor import COMMANDS


def main(argv: list[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else argv
    if given and given[0] in COMMANDS:
        return COMMANDS[given[0]](given[1:])
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", nargs="?", default="serve", choices=list(COMMANDS), metavar="command")
    arguments, rest = parser.parse_known_args(given)
    return COMMANDS[arguments.command](rest)


if __name__ == "__main__":
    sys.exit(main())
