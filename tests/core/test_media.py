"""What data is, whatever it is called."""

import pytest

from ccx_addons.core.media import of_data
from ccx_addons.core.neutral import Media


@pytest.mark.parametrize(
    ("mime", "data", "media"),
    [
        ("image/png", "iVBORw0=", Media("image/png", data="iVBORw0=")),
        ("image/png", "/9j/4AA=", Media("image/jpeg", data="/9j/4AA=")),
        ("image/*", "R0lGODlh", Media("image/gif", data="R0lGODlh")),
        ("", "JVBERi0=", Media("application/pdf", data="JVBERi0=")),
        ("image/svg+xml", "PHN2Zz4=", Media("image/svg+xml", data="PHN2Zz4=")),
        ("audio/wav", "UklGRg==", Media("audio/wav", data="UklGRg==")),
        ("image/png", "data:image/png;base64,aGk=", Media("image/png", data="aGk=")),
        ("audio/mpeg", "data:audio/mp3;base64,aGk=", Media("audio/mpeg", data="aGk=")),
        ("", "data:text/csv;base64,aGk=", Media("text/csv", data="aGk=")),
    ],
)
def test_of_data(mime: str, data: str, media: Media) -> None:
    assert of_data(mime, data) == media
