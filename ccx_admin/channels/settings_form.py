"""The settings of a channel as fields of a form: what stands in the dataclasses of core.config, in six sections."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Final, Literal, get_args

from ccx_addons.core import config
from ccx_addons.core.config import KINDS, AuthStyle, Policy, help_of

type Widget = Literal["text", "number", "bool", "choice", "words", "lines", "pairs", "kinds", "textarea"]

EFFORTS: Final = ("", "none", "minimal", "low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of FORM: ``name`` is the path in the channel's table, dots between the parts."""

    name: str
    label: str
    widget: Widget = "text"
    choices: tuple[str, ...] = ()
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """An entry with its value. ``default``: what an empty field means; ``is_set``: the value is another."""

    entry: Entry
    value: str
    default: str
    help: str
    is_set: bool


@dataclass(frozen=True, slots=True)
class Section:
    id: str
    label: str
    fields: tuple[Field, ...]

    @property
    def shown(self) -> list[Field]:
        """Fields that are set, and those that every channel has."""
        return [field for field in self.fields if field.is_set or field.entry.name in ALWAYS]

    @property
    def folded(self) -> list[Field]:
        shown = self.shown
        return [field for field in self.fields if field not in shown]


ALWAYS: Final = frozenset({"name", "protocol", "serves", "base_urls", "allow"})

STYLES: Final = ("auto", "effort", "reasoning", "thinking", "gemini")
FORM: Final[tuple[tuple[str, str, tuple[Entry, ...]], ...]] = (
    (
        "basic",
        "Basic",
        (
            Entry("name", "Name"),
            Entry("protocol", "Protocol of the upstream", "choice", KINDS),
            Entry("base_urls", "Base URLs, one a line", "lines"),
            Entry("serves", "Takes requests of", "kinds", KINDS),
            Entry("tags", "Tags", "words"),
            Entry("website", "Website"),
            Entry("note", "Note", "textarea"),
        ),
    ),
    (
        "models",
        "Models",
        (
            Entry("allow", "Models offered, one pattern a line", "lines"),
            Entry("no_vision", "No images", "bool"),
            Entry("reasoning.effort", "Effort by model, model: effort", "pairs"),
            Entry("reasoning.style", "How an effort is written", "choice", STYLES),
            Entry("reasoning.verbosity", "Verbosity"),
            Entry("reasoning.fast", "Priority tier", "bool"),
            Entry("embedding.space", "Vector space"),
            Entry("embedding.dimensions", "Dimensions", "number"),
        ),
    ),
    (
        "limits",
        "Limits and timeouts",
        (
            Entry("limits.rpm", "Requests per minute", "number"),
            Entry("limits.concurrency", "At the same time", "number"),
            Entry("limits.context_window", "Context window", "number", unit="tokens"),
            Entry("limits.max_output_tokens", "Longest answer", "number", unit="tokens"),
            Entry("timeouts.total", "Whole exchange", "number", unit="s"),
            Entry("timeouts.connect", "Connect", "number", unit="s"),
            Entry("timeouts.first_byte", "First byte", "number", unit="s"),
            Entry("timeouts.first_event", "First event", "number", unit="s"),
            Entry("timeouts.first_event_alive", "First event, with pings", "number", unit="s"),
            Entry("timeouts.idle", "Silence", "number", unit="s"),
            Entry("timeouts.tool_idle", "Silence in a tool call", "number", unit="s"),
            Entry("timeouts.heartbeat", "Comments for silent streams", "number", unit="s"),
        ),
    ),
    (
        "failures",
        "Failures",
        (
            Entry("breaker.pause", "Rest after one failure", "number", unit="s"),
            Entry("breaker.consecutive", "Failures in a row", "number"),
            Entry("breaker.window", "Window", "number"),
            Entry("breaker.failure_rate", "Failure rate", "number"),
            Entry("breaker.max_age", "A sample counts", "number", unit="s"),
            Entry("breaker.backoff", "Open the first time", "number", unit="s"),
            Entry("breaker.max_backoff", "Longest open", "number", unit="s"),
        ),
    ),
    (
        "compatibility",
        "Compatibility",
        (
            Entry("credential", "Whose login", "choice", ("keys", "client")),
            Entry("auth", "How the key is sent", "choice", get_args(AuthStyle.__value__)),
            Entry("quirks", "Quirks", "words"),
            Entry("mask", "Personal data that is masked", "words"),
            Entry("on_loss", "When a conversion would lose something", "choice", ("keep", "refuse")),
            Entry("headers", "Headers, name: value", "pairs"),
            Entry("pass_headers", "Clients' headers that go on", "words"),
        ),
    ),
    (
        "advanced",
        "Advanced",
        (
            Entry("route_prefix", "Route prefix"),
            Entry("weight", "Weight among channels of one priority", "number"),
            Entry("rotate", "Order of the keys", "choice", ("fill_first", "round_robin", "least_used")),
            Entry("price_multiplier", "Price multiplier", "number"),
            Entry("proxy", "Proxy"),
            Entry("verify_tls", "Check certificates", "bool"),
            Entry("ca_file", "Certificates to trust"),
            Entry("warm", "Connections kept ready", "number"),
            Entry("health_check.enabled", "Health checks", "bool"),
            Entry("health_check.every", "Health check every", "number", unit="s"),
            Entry("health_check.model", "Health check with model"),
        ),
    ),
)

INHERITED: Final = frozenset({"timeouts", "breaker"})
"""Tables whose values come from the policy where a channel says nothing."""

TABLES: Final[Mapping[str, type]] = {
    "timeouts": config.Timeouts,
    "breaker": config.BreakerPolicy,
    "limits": config.ChannelLimits,
    "reasoning": config.ReasoningPolicy,
    "embedding": config.Embedding,
    "health_check": config.HealthCheck,
}


def sections(channel: Mapping[str, Any], policy: Policy) -> list[Section]:
    """All sections for one channel, as views.channel_of gives it."""
    return [
        Section(id, label, tuple(field(entry, channel, policy) for entry in entries)) for id, label, entries in FORM
    ]


def field(entry: Entry, channel: Mapping[str, Any], policy: Policy) -> Field:
    table, _dot, name = entry.name.rpartition(".")
    value = channel[table][name] if table else channel[name]
    owner = TABLES[table] if table else config.Channel
    default = getattr(getattr(policy, table), name) if table in INHERITED else default_of(owner, name, channel)
    text, usual = written(value, entry.widget), written(default, entry.widget)
    return Field(entry, text, usual, help_of(owner, name), text != usual)


def default_of(owner: type, name: str, channel: Mapping[str, Any]) -> Any:
    if name == "serves":
        return [channel["protocol"]]
    found = next(f.default for f in fields(owner) if f.name == name)
    if found is MISSING or isinstance(found, config.Patterns | frozenset | tuple):
        return {} if name in ("effort", "headers") else []
    return found


def written(value: Any, widget: Widget) -> str:
    """A value as the form's field holds it; the scripts read it back."""
    if value is None:
        return ""
    if widget == "bool":
        return "true" if value else ""
    if widget in ("words", "kinds"):
        return ", ".join(value)
    if widget == "lines":
        return "\n".join(value)
    if widget == "pairs":
        return "\n".join(f"{name}: {text}" for name, text in dict(value).items())
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
