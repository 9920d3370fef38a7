"""Errors that CCX itself raises.

CcxError
├── BadRequest      the client's request cannot be understood; has a ``param``
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


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of the configuration. ``line`` counts from 1; 0: unknown."""

    path: str
    message: str
    line: int = 0

    def __str__(self) -> str:
        place = f"line {self.line}, {self.path}" if self.line else self.path
        return f"{place}: {self.message}"


class ConfigErrors(CcxError):
    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


class StoreError(CcxError):
    pass
