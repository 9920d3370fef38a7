"""What base64 data is, whatever it is called: clients name a picture's type wrongly or not at all, and Claude refuses
what does not match ("specified using the image/png media type, but the image appears to be a image/jpeg image")."""

from typing import Final

from ccx_addons.core import read
from ccx_addons.core.neutral import NO_EXTRA, Extra, Media

MAGIC: Final = (
    ("iVBORw", "image/png"),
    ("/9j/", "image/jpeg"),
    ("UklGR", "image/webp"),
    ("R0lGOD", "image/gif"),
    ("JVBERi", "application/pdf"),
)
"""How base64 data begins -> what it is. ``UklGR`` is any RIFF file: sound and video, too."""
UNKNOWN: Final = frozenset({"", "application/octet-stream", "*/*", "binary/octet-stream"})


def sniffed(data: str) -> str:
    """What the data is; empty: nobody knows."""
    return next((mime for start, mime in MAGIC if data.startswith(start)), "")


def true_type(mime: str, data: str) -> str:
    """The type of data that is called ``mime``. A picture's is what the data is, and so is that of unknown data."""
    if mime in UNKNOWN or mime.startswith("image/"):
        return sniffed(data) or mime
    return mime


def of_data(mime: str, data: str, name: str = "", detail: str | None = None, extra: Extra = NO_EXTRA) -> Media:
    """Media of base64 data, which some clients send as a whole data URL."""
    if data.startswith("data:") and (found := read.data_url(data)):
        mime, data = found[0] if mime in UNKNOWN or "*" in mime else mime, found[1]
    return Media(true_type(mime, data), data=data, name=name, detail=detail, extra=extra)
