"""The configuration as frozen values. One Snapshot is in force at a time.

Every exchange keeps the snapshot it arrived under.

Names, defaults and help stand here once: the JSON schema, the example file and the panel's forms come from the fields.
Parsing and validation: ``parse`` in config_parse.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal
from unicodedata import normalize

from ccx_addons.core.mask import NOTHING, Secrets, mask
from ccx_addons.core.value import value

type Kind = Literal["messages", "chat", "responses", "gemini", "images", "embeddings"]
"""A client protocol. Kinds never share health, affinity or log space."""

KINDS: Final[tuple[Kind, ...]] = ("messages", "chat", "responses", "gemini", "images", "embeddings")
TEXT_KINDS: Final[frozenset[Kind]] = frozenset({"messages", "chat", "responses", "gemini"})

type Status = Literal["active", "suspended", "disabled"]
type AuthStyle = Literal["auto", "bearer", "x-api-key", "api-key", "x-goog-api-key", "query"]
type Rotate = Literal["fill_first", "round_robin", "least_used"]


def setting[T](default: T, help: str, **more: Any) -> Any:
    """A field with its help text; ``more`` goes into the metadata (unit, minimum, choices)."""
    return field(default=default, metadata={"help": help, **more})


SHOWN: Final[Mapping[str, str]] = {"shown": "plain"}
"""Metadata of a field of free text that is no secret. All text without it is one (confidential.py)."""
URLS: Final[Mapping[str, str]] = {"shown": "url"}
"""Logins and odd parts of these are secrets."""


@dataclass(frozen=True, slots=True)
class Patterns:
    """Model patterns: exact, ``prefix*``, ``*suffix``, ``*contains*``, ``*``; ``!`` excludes.

    Exclusions are looked at first; letters match in either case and in every form of them; no inclusion at all allows
    everything.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def allows(self, model: str) -> bool:
        if not (self.include or self.exclude):
            return True
        name = folded(model)
        if any(_matches(pattern, name) for pattern in self.exclude):
            return False
        return not self.include or any(_matches(pattern, name) for pattern in self.include)


def folded(name: str) -> str:
    """As names are compared: an upstream may take a full-width letter for what it looks like (UAX 15, NFKC)."""
    return name.lower() if name.isascii() else normalize("NFKC", name).casefold()


def _matches(pattern: str, name: str) -> bool:
    core = pattern.strip("*")
    if pattern.startswith("*") and pattern.endswith("*"):
        return core in name
    if pattern.startswith("*"):
        return name.endswith(core)
    if pattern.endswith("*"):
        return name.startswith(core)
    return name == pattern


@dataclass(frozen=True, slots=True)
class Target:
    """What a client's model name becomes on a channel: one model of it."""

    to: str
    effort: str | None = None


@value(frozen=True, slots=True)
class Mapped:
    """The upstream model, the entry that matched (empty: none did), and the effort that entry asks for."""

    model: str
    entry: str = ""
    effort: str | None = None


@dataclass(frozen=True, slots=True)
class ModelMap:
    """Client model -> upstream models, the first choice first: exact, then patterns, then the longest name contained,
    ties by name; once."""

    entries: Mapping[str, tuple[Target, ...]] = field(default_factory=dict, hash=False)

    def apply(self, model: str, upstream: str = "") -> Mapped:
        """What a client's model becomes when ``upstream`` of its chain is asked; by itself the first."""
        if not self.entries:
            return Mapped(model)
        chain = self.chain(model)
        return next((mapped for mapped in chain if mapped.model == upstream), chain[0])

    def chain(self, model: str) -> tuple[Mapped, ...]:
        """At least one."""
        name = model.lower()
        by_rank = sorted(
            (rank, -len(entry), entry) for entry in self.entries if (rank := _rank(entry.lower(), name)) is not None
        )
        if not by_rank:
            return (Mapped(model),)
        entry = by_rank[0][2]
        return tuple(Mapped(target.to, entry, target.effort) for target in self.entries[entry])


def _rank(entry: str, name: str) -> int | None:
    if entry == name:
        return 0
    if "*" in entry:
        return 1 if _matches(entry, name) and entry != "*" else (3 if entry == "*" else None)
    return 2 if entry in name else None


DEFAULT_CLIENT: Final = "default"
"""The client of PROXY_ACCESS_KEY: the operator, whose accounts the upstreams' are."""


