"""Quirks that need an answer: thoughts that an upstream wants back, and counts that nobody can believe.

``passback_reasoning``: some upstreams refuse a conversation whose tool calls come back without the thoughts before
them, and many clients drop those. They are remembered here per client. ``low_quality_usage``: what an upstream counted
is compared with an estimate, and the log row says when the estimate was taken.
"""

from collections import OrderedDict
from typing import Final

from mitmproxy import http

from ccx_addons.core.estimate import tokens_of_parts
from ccx_addons.core.exchange import Exchange
from ccx_addons.core.neutral import Response, Usage, fold
from ccx_addons.metrics.spending import prompt_tokens
from ccx_addons.processes.runtime import Runtime
from ccx_addons.protocols import quirks
from ccx_addons.proxy.guard import guarded

PASSBACK: Final = "passback_reasoning"
DOUBTFUL: Final = "low_quality_usage"
REMEMBERED: Final = 2_000
"""Tool calls of one client whose thoughts are kept, the newest."""
CLIENTS: Final = 50
"""Clients whose thoughts are kept, those answered last."""


class Afterthought:
    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.thoughts: OrderedDict[str, OrderedDict[str, str]] = OrderedDict()
        """Client -> id of a tool call -> the thoughts before it."""

    @guarded
    def request(self, flow: http.HTTPFlow, x: Exchange) -> None:
        if x.client:
            x.thoughts = self.thoughts.get(x.client.name, x.thoughts)

    @guarded
    def response(self, flow: http.HTTPFlow, x: Exchange) -> None:
        record = x.current
        wanted = record.attempt.channel.quirks if record else frozenset[str]()
        answer = fold(x.events) if x.events else x.answer
        if not wanted or x.client is None or not isinstance(answer, Response):
            return
        if PASSBACK in wanted:
            self.remember(x.client.name, answer)
        if DOUBTFUL in wanted:
            guess = Usage(prompt_tokens(x), tokens_of_parts(answer.parts))
            x.usage, doubted = quirks.trusted_usage(x.usage, guess)
            x.usage_estimated = x.usage_estimated or doubted

    def remember(self, client: str, answer: Response) -> None:
        if not (said := quirks.thoughts_of(answer.parts)):
            return
        kept = self.thoughts.setdefault(client, OrderedDict())
        kept.update(said)
        while len(kept) > REMEMBERED:
            kept.popitem(last=False)
        self.thoughts.move_to_end(client)
        if len(self.thoughts) > CLIENTS:
            self.thoughts.popitem(last=False)
