"""Chinese."""

from collections.abc import Mapping
from typing import Final

ZH: Final[Mapping[str, str]] = {}
