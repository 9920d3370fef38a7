"""What a process says on its standard streams, by a thread: who does not listen neither holds it up nor ends it.

A reader may be gone (``ccx | logger``), stopped, or a file on a full disk. Words that nobody takes are lost.
"""

import contextlib
import io
import os
import queue
import sys
import threading
from typing import Final, TextIO

FAREWELL: Final = 1.0
"""Seconds that somebody has to take the last words."""


class Aloud(io.TextIOBase):
    """In place of ``sys.stdout`` or ``sys.stderr``; lines are written whole."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.words: queue.SimpleQueue[str | threading.Event] = queue.SimpleQueue()
        threading.Thread(target=self._say, daemon=True).start()

    def _say(self) -> None:
        line = ""
        while True:
            word = self.words.get()
            if isinstance(word, str):
                line += word
            if line.endswith("\n") or isinstance(word, threading.Event):
                self._write(line.encode(self.stream.encoding, "backslashreplace"))
                line = ""
            if isinstance(word, threading.Event):
                word.set()

    def _write(self, data: bytes) -> None:
        """Not through the stream: Python waits at its end for who holds that."""
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(self.stream.fileno(), data) :]

    def write(self, text: str) -> int:
        self.words.put(text)
        return len(text)

    def flush(self) -> None:
        """Waits until everything is said, but not for ever."""
        said = threading.Event()
        self.words.put(said)
        said.wait(FAREWELL)

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()


def use() -> None:
    """From now on, for all that this process prints where it can: a closed stream is None."""
    sys.stdout, sys.stderr = (stream and Aloud(stream) for stream in (sys.stdout, sys.stderr))