@dataclass(frozen=True, slots=True)
class ClientLimits:
    rpm: int = setting(0, "requests per minute; 0: no limit", minimum=0)
    concurrency: int = setting(0, "requests at the same time; 0: no limit", minimum=0)
    tokens_per_minute: int = setting(0, "input and output tokens per minute; 0: no limit", minimum=0)
    requests_per_day: int = setting(0, "answered requests per UTC day; 0: no limit", minimum=0)
    requests_per_month: int = setting(0, "answered requests per UTC month; 0: no limit", minimum=0)
    tokens_per_day: int = setting(0, "input and output tokens per UTC day; 0: no limit", minimum=0)
    tokens_per_month: int = setting(0, "input and output tokens per UTC month; 0: no limit", minimum=0)
    usd_per_day: float = setting(0.0, "dollars per UTC day; 0: no limit", minimum=0)
    usd_per_month: float = setting(0.0, "dollars per UTC month; 0: no limit", minimum=0)


NO_LIMITS: Final = ClientLimits()


@dataclass(frozen=True, slots=True)
class ModelLimit(ClientLimits):
    """Limits of a client on some models, beside those of all together."""

    models: Patterns = field(default=Patterns(), metadata=SHOWN)


@dataclass(frozen=True, slots=True)
class Client:
    """Who may call. Only the key's SHA-256 is kept. ``previous``: keys that are right for a while yet."""

    name: str = field(metadata=SHOWN)
    key_sha256: str
    key_mask: str = ""
    kinds: frozenset[Kind] = field(default=frozenset(KINDS), metadata=SHOWN)
    models: Patterns = field(default=Patterns(), metadata=SHOWN)
    limits: ClientLimits = NO_LIMITS
    enabled: bool = True
    model_limits: tuple[ModelLimit, ...] = ()
    previous: tuple[tuple[str, float], ...] = ()
    expires: float | None = setting(None, "right until this time (Unix seconds here, ISO in the file)", shown="plain")
    mirror: bool = setting(True, "its requests may be mirrored to another channel")

    def expired(self, now: float) -> bool:
        return self.expires is not None and self.expires <= now

    @property
    def keys(self) -> tuple[tuple[str, float], ...]:
        """The SHA-256 of each, and until when it is right. A file that cannot be read ends none of them: who looks one
        up has to look at the time, too."""
        return ((self.key_sha256, float("inf")), *self.previous)


type Role = Literal["sees", "edits"]


@dataclass(frozen=True, slots=True)
class User:
    """Who may use the panel beside the admin key. Without a key: only by the single sign-on of the process settings."""

    name: str = field(metadata=SHOWN)
    role: Role = setting("sees", "sees: looks at everything and changes nothing; edits: as the admin key")
    key_sha256: str = ""
    key_mask: str = ""
    enabled: bool = True


type AlertFormat = Literal["plain", "slack", "feishu", "dingtalk", "telegram"]
ALERT_EVENTS: Final = ("key", "breaker", "budget", "errors", "config", "log", "disk", "cache")
"""What somebody can be told of."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Who is told through a webhook of what goes wrong."""

    name: str = field(metadata=SHOWN)
    url: str = field(repr=False)
    format: AlertFormat = setting("plain", "in whose form; plain: JSON of our own")
    secret: str = field(default="", repr=False)
    """Signs the messages of plain, Feishu and DingTalk."""
    chat: str = setting("", "Telegram: the chat that is told", shown="plain")
    events: tuple[str, ...] = setting(ALERT_EVENTS, "of what it is told; not given: of everything", shown="plain")
    private: bool = setting(False, "its address may be http, and on the own network")
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class KeyLimits:
    rpm: int = setting(0, "requests per minute; 0: no limit", minimum=0)
    concurrency: int = setting(0, "requests at the same time; 0: no limit", minimum=0)


