"""All that is known of one client request, from its head to its log row.

An Exchange is mutable and lives beside mitmproxy's flow for as long as the flow does. Addons talk to each other only
through it. It has three readers: the addons, the stream (proxy/stream.py), which carries out what they decide, and the
metrics addon, whose log row is a projection of it.
"""

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol

from ccx_addons.core.confidential import sent_secrets
from ccx_addons.core.config import Client, Kind, Snapshot, Timeouts
from ccx_addons.core.endpoints import ACCOUNT, Match
from ccx_addons.core.faults import MAX_CODE, MAX_TEXT
from ccx_addons.core.kept import Arrivals
from ccx_addons.core.mask import Secrets
from ccx_addons.core.multipart import Field
from ccx_addons.core.neutral import Event, Fault, Json, Loss, Media, Request, Response, Stop, Usage
from ccx_addons.core.value import value
from ccx_addons.core.wire_json import JsonBody

if TYPE_CHECKING:
    from ccx_addons.core.verdict import Attempt, Outcome, OutcomeKind, Verdict

type Phase = Literal["queued", "connecting", "waiting", "streaming", "tool", "done"]
type State = Literal["running", "ok", "failed", "client_left"]
type StreamEnd = Literal["", "done", "cut", "error event", "idle", "client left", "empty", "converter error"]

type Headers = tuple[tuple[str, str], ...]
"""Lower-case names and values in their order."""
type RawHeaders = tuple[tuple[bytes, bytes], ...]


@value(frozen=True, slots=True)
class Upstream:
    """Where an attempt goes: all that the stream needs to open a connection."""

    host: str
    port: int
    tls: bool
    timeouts: Timeouts
    verify_tls: bool = True
    ca_file: str | None = None
    proxy: str | None = None
    fresh: bool = False
    """Do not reuse an idle connection: the last one turned out to be stale."""


class Seat(NamedTuple):
    """Where a conversation is, until some time (Unix seconds): what only one account can read (cached prompts,
    encrypted thoughts, ids) is there."""

    channel_id: str
    key_id: str
    until: float


NOWHERE: Final = Seat("", "", 0.0)
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

THREAD_NOT_FOUND: Final = "thread_not_found"
THREAD_UNSUPPORTED: Final = "thread_unsupported_request"
THREADS_REFUSED: Final = frozenset({THREAD_NOT_FOUND, THREAD_UNSUPPORTED})
"""Codes on which an official SDK asks the same again with the whole history: its user sees no failure."""


@value(frozen=True, slots=True)
class Named:
    """A stored item, and whose upstream has made it. ``item`` None: only that has it."""

    seat: Seat
    item: "dict[str, Json] | None"


class Watcher(Protocol):
    """Reads one upstream stream and gives the bytes for the client: the same ones, or converted.

    ``feed`` gets decoded body bytes and returns chunks to send; no chunk is ever empty. ``meaningful`` turns true
    at the first event that is worth committing for; it is ``patient`` while a tool call is open or the model thinks.
    ``fault`` is set by an error event and, after ``finish``, by a missing end. ``abort`` gives what tells the client
    that the stream broke.
    """

    @property
    def meaningful(self) -> bool: ...
    @property
    def patient(self) -> bool: ...
    @property
    def fault(self) -> Fault | None: ...
    def feed(self, data: bytes) -> list[bytes]: ...
    def finish(self) -> list[bytes]: ...
    def abort(self, fault: Fault) -> list[bytes]: ...


@value(frozen=True, slots=True)
class Decision:
    """Why routing dropped or moved a channel: ``rule`` is the name of the scheduler's rule."""

    channel_id: str
    channel_name: str
    rule: str
    kept: bool
    reason: str


@dataclass(slots=True)
class Tap:
    """What passes in both directions of an answer, as far as ``limit`` bytes go, for whoever wants to see it."""

    limit: int
    upstream: bytearray = field(default_factory=bytearray)
    client: bytearray = field(default_factory=bytearray)
    cut: set[str] = field(default_factory=set)
    """``upstream`` or ``client``: more came than was kept."""
    head: RawHeaders = ()
    """Of the upstream's answer, as it came."""
    arrivals: dict[str, Arrivals] = field(default_factory=lambda: {"upstream": Arrivals(), "client": Arrivals()})
    earlier: list["Refused"] = field(default_factory=list)
    """What attempts before this one were answered."""

    def from_upstream(self, data: bytes) -> None:
        self._keep("upstream", self.upstream, data)

    def to_client(self, data: bytes) -> None:
        self._keep("client", self.client, data)

    def begin_attempt(self, made: int) -> None:
        """``made``: how many were begun before it."""
        if self.upstream or self.head:
            room = max(0, self.limit - sum(len(other.body) for other in self.earlier))
            was_cut = "upstream" in self.cut or len(self.upstream) > room
            self.earlier.append(
                Refused(made, bytes(self.upstream[:room]), self.head, was_cut, self.arrivals["upstream"])
            )
        self.upstream.clear()
        self.cut.discard("upstream")
        self.head, self.arrivals["upstream"] = (), Arrivals()

    def _keep(self, side: str, kept: bytearray, data: bytes) -> None:
        room = self.limit - len(kept)
        kept += data[:room]
        self.arrivals[side].add(len(kept), time.monotonic())
        if len(data) > room:
            self.cut.add(side)


