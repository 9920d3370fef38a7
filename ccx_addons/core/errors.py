"""Errors that CCX itself raises.

CcxError
├── BadRequest      the client's request cannot be understood; has a ``param``
│   ├── TooLarge          the body, unpacked, is larger than allowed: 413
│   └── UnknownResponse   previous_response_id names an answer that nobody remembers: 404
├── ConfigErrors    the configuration is not valid; holds every Problem with path and line
└── StoreError      the database cannot be used at all
"""

from dataclasses import dataclass


class CcxError(Exception):
    """Its text is safe to show to whoever caused it: it never holds a secret."""


class BadRequest(CcxError):
    """The request is answered with 400 in the client's own shape. ``param`` names the place, e.g. ``messages[3]``."""

    def __init__(self, message: str, param: str = "") -> None:
        super().__init__(message)
        self.param = param


class TooLarge(BadRequest):
    """Answered with 413."""


class UnknownResponse(BadRequest):
    """Answered with 404, as platform.openai.com does."""

    def __init__(self, id: str) -> None:
        super().__init__(f"Previous response with id '{id[:100]}' not found.", "previous_response_id")


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of the configuration. ``line`` counts from 1; 0: unknown."""

    path: str
    message: str
    line: int = 0

    def __str__(self) -> str:
        place = ", ".join(filter(None, (f"line {self.line}" if self.line else "", self.path)))
        return f"{place}: {self.message}" if place else self.message


class ConfigErrors(CcxError):
    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems

    @property
    def words(self) -> str:
        """For a log line: the first of them."""
        return "; ".join(map(str, self.problems[:20]))


class StoreError(CcxError):
    pass
