"""What a conversation is called, and whose sub-agent leads it: written once for each, from its first words."""

from collections import OrderedDict
from typing import Final

from mitmproxy import http

from ccx_addons.capture import redaction
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.spoken import title
from ccx_addons.processes.runtime import Runtime
from ccx_addons.proxy.guard import guarded

MOST: Final = 10_000
"""Conversations that a worker knows to have a title."""


class Titles:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.known: OrderedDict[tuple[str, str], bool] = OrderedDict()
        """Kind and trace -> whether its title is of a request with tools: others may only ask for a title."""

    @guarded
    def response(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if x.trace and x.state == "ok" and x.body and not x.test:
            self.note(x)

    def note(self, x: Exchange) -> None:
        assert x.body
        place, firm = (x.kind, x.trace), bool(x.body.members.get("tools"))
        known = self.known.get(place)
        if known or (known is False and not firm):
            return
        bodies = x.snapshot.policy.bodies
        words = title(x.kind, x.body.members) if bodies.titles and bodies.capture != "off" else ""
        if not words and not x.parent:
            return  # a later one may say something
        self.known[place] = firm
        if len(self.known) > MOST:
            self.known.popitem(last=False)
        clean = redaction(x.snapshot.secrets, bodies.redact)(words.encode("utf-8", "surrogatepass"))
        row = {"kind": x.kind, "trace_hash": x.trace, "title": clean.decode("utf-8", "replace"), "parent": x.parent}
        self.runtime.store.put_session({name: value for name, value in row.items() if value})
