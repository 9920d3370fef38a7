"""Decides which channel and key an attempt uses; never acts, and time is always an argument (Unix seconds)."""

from ccx_addons.core.exchange import Decision
from ccx_addons.scheduler.ranking import Ranking, rank
from ccx_addons.scheduler.rules import Pick
from ccx_addons.scheduler.search import Search
from ccx_addons.scheduler.state import State

__all__ = ["Decision", "Pick", "Ranking", "Search", "State", "rank"]
