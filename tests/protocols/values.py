"""What the tests of all protocols share: values of JSON, and streams in pieces."""

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import strategies as st

from ccx_addons.core.neutral import Event
from ccx_addons.core.wire_json import dump_text
from ccx_addons.protocols import Decoder, Encoder

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.text(max_size=5), JSON, max_size=3)
ARGUMENTS = st.builds(dump_text, OBJECTS)
NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,20}", fullmatch=True)
BASE64 = st.sampled_from(["aGk=", "eHl6", "AAECAw=="])


def decoded(decoder: Decoder, data: bytes, *cuts: int) -> list[Event]:
    """Every event of a stream that came in the pieces that ``cuts`` make."""
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    events = [event for begin, end in pairwise(places) for event in decoder.feed(data[begin:end])]
    return events + decoder.flush()


def encoded(encoder: Encoder, events: Iterable[Event]) -> bytes:
    return b"".join(encoder.encode(event) for event in events)
