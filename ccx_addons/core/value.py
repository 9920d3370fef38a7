"""Values that nothing changes, at the price of those that anything may change."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

__all__ = ["value"]

if TYPE_CHECKING:
    from dataclasses import dataclass as value
else:

    def value(frozen: bool, slots: bool) -> Any:
        """A dataclass of which mypy alone sees that nothing changes it: to check that costs more than to make one. For
        what is made with each request, each part of one and each piece of a stream."""
        return dataclass(slots=slots, unsafe_hash=frozen)