class Refused(NamedTuple):
    """What the ``n``-th attempt was answered, from 1 on, when another one followed. All of them together are kept as
    far as the limit of one body goes."""

    n: int
    body: bytes
    head: RawHeaders
    is_cut: bool
    arrivals: Arrivals


@dataclass(slots=True)
class AttemptRecord:
    """One try. Times are monotonic seconds; durations are milliseconds, None while unknown."""

    attempt: "Attempt"
    started: float
    upstream_model: str = ""
    converted: bool = False
    fields: frozenset[str] = frozenset()
    """Names of the top-level members that were sent: those an upstream may refuse and a next try leave out."""
    connect_ms: float | None = None
    tls_ms: float | None = None
    ttfb_ms: float | None = None
    total_ms: float | None = None
    first_event_at: float | None = None
    reused: bool = False
    rested: float = 0.0
    """Seconds that a reused connection had been idle."""
    status: int = 0
    outcome: "Outcome | None" = None
    verdict: "Verdict | None" = None
    losses: list[Loss] = field(default_factory=list)
    words: Any = None
    """The upstream's error (a mitmproxy response) as it came, while it may be what the client gets."""


@dataclass(slots=True)
class Ended:
    """How the upstream side of an attempt ended, before anybody judged it. ``kind`` "ok": an answer is complete."""

    kind: "OutcomeKind"
    detail: str = ""
    fault: Fault | None = None


