"""A content view of mitmweb: what is different between a request and the one before it in its session, and between what
the client and the upstream were sent."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from mitmproxy import contentviews, http

from ccx_addons.auth import original
from ccx_addons.core.config import Kind
from ccx_addons.inspect import KEY
from ccx_addons.inspect.views import CcxView, client_kind
from ccx_addons.protocols import compare
from ccx_addons.protocols.compare import Difference, Part

SIGNS: Final = {"changed": "~", "added": "+", "removed": "-"}


class DifferenceView(CcxView):
    """``flows``: all that mitmweb holds."""

    name = "CCX changes"

    def __init__(self, flows: Iterable[Any] = ()) -> None:
        self.flows = flows

    def lines(self, data: bytes, flow: http.HTTPFlow, facts: Mapping[str, Any]) -> Iterator[str]:
        kind = client_kind(flow, facts)
        asked = parts_of(flow, kind)
        if asked is None:
            yield "The client's request is not known."
            return
        before = self.before(facts)
        if before is not None and (earlier := parts_of(before, kind)) is not None:
            yield from section(f"since {before.metadata[KEY]['id']}", compare.compare(earlier, asked))
        else:
            yield "No earlier request of its session is here."
        yield ""
        upstream: Kind = facts.get("converted", "").partition(">")[2] or kind
        sent = (flow.request.raw_content or b"").decode("utf-8", "replace")
        if upstream == kind:
            yield from section("on its way to the upstream", compare.compare(asked, compare.parts(kind, sent)))
        else:
            model, other = facts.get("model", ""), facts.get("upstream_model", "")
            neutral = compare.neutral_parts(kind, model, text_of(flow))
            found = compare.compare(neutral, compare.neutral_parts(upstream, other, sent))
            yield from section(f"on its way to the upstream, from {kind} to {upstream}", found)

    def before(self, facts: Mapping[str, Any]) -> http.HTTPFlow | None:
        """The latest of its session that began before it."""
        if not facts.get("trace_hash"):
            return None
        place, at = (facts["trace_hash"], facts["kind"]), facts["started_at"]
        found = [
            flow
            for flow in self.flows
            if isinstance(flow, http.HTTPFlow)
            and (other := flow.metadata.get(KEY))
            and (other["trace_hash"], other["kind"]) == place
            and other["started_at"] < at
        ]
        return max(found, key=lambda flow: flow.metadata[KEY]["started_at"], default=None)


def text_of(flow: http.HTTPFlow) -> str:
    found = original.kept(flow)
    return bytes(found["body"]).decode("utf-8", "replace") if found else ""


def parts_of(flow: http.HTTPFlow, kind: Kind) -> list[Part] | None:
    """Of what the client sent; None: it is not here."""
    text = text_of(flow)
    return compare.parts(kind, text) if text else None


def section(title: str, found: list[Difference]) -> Iterator[str]:
    yield f"{title}: {compare.summary(found) or 'nothing is different'}"
    for one in found:
        if one.mark == "same":
            continue
        yield f"  {SIGNS[one.mark]} {one.group} {one.name}"
        for line in one.lines:
            yield f"      … {line.text} lines are alike" if line.sign == "~" else f"    {line.sign} {line.text}"


def register(flows: Iterable[Any]) -> None:
    contentviews.add(DifferenceView(flows))
