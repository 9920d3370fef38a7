"""Judges every attempt that ended, and answers when nothing worked."""

import time
from email.utils import parsedate_to_datetime
from typing import Final

from mitmproxy import http

from ccx_addons.core.exchange import AttemptRecord, Exchange
from ccx_addons.core.neutral import FAULT_STATUS, Fault
from ccx_addons.core.verdict import Outcome
from ccx_addons.guard import guarded, refuse
from ccx_addons.mask import clean, clean_bytes
from ccx_addons.protocols import PROTOCOLS
from ccx_addons.runtime import Runtime

VAGUE: Final = Fault("unavailable", "All upstream channels are currently unavailable", status=503)

TRANSPORT_FAULTS: Final[dict[str, Fault]] = {
    "connect": Fault("unavailable", "the upstream could not be reached", status=502),
    "tls": Fault("unavailable", "no secure connection to the upstream", status=502),
    "connect_timeout": Fault("timeout", "connecting to the upstream took too long", status=504),
    "first_byte_timeout": Fault("timeout", "the upstream did not answer in time", status=504),
    "first_event_timeout": Fault("timeout", "the upstream sent no content in time", status=504),
    "total_timeout": Fault("timeout", "the time for the whole request is over", status=504),
    "reset": Fault("unavailable", "the upstream closed the connection without an answer", status=502),
    "bad_body": Fault("unavailable", "the upstream's answer is not usable", status=502),
    "empty": Fault("unavailable", "the upstream's answer has no content", status=502),
    "cut": Fault("unavailable", "the upstream broke its answer off", status=502),
    "idle": Fault("timeout", "the upstream stopped sending", status=504),
    "converter": Fault("server", "the upstream's answer could not be read", status=502),
}
"""What the client is told when an attempt ended without an answer of the upstream's own."""


class Failover:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    @guarded
    def upstream_outcome(self, flow: http.HTTPFlow, x: Exchange) -> None:
        record = x.current
        if record is None or x.ended is None or x.failover is None:
            return
        outcome = record.outcome = self.outcome(flow, x, record)
        try:
            x.next_attempt = x.failover.send(outcome)
            x.decision = "retry"
        except StopIteration as stop:
            x.next_attempt = None
            x.verdict = stop.value
            x.decision = "commit" if outcome.kind == "ok" else "stop"
            if x.decision == "stop" and not x.committed:
                self.give_up(flow, x)
        record.verdict = x.failover_verdict