@dataclass(slots=True, eq=False)
class Exchange:
    """One client request. Fields are filled in the order of the request's way."""

    # ---- the request as it arrived (auth) ---------------------------------------------------------------------------
    id: str
    started_at: float
    """Unix seconds."""
    clock: float
    """Monotonic seconds at arrival."""
    snapshot: Snapshot
    method: str
    path: str
    query: str
    headers: Headers
    """Without the client's credentials."""
    login: Headers = field(default=(), repr=False)
    """The client's own login, for channels that pass it on."""
    client_ip: str = ""
    match: Match | None = None
    kind: Kind = "chat"
    """Whose protocol the client speaks: that of the endpoint, or whose error shape it understands."""
    operation: str = ""
    """That of the endpoint."""
    client: Client | None = None
    test: bool = False
    """The panel asks, or mitmweb, and not a client."""
    mirror: str = ""
    """Name of the mirror that asks this once more, beside the client's own request."""
    total: float | None = None
    """Seconds for all of it; None: as the policy says."""
    forward: tuple[str, int] | None = None
    """Address of the panel, for requests that are not for an upstream."""

    # ---- what is asked (route) --------------------------------------------------------------------------------------
    raw: bytes = b""
    asked: bytes = b""
    """As the client sent it, where that differs: the operator's own rules changed it, or it stood in an envelope."""
    body: JsonBody | None = None
    envelope: JsonBody | None = None
    """What Code Assist has around a request; ``raw`` and ``body`` are what stands in it."""
    form: dict[str, Field] | None = None
    """The text fields of a multipart body that routing needs."""
    model: str = ""
    ignored: tuple[Loss, ...] = ()
    """Parameters of the query that go no further."""
    stream: bool = False
    array: bool = False
    """A Gemini client without ``alt=sse``: its stream is one JSON array."""
    trace: str = ""
    parent: str = ""
    """Trace of the agent that started this one."""
    history: "list[dict[str, Json]] | None" = None
    """Responses items that ``previous_response_id`` stands for, where the gateway remembers them."""
    named: "Mapping[str, Named]" = NOTHING
    """Stored Responses items that the input names by their ids."""
    home: Seat = NOWHERE
    """Where the answer was made which is continued."""
    images: bool = False
    """There are some in it, and a channel that takes none."""
    pin: str = ""
    pictures: "dict[str, Media] | None" = None
    """What was fetched for a channel that takes no addresses of pictures."""
    masked: "Mapping[str, str]" = field(default=NOTHING, repr=False)
    """Stand-in in this attempt's request -> the personal data that it stands for."""
    thoughts: "Mapping[str, str]" = NOTHING
    """Id of a tool call -> the thoughts before it, for a channel that wants them back."""
    request: Request | None = None
    """Decoded only when a candidate speaks another protocol."""
    decisions: tuple[Decision, ...] = ()
    """Why each channel was kept, dropped or moved."""
    failover: "Generator[Attempt, Outcome, None] | None" = None
    other_key: "Callable[[Attempt], bool] | None" = None
    """Whether another key of the attempt's channel has a place free, as far as is known."""
    other_way: "Callable[[], bool] | None" = None
    """Whether anybody is well and left, as far as is known."""

    # ---- the attempt under way (route, convert, stream) -------------------------------------------------------------
    next_attempt: "Attempt | None" = None
    upstream: Upstream | None = None
    """None: the stream refuses to connect. Reset before every attempt, so that a broken hook fails closed."""
    watcher: Watcher | None = None
    expects_stream: bool = False
    ended: Ended | None = None
    decision: Literal["retry", "commit", "stop"] = "stop"
    attempts: list[AttemptRecord] = field(default_factory=list)
    current: AttemptRecord | None = None
    """The last of them."""
    tap: Tap | None = None
    """None, and without any cost, unless bodies are captured or somebody watches."""

    # ---- what came of it (stream, convert, failover, metrics) -------------------------------------------------------
    phase: Phase = "queued"
    state: State = "running"
    opened: bool = False
    """The client has the head of a stream and comments, and no attempt is committed by that (proxy/heartbeat.py)."""
    committed: bool = False
    fault: Fault | None = None
    told: AttemptRecord | None = None
    """Whose error the client gets when nothing worked."""
    usage: Usage | None = None
    usage_estimated: bool = False
    stop: Stop | None = None
    stream_end: StreamEnd = ""
    answer: Response | None = None
    events: "list[Event] | None" = None
    """The answer, whole or as it streamed; kept only for channels whose quirks look at it."""
    opening: bytes = b""
    """The beginning of a stream, as far as it was held back before the commit."""
    final_event: bytes = b""
    """The last event of a Responses stream, which holds the whole answer."""
    container: str = ""
    """Id of the container that a stream of Messages names at its end."""
    losses: list[Loss] = field(default_factory=list)
    status: int = 0
    bytes_out: int = 0
    first_byte_at: float | None = None
    first_event_at: float | None = None
    last_byte_at: float | None = None
    max_gap: float = 0.0
    ended_at: float | None = None
    closed: bool = False
    """The log row is final. Exactly one of the hooks response and error closes an exchange."""

    def ask(self, match: Match | None, kind: Kind | None = None) -> None:
        """Sets what is asked for. ``kind``: where it is not the endpoint's (``endpoints.kind_of``)."""
        self.match = match
        self.kind = kind or (match.endpoint.kind if match else "chat")
        self.operation = match.endpoint.operation if match else ""

    def begin(self, record: AttemptRecord) -> None:
        """One more try."""
        if self.tap:
            self.tap.begin_attempt(len(self.attempts))
        self.attempts.append(record)
        self.current = record

    @property
    def asked_for(self) -> str:
        """The operation, for the log: of an account also what of it is asked."""
        return f"{ACCOUNT}{self.match.subject}" if self.match and self.operation == ACCOUNT else self.operation

    @property
    def internal(self) -> bool:
        """Whether Code Assist is asked, in its own form."""
        return self.envelope is not None or self.operation == ACCOUNT

    @property
    def source(self) -> str:
        """For the log. What figures count is ``proxy`` alone."""
        if self.mirror:
            return "mirror"
        if self.fault and self.fault.code in THREADS_REFUSED and not self.test and self.kind == "messages":
            return "handshake"
        return "test" if self.test else "account" if self.operation == ACCOUNT else "proxy"

    @property
    def secrets(self) -> Secrets:
        """Everything that is masked of this exchange."""
        known = self.snapshot.secrets
        return known | Secrets({value.rpartition(" ")[2] for _, value in self.login}) if self.login else known

    @property
    def needles(self) -> tuple[bytes, ...]:
        """What this attempt's upstream was told and must not tell on."""
        record = self.current
        if record is None:
            return ()
        channel, key = record.attempt.channel, record.attempt.key
        return self.snapshot.secrets.needles((channel.id, key.id), sent_secrets, channel, key)

    def repeats(self, data: bytes) -> bool:
        """Whether an answer holds a secret that was sent with its request."""
        return any(map(data.__contains__, self.needles))

    def veiled(self, fault: Fault) -> Fault:
        """The fault without any secret: an upstream may repeat those in each of its words."""

        def clean(text: str, most: int = MAX_CODE) -> str:
            return self.secrets.clean(text, cut=len(text) >= most)  # cut where it is too long, perhaps inside of one

        message = clean(fault.message, MAX_TEXT)
        code, type, param = map(clean, (fault.code, fault.type, fault.param))
        veiled = replace(fault, message=message, code=code, type=type, param=param)
        return fault if veiled == fault else veiled

    @property
    def deadline(self) -> float:
        """Monotonic seconds by which the exchange must be committed or over."""
        return self.clock + (self.snapshot.policy.timeouts.total if self.total is None else self.total)
