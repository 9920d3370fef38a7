"""The pages, one blueprint each."""

from typing import Final

from flask import Blueprint

PAGES: Final[tuple[Blueprint, ...]] = ()
