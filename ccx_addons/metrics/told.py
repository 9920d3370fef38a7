"""A line of the process log for each request that failed behind the gateway: whoever looks there sees why."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

log: Final = logging.getLogger("ccx")

MOST: Final = 30
"""Lines a minute; of the others only how many they were."""
MINUTE: Final = 60.0
MAX_WORDS: Final = 300


class Told:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.since, self.count = clock(), 0

    def failed(self, row: Mapping[str, Any], attempts: int) -> None:
        """What the gateway itself refuses its callers is their affair. ``row``: of the table of requests."""
        if not attempts and row["status"] < 500:
            return
        if self.clock() - self.since >= MINUTE:
            if self.count > MOST:
                log.warning("%d more requests failed in that minute", self.count - MOST)
            self.since, self.count = self.clock(), 0
        self.count += 1
        if self.count <= MOST:
            log.warning(
                "request %s of %s failed: %s %s, %s from %s: %s",
                row["id"],
                row["client_name"],
                row["kind"],
                row["model"],
                row["status"],
                row["channel_name"] or "the gateway",
                row["error_message"][:MAX_WORDS] or row["stream_end"],
                extra={"request": row["id"]},
            )
