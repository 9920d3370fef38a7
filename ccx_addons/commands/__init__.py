"""What ``ccx WORD`` does (in a checkout also ``run.py WORD``): ``main``, and one module for each group of words."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ccx_addons.core.terminal import plain

NO_WINDOWS: Final = "ccx: CCX runs on Linux and macOS, not on Windows itself; there it runs in WSL or in a container"

type Command = Callable[[list[str]], int]


UNHEARD: Final = frozenset({errno.EPIPE, errno.ENOSPC})
"""Nobody takes what is printed (``ccx flows | head``), or a disk is full."""


def program() -> str:
    """How it was called."""
    name = Path(sys.argv[0]).name
    return name if name == "run.py" else "ccx"


def parser(word: str, command: Command) -> argparse.ArgumentParser:
    """Of a command's arguments; the function's docstring is its help."""
    return argparse.ArgumentParser(prog=f"{program()} {word}", description=command.__doc__)


def amount(text: str) -> int:
    """An argument that counts something. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def say(text: str, end: str = "\n") -> None:
    """Prints what others wrote: clients and upstreams, and whoever wrote the file that is read."""
    print(plain(text), end=end, flush=True)


def complain(text: str) -> None:
    """The same, to standard error."""
    print(plain(text), file=sys.stderr)


def main(given: list[str] | None = None) -> int:
    """Runs the command; its status. Words that mean nothing end with status 2, as argparse does."""
    if sys.platform == "win32":
        print(NO_WINDOWS, file=sys.stderr)
        return 1
    from ccx_addons.commands.table import COMMANDS, HELP, command  # not before: what they import is not on Windows

    words = sys.argv[1:] if given is None else given
    if words and words[0] in COMMANDS:
        return told(command(words[0]), words[1:])
    more = argparse.ArgumentParser(
        prog=program(), description=HELP.format(program()), formatter_class=argparse.RawTextHelpFormatter
    )
    more.add_argument("command", nargs="?", default="serve", choices=list(COMMANDS), metavar="command")
    return told(command(more.parse_args(words).command), [])


def unheard(error: OSError) -> int:
    """The status that shells have for it. What is still unsaid goes nowhere, or Python would complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if error.errno == errno.EPIPE:
        return 128 + signal.SIGPIPE
    print(f"ccx: {error.strerror}", file=sys.stderr)
    return 1


def told(command: Command, arguments: list[str]) -> int:
    """The command's status, or 1 and a line for each thing that is wrong."""
    from ccx_addons.core.errors import CcxError, ConfigErrors
    from ccx_addons.io.files import FORESEEN, cannot

    try:
        status = command(arguments)
        print(end="", flush=True)  # now, and not at Python's end
        return status
    except ConfigErrors as errors:
        for problem in errors.problems:
            complain(f"ccx: {problem}")
    except CcxError as error:
        complain(f"ccx: {error}")
    except OSError as error:
        if error.filename is None and error.errno in UNHEARD:
            return unheard(error)
        if error.filename is None or error.errno not in FORESEEN:
            raise
        complain(f"ccx: {cannot(error.filename, error)}")
    return 1
