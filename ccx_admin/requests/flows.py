"""The request log for programs: found, shown and compared, with the same masking as on the pages."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from ccx_addons.core.config import Kind
from ccx_addons.core.errors import CcxError
from ccx_addons.core.mask import Secrets
from ccx_addons.core.shape import Change, words
from ccx_addons.core.wire_json import loads
from ccx_addons.protocols import compare, reassembly
from ccx_addons.protocols.compare import Difference, Part
from ccx_admin.db import Reader
from ccx_admin.mirrors import figures
from ccx_admin.requests import export, search_box
from ccx_admin.sessions import context

type Row = dict[str, Any]
type With = Literal["before", "upstream"]

HIDDEN: Final = ("rev", "boot_id", "worker", "chain", "bodies")
MAX_TEXT: Final = 20_000
"""Characters of one piece of a conversation."""


class NoSuchFlow(CcxError):
    """The message names it."""


@dataclass(frozen=True, slots=True)
class Compared:
    """``left`` and ``right``: ids. ``content`` False: only shapes were kept, which tell no lines."""

    left: str
    right: str
    content: bool
    differences: list[Difference]

    @property
    def summary(self) -> str:
        return compare.summary(self.differences)

    def plain(self) -> Row:
        """What is different, as JSON values."""
        found = [asdict(one) for one in self.differences if one.mark != "same"]
        same = len(self.differences) - len(found)
        return {**asdict(self), "summary": self.summary, "differences": found, "same": same}


@dataclass(frozen=True, slots=True)
class Flows:
    db: Reader
    secrets: Secrets

    def found(self, query: str, now: int, limit: int) -> list[Row]:
        """Newest first. ``query``: as in the panel's search box. Raises QueryError."""
        page = search_box.search(self.db, search_box.parse(query, now), limit=limit)
        return [self.told(row) for row in page.rows]

    def told(self, row: Mapping[str, Any]) -> Row:
        return {name: value for name, value in row.items() if name not in HIDDEN and value not in (None, "")}

    def row(self, id: str) -> Row:
        """``id`` may be a beginning of it, or ``last``. Raises NoSuchFlow."""
        if id == "last":
            found = self.db.value(
                "SELECT id FROM requests WHERE source <> 'mirror' ORDER BY started_at DESC, id DESC LIMIT 1"
            )
        else:
            found = self.db.value(
                "SELECT id FROM requests WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1", (id[:64], f"{id[:64]}~")
            )
        row = search_box.detail(self.db, found) if found else None
        if row is None:
            raise NoSuchFlow(f"there is no request {id[:64]!r}")
        return row

    def show(self, id: str) -> Row:
        """One request: its row, attempts, why its cache was lost, what was asked and answered as far as it was kept."""
        row = self.row(id)
        found = self.told(row)
        lost = self.db.row("SELECT why, again_tokens, again_usd FROM shapes WHERE request_id = ?", (row["id"],))
        if lost and lost["why"]:
            found["cache_lost"] = words(Change(*loads(lost["why"])), lost["again_tokens"], lost["again_usd"])
        if pairs := figures.of_request(self.db, row["id"]):
            found["mirrored"] = [self.told(pair) for pair in pairs]
        sides = export.bodies(self.db, row["id"], self.secrets)
        if asked := sides.get("client_request"):
            found["asked"] = plain(reassembly.asked(row["kind"], row["model"], bool(row["stream"]), asked))
        if answered := sides.get("client_response"):
            found["answer"] = plain(reassembly.answer(row["kind"], answered))
        return found

    def diff(self, id: str, other: str | With) -> Compared:
        """Raises NoSuchFlow. ``before``: the request of its session that it continues; ``upstream``: what became of
        it on its way."""
        row = self.row(id)
        if other == "upstream":
            return self.changed_on_the_way(row)
        if other == "before":
            other = self.before(row)
        earlier = self.row(other)
        left, right = self.parts(earlier, row["kind"]), self.parts(row, earlier["kind"])
        content = not (shaped(left) or shaped(right))
        if not content and not (shaped(left) and shaped(right)):
            left, right = self.shape(earlier), self.shape(row)
        if "mirror" in (row["source"], earlier["source"]):
            left, right = [*left, *self.answer(earlier)], [*right, *self.answer(row)]
        return Compared(earlier["id"], row["id"], content, compare.compare(left, right))

    def before(self, row: Mapping[str, Any]) -> str:
        found = self.db.value("SELECT before_id FROM shapes WHERE request_id = ?", (row["id"],))
        found = found or self.db.value(
            "SELECT id FROM requests WHERE trace_hash = ? AND trace_hash <> '' AND kind = ?"
            " AND (started_at, id) < (?, ?) ORDER BY started_at DESC, id DESC LIMIT 1",
            (row["trace_hash"], row["kind"], row["started_at"], row["id"]),
        )
        if not found:
            raise NoSuchFlow("this request continues none that is known")
        return str(found)

    def changed_on_the_way(self, row: Mapping[str, Any]) -> Compared:
        sides = export.bodies(self.db, row["id"], self.secrets, ("client_request", "upstream_request"))
        if len(sides) < 2:
            raise NoSuchFlow("what the client and the upstream were sent was not kept")
        texts = [sides[side].get("text", "") for side in ("client_request", "upstream_request")]
        kind: Kind = row["kind"]
        upstream: Kind = row["converted"].partition(">")[2] or kind
        if upstream == kind:
            left, right = (compare.parts(kind, text) for text in texts)
        else:
            left = compare.neutral_parts(kind, row["model"], texts[0])
            right = compare.neutral_parts(upstream, row["upstream_model"], texts[1])
        return Compared(row["id"], row["id"], True, compare.compare(left, right))

    def parts(self, row: Mapping[str, Any], other: str) -> list[Part]:
        """Of what the client sent, with content as far as it was kept."""
        side = export.bodies(self.db, row["id"], self.secrets, ("client_request",)).get("client_request")
        if side is None or side["truncated"]:
            return self.shape(row)
        kind, text = row["kind"], side.get("text", "")
        return compare.parts(kind, text) if kind == other else compare.neutral_parts(kind, row["model"], text)

    def answer(self, row: Mapping[str, Any]) -> list[Part]:
        """What the client got, as far as it was kept."""
        side = export.bodies(self.db, row["id"], self.secrets, ("client_response",)).get("client_response")
        return compare.answer_parts(row["kind"], side.get("text", "")) if side else []

    def shape(self, row: Mapping[str, Any]) -> list[Part]:
        found = context.shape_of(self.db, row["id"])
        if found is None:
            raise NoSuchFlow(f"neither the body nor the shape of {row['id']} was kept")
        return compare.shape_parts(found)


def shaped(parts: list[Part]) -> bool:
    return any(part.text is None for part in parts)


def plain(found: reassembly.Asked | reassembly.Answer) -> Row:
    """JSON values, without what is empty; long texts are cut."""
    return {name: value for name, value in cut(asdict(found)).items() if value}


def cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        return f"{value[:MAX_TEXT]} … {len(value) - MAX_TEXT} more characters"
    if isinstance(value, dict):
        return {name: cut(inner) for name, inner in value.items() if inner not in ("", (), None)}
    return [cut(inner) for inner in value] if isinstance(value, list | tuple) else value