@dataclass(frozen=True, slots=True)
class Key:
    """One upstream credential. ``id`` is stable: it comes from the secret itself."""

    id: str = field(metadata=SHOWN)
    secret: str = field(repr=False)
    name: str = field(default="", metadata=SHOWN)
    weight: int = setting(1, "keys of larger weight are preferred", minimum=1)
    models: Patterns = field(default=Patterns(), metadata=SHOWN)
    base_url: str = setting("", "use this key only with this base URL", shown="url")
    enabled: bool = True
    limits: KeyLimits = KeyLimits()
    until: float | None = setting(None, "used until this time (Unix seconds here, ISO in the file)", shown="plain")
    label: str = field(init=False, repr=False, compare=False, metadata=SHOWN)
    """For people, also in each row of the log: keys of one mask are told apart by their names."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", f"{self.mask} ({self.name})" if self.name else self.mask)

    @property
    def mask(self) -> str:
        return mask(self.secret) if self.secret else "no key"


KEYLESS: Final = Key("none", "")
"""Stands in for the keys of a channel that has none: its upstream asks for no credential."""


STREAM_HEAD: Final = 300.0
"""Seconds: some upstreams send a stream's head with its first event only, which comes when the model has thought."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds."""

    total: float = setting(600.0, "the whole exchange, all attempts together", minimum=1)
    connect: float = setting(10.0, "TCP and TLS set-up", minimum=0.1)
    first_byte: float = setting(
        0.0, "until the response head is complete; 0: 300 for a stream, the whole exchange for JSON", minimum=0
    )
    first_event: float = setting(300.0, "until a stream's first meaningful event", minimum=0.1)
    first_event_alive: float = setting(
        600.0, "the same, while comments and pings show that the upstream lives", minimum=0.1
    )
    idle: float = setting(300.0, "silence inside a stream", minimum=0.1)
    tool_idle: float = setting(
        600.0, "silence inside a stream while a tool call is open or the model thinks", minimum=0.1
    )
    heartbeat: float = setting(
        15.0,
        "silence after which a client gets a comment in its stream, also while a model thinks; three times as long"
        " while nobody answers; 0: never",
        minimum=0,
    )

    def head(self, stream: bool) -> float:
        """Until an answer's head: of JSON it comes when the model is done."""
        return self.first_byte or (min(STREAM_HEAD, self.total) if stream else self.total)


@dataclass(frozen=True, slots=True)
class ChannelLimits:
    rpm: int = setting(0, "requests per minute; 0: no limit", minimum=0)
    concurrency: int = setting(0, "requests at the same time; 0: no limit", minimum=0)
    max_output_tokens: int = setting(0, "most tokens one answer may have; 0: unknown", minimum=0)
    context_window: int = setting(0, "tokens of prompt and answer together; 0: unknown", minimum=0)


@dataclass(frozen=True, slots=True)
class ReasoningPolicy:
    style: Literal["auto", "effort", "reasoning", "thinking", "gemini"] = setting("auto", "how an effort is written")
    effort: tuple[tuple[str, str], ...] = setting(
        (), "model pattern -> effort set on requests that name none", shown="plain"
    )
    verbosity: str | None = setting(None, "text verbosity set on requests that name none", shown="plain")
    fast: bool = setting(False, "ask for the priority service tier")


@dataclass(frozen=True, slots=True)
class HealthCheck:
    enabled: bool = False
    every: int = setting(300, "seconds between two checks", minimum=30)
    model: str | None = setting(None, "model of a minimal call; none: ask for the models list", shown="plain")


@dataclass(frozen=True, slots=True)
class Embedding:
    """Vectors are comparable only inside one space: failover stays inside it."""

    space: str = setting("", "name of the vector space; empty: the upstream model's name", shown="plain")
    dimensions: int = setting(0, "length of the vectors; 0: unknown", minimum=0)


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    window: int = setting(20, "samples looked at", minimum=3)
    failure_rate: float = setting(0.7, "part of failures in the window that opens", minimum=0, maximum=1)
    consecutive: int = setting(5, "failures in a row that open", minimum=1)
    pause: float = setting(2.0, "seconds of rest after one failure; doubled with each in a row", minimum=0)
    max_age: int = setting(900, "seconds a sample counts", minimum=1)
    backoff: int = setting(30, "seconds open the first time; doubled each time", minimum=1)
    max_backoff: int = setting(600, "most seconds open", minimum=1)


PROXY_SCHEMES: Final = frozenset({"http", "https", "socks5", "socks5h"})
DIRECT: Final = "none"
"""In place of a proxy's address: the environment's is not used either."""


