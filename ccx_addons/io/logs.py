"""Process logging to stderr, through a queue, so that a slow terminal or pipe never holds up the event loop."""

import json
import logging
import logging.handlers
import queue
import sys
import threading
import traceback
from types import TracebackType
from typing import Final, TextIO, override

from ccx_addons.core.mask import clean
from ccx_addons.core.terminal import plain

QUIET: Final = ("mitmproxy", "asyncio", "httpx", "httpcore", "hpack")
"""Libraries that are heard only from WARNING on."""


class TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        words = record.getMessage().replace("\n", "\n    ")  # nobody's words begin a line
        line = f"{self.formatTime(record, '%H:%M:%S')} {record.levelname.lower():7} {words}"
        return plain(clean(f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line))


class JsonLines(logging.Formatter):
    """One object a line. ``request`` is the id of what it is about: ``log.warning(..., extra={"request": id})``.

    ``process``: whose line it is; ``worker``: its number, of a worker.
    """

    def __init__(self, process: str, worker: int | None = None) -> None:
        super().__init__()
        self.whose: dict[str, str | int] = {"process": process} | ({} if worker is None else {"worker": worker})

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, str | int] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            **self.whose,
            "message": clean(record.getMessage()),
        }
        if request := getattr(record, "request", ""):
            line["request"] = request
        if record.exc_info:
            line["exception"] = clean(self.formatException(record.exc_info))
        return plain(json.dumps(line, ensure_ascii=False))


def line(form: str, level: str, words: str) -> str:
    """One of the first process, which has a few only and no queue for them."""
    if form == "json":
        return JsonLines("supervisor").format(logging.makeLogRecord({"levelname": level, "msg": words}))
    return f"ccx: {'warning: ' if level == 'warning' else ''}{words}"


class ToStderr(logging.StreamHandler[TextIO]):
    """A line for which there is no room (a full disk, a reader that is gone) waits for the next one, without a word."""

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)


class ToQueue(logging.handlers.QueueHandler):
    """Hands records over as they are, with their exception, once their words are fixed."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        record.msg, record.args = record.getMessage(), None
        return record


def start(level: str, form: str, process: str, worker: int | None = None) -> logging.handlers.QueueListener:
    """Sends everything to stderr; ``stop()`` of the result writes what is still queued."""
    out = ToStderr(sys.stderr)
    out.setFormatter(JsonLines(process, worker) if form == "json" else TextLines())
    lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    root = logging.getLogger()
    root.handlers = [ToQueue(lines)]
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    mask_uncaught()
    listener = logging.handlers.QueueListener(lines, out)
    listener.start()
    return listener


def mask_uncaught() -> None:
    """From now on also what nobody catches, in any thread."""
    sys.excepthook = _uncaught
    threading.excepthook = lambda found: _uncaught(found.exc_type, found.exc_value, found.exc_traceback)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    """Python itself would print it as it is. At once: nobody may be there any more to write a queue."""
    if error is not None and not issubclass(kind, KeyboardInterrupt | SystemExit):
        sys.stderr.write(clean("".join(traceback.format_exception(kind, error, trace))))
        sys.stderr.flush()
