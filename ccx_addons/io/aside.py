"""What takes long runs beside the event loop, in a thread, so that nobody waits for another one's large body.

Python runs one thread at a time and changes over every 5 ms; what would not let go for longer is done in steps
(core/patient_json.py). A few threads are enough: more would only share the same time, and hold more bodies at once.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Final

THREADS: Final = 2


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(THREADS, "ccx-aside")


async def aside[**P, T](work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """What ``work`` returns or raises."""
    return await asyncio.get_running_loop().run_in_executor(_pool(), partial(work, *args, **options))