@dataclass(frozen=True, slots=True)
class Channel:
    id: str = field(metadata=SHOWN)
    name: str = field(metadata=SHOWN)
    protocol: Kind
    base_urls: tuple[str, ...] = field(metadata=URLS)
    keys: tuple[Key, ...]
    serves: frozenset[Kind] = field(metadata=SHOWN)
    auth: AuthStyle = setting("auto", "how the key is sent; auto: as the protocol's vendor wants it")
    credential: Literal["keys", "client"] = setting(
        "keys", "whose login its upstream sees: one of its keys, or the client's own, which is passed on and never kept"
    )
    models: ModelMap = field(default=ModelMap(), metadata=SHOWN)
    allow: Patterns = field(default=Patterns(), metadata=SHOWN)
    priority: int = setting(1, "smaller comes first; of equals the order of the file, or policy.balance")
    weight: int = setting(1, "share of the load among channels of one priority, with balance: weight", minimum=1)
    status: Status = setting("active", "active, suspended (listed, not used) or disabled (standby pool)")
    promoted_until: float | None = setting(
        None, "first choice until this time (Unix seconds here, ISO in the file)", shown="plain"
    )
    route_prefix: str = setting("", "only /PREFIX/v1/... reaches it", shown="plain")
    headers: tuple[tuple[str, str], ...] = setting((), "added to the upstream request")
    pass_headers: tuple[str, ...] = setting(
        (), "headers of clients that go on to the upstream, beside those that its protocol knows", shown="plain"
    )
    proxy: str | None = setting(
        None,
        "http://, https://, socks5:// or socks5h:// address; none: no proxy; nothing: as HTTPS_PROXY and NO_PROXY say",
        shown="url",
    )
    verify_tls: bool = setting(True, "check the upstream's certificate")
    ca_file: str | None = setting(None, "certificates to trust for this channel", shown="plain")
    timeouts: Timeouts = Timeouts()
    breaker: BreakerPolicy = BreakerPolicy()
    limits: ChannelLimits = ChannelLimits()
    reasoning: ReasoningPolicy = ReasoningPolicy()
    quirks: frozenset[str] = field(default=frozenset(), metadata=SHOWN)
    mask: tuple[str, ...] = setting(
        (),
        "personal data that its upstream does not see, put back in the answer: email, phone, card, iban",
        shown="plain",
    )
    no_vision: bool = setting(False, "never gets requests with images")
    rotate: Rotate = setting("fill_first", "which of its keys comes first")
    embedding: Embedding = Embedding()
    on_loss: Literal["keep", "refuse"] = setting("keep", "what to do when a conversion would lose something")
    price_multiplier: float = setting(1.0, "cost relative to the list price", minimum=0)
    warm: int = setting(
        0,
        "connections that each worker keeps ready to its first address: a new client's first request pays no handshake",
        minimum=0,
        maximum=16,
    )
    health_check: HealthCheck = HealthCheck()
    tags: tuple[str, ...] = field(default=(), metadata=SHOWN)
    note: str = field(default="", metadata=SHOWN)
    website: str = field(default="", metadata=URLS)

    @property
    def named(self) -> tuple[str, ...]:
        """Models that its settings name, as clients do; its upstream may have more."""
        return tuple(name for name in (*self.models.entries, *self.allow.include) if "*" not in name)


@dataclass(frozen=True, slots=True)
class MirrorLimits:
    """What one mirror may send. What is more is not mirrored, and nobody waits for it."""

    rpm: int = setting(30, "requests per minute; 0: no limit", minimum=0)
    concurrency: int = setting(4, "requests at the same time", minimum=1, maximum=100)
    tokens_per_day: int = setting(0, "input and output tokens per UTC day; 0: no limit", minimum=0)
    usd_per_day: float = setting(0.0, "dollars per UTC day; 0: no limit", minimum=0)


