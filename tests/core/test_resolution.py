"""How closely pictures are looked at, as Gemini's clients say it."""

from typing import Any

import pytest

from ccx_addons.core.neutral import Loss, Media, Message, Part, Request, Text, ToolResult
from ccx_addons.core.resolution import carried


def said(level: Any, **more: Any) -> dict[str, Any]:
    return {"gemini": {"mediaResolution": {"level": level, **more}}}


def picture(mime: str = "image/png", detail: str | None = None, **extra: Any) -> Media:
    return Media(mime, data="x", detail=detail, extra=extra)


def asked(
    parts: tuple[Part, ...], level: str = "", system: tuple[Part, ...] = ()
) -> tuple[list[str | None], list[str]]:
    """Details of the pictures, also of those in results, and the paths of what is lost."""
    config = {"gemini": {"generationConfig": {"mediaResolution": level}}} if level else {}
    losses: list[Loss] = []
    request = carried(Request("m", (Message("user", parts),), system, extra=config), losses)
    (message,) = request.messages
    inside = [inner for part in message.parts for inner in (part.parts if isinstance(part, ToolResult) else (part,))]
    return [part.detail for part in inside if isinstance(part, Media)], [loss.path for loss in losses]


PART = "messages[0].content[0].mediaResolution"
ALL = "generationConfig.mediaResolution"
LOW, HIGH = "MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_HIGH"


@pytest.mark.parametrize(
    ("parts", "level", "details", "lost"),
    [
        pytest.param((picture(), Text("a")), LOW, ["low"], [], id="of all"),
        pytest.param((picture(**said(HIGH)), picture()), LOW, ["high", "low"], [], id="its own comes first"),
        pytest.param((picture(**said("MEDIA_RESOLUTION_ULTRA_HIGH")),), "", ["original"], [], id="the closest"),
        pytest.param((ToolResult("t", (picture(),)),), "media_resolution_high", ["high"], [], id="in a result"),
        pytest.param((picture(**said("MEDIA_RESOLUTION_MEDIUM")),), "", [None], [PART], id="no word for it"),
        pytest.param((picture(**said(LOW, numTokens=3)),), "", ["low"], [PART], id="a number of tokens"),
        pytest.param((picture("application/pdf", **said(LOW)),), "", [None], [PART], id="no picture"),
        pytest.param((picture(), picture("application/pdf")), LOW, ["low", None], [ALL], id="of some only"),
        pytest.param((Text("a"),), LOW, [], [ALL], id="nothing to see"),
        pytest.param((Text("a", said(LOW)),), "", [], [PART], id="said of a text"),
        pytest.param((picture(**said("MEDIA_RESOLUTION_UNSPECIFIED")),), "MEDIA_RESOLUTION_UNSPECIFIED", [None], [], id="nothing said"),
        pytest.param((picture(detail="low"),), "", ["low"], [], id="another protocol's"),
    ],
)  # fmt: skip
def test_details(parts: tuple[Part, ...], level: str, details: list[str | None], lost: list[str]) -> None:
    assert asked(parts, level) == (details, lost)


def test_what_is_said_of_system_text_is_lost() -> None:
    assert asked((), system=(Text("s", said(LOW)),)) == ([], ["system.mediaResolution"])
