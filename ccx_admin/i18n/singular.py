"""English texts with a number, where it is one. Chinese has no such forms."""

from collections.abc import Mapping
from typing import Final

ONE: Final[Mapping[str, str]] = {
    ", {n} times": ", once",
    "would have opened {n} times in the last day": "would have opened once in the last day",
    "{n} answers": "{n} answer",
    "{n} answers have no price": "{n} answer has no price",
    "{n} are alike": "{n} is alike",
    "{n} attempts in the last day": "{n} attempt in the last day",
    "{n} bodies": "{n} body",
    "{n} bodies were deleted": "{n} body was deleted",
    "{n} characters": "{n} character",
    "{n} events": "{n} event",
    "{n} keys": "{n} key",
    "{n} lines are alike": "{n} line is alike",
    "{n} models": "{n} model",
    "{n} questions.": "{n} question.",
    "{n} requests": "{n} request",
    "{n} requests; darker is more; a click shows them": "{n} request; a click shows it",
    "{n} rows": "{n} row",
    "{n} settings at their defaults": "{n} setting at its default",
    "{n} tokens": "{n} token",
    "{n} tools": "{n} tool",
    "{n} workers have done it": "{n} worker has done it",
}