@dataclass(frozen=True, slots=True)
class Mirror:
    """A share of the conversations is asked of another channel, too, for comparison: no client gets its answers."""

    name: str = field(metadata=SHOWN)
    to: str = setting("", "the channel that is asked as well, by its id or name, whatever its status is", shown="plain")
    model: str = setting("", "the upstream's model; empty: as the channel's models say", shown="plain")
    share: float = setting(
        10.0, "percent of the conversations, each of them whole or not at all", minimum=0, maximum=100
    )
    models: Patterns = field(default=Patterns(), metadata=SHOWN)
    clients: tuple[str, ...] = setting((), "only requests of these clients; none: of all", shown="plain")
    kinds: frozenset[Kind] = field(default=TEXT_KINDS, metadata=SHOWN)
    channels: tuple[str, ...] = setting(
        (), "only what these channels answered, by id or name; none: what all did", shown="plain"
    )
    limits: MirrorLimits = MirrorLimits()
    timeout: float = setting(300.0, "seconds for a whole answer", minimum=1, maximum=3600)
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Affinity:
    enabled: bool = True
    ttl: int = setting(1800, "seconds a conversation stays with its channel and key", minimum=1)


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """Of one request, all channels together."""

    max: int = setting(12, "attempts of one request that took an upstream's time", minimum=1, maximum=1000)
    refused: int = setting(
        100, "further attempts that were refused at once: no connection, or the key", minimum=0, maximum=1000
    )
    per_key: int = setting(2, "tries on one key", minimum=1, maximum=100)

    def allow(self, made: int, refused: int) -> bool:
        """Whether another may follow so many, of which some were ``refused`` at once."""
        return made - min(refused, self.refused) < self.max


@dataclass(frozen=True, slots=True)
class Bodies:
    capture: Literal["off", "errors", "all"] = setting("off", "which exchanges keep their bodies")
    max_kb: int = setting(256, "most of one body that is kept", minimum=1)
    redact: tuple[str, ...] = setting(
        ("sk-[A-Za-z0-9-]+",), "regular expressions whose matches are masked", shown="plain"
    )
    titles: bool = setting(True, "a conversation's first words are kept as its title, where any bodies are kept")


@dataclass(frozen=True, slots=True)
class Policy:
    errors: Literal["precise", "vague"] = setting("precise", "what a client sees when nothing worked")
    balance: Literal["order", "weight", "latency"] = setting(
        "order",
        "which channel of one priority comes first: of the file, by weight, or who began to answer soonest lately",
    )
    affinity: Affinity = Affinity()
    breaker: BreakerPolicy = BreakerPolicy()
    attempts: AttemptLimits = AttemptLimits()
    timeouts: Timeouts = Timeouts()
    bodies: Bodies = Bodies()


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens, ``picture`` for each one that Images makes; None: as input (caches) or not
    priced."""

    input: float
    output: float
    cache_read: float | None = None
    cache_write: float | None = None
    picture: float | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything from ccx.yaml. ``revision`` is the first 16 hex digits of the file's SHA-256."""

    revision: str
    loaded_at: float
    clients: tuple[Client, ...] = ()
    users: tuple[User, ...] = ()
    channels: tuple[Channel, ...] = ()
    policy: Policy = Policy()
    prices: Mapping[str, Price] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    """What did not stop the load: a key whose environment variable is missing."""
    turns_at: float = float("inf")
    """When the file means something else by itself, because a key is over (Unix seconds)."""
    secrets: Secrets = field(default=NOTHING, repr=False, compare=False)
    """Everything that is masked wherever it turns up, also keys of clients and of the panel."""
    alerts: tuple[Alert, ...] = ()
    mirrors: tuple[Mirror, ...] = ()
    """With the ids of their channels."""
    by_id: Mapping[str, Channel] = field(init=False, repr=False, compare=False)
    """The channels."""
    by_key: Mapping[str, tuple[Client, float]] = field(init=False, repr=False, compare=False)
    """The enabled clients, by the SHA-256 of each key that is theirs, and until when it is."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {channel.id: channel for channel in self.channels})
        enabled = [client for client in reversed(self.clients) if client.enabled]
        by_key = {key: (client, until) for client in enabled for key, until in client.keys}
        object.__setattr__(self, "by_key", by_key)

    def channel(self, id: str) -> Channel | None:
        return self.by_id.get(id)

    def client(self, digest: str, now: float) -> Client | None:
        """The enabled client whose key has this SHA-256, while the key is right. Time does not depend on how much of a
        key is right. ``now``: Unix seconds."""
        client, until = self.by_key.get(digest, (None, 0.0))
        return client if until > now else None


VERSION: Final = 1
"""Of the file's form. A later form comes with a step that reads this one."""


def version_problem(version: Any) -> str:
    """Why a file of this version cannot be read; empty: it can."""
    if isinstance(version, int) and version > VERSION:
        return f"is {version}, of a later version of CCX; this one reads {VERSION}"
    return "" if version == VERSION and not isinstance(version, bool) else f"must be {VERSION}"


def help_of(cls: type, name: str) -> str:
    """The help text of a field."""
    return next(str(f.metadata.get("help", "")) for f in fields(cls) if f.name == name)
