"""The admin API below /api, one blueprint for each area."""

from typing import Final

from flask import Blueprint

API: Final[tuple[Blueprint, ...]] = ()
