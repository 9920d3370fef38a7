"""Secrets never leave: every text that came from an upstream is cleaned before it is logged, stored or sent on."""

import re
from typing import Final

from ccx_addons.core.config import mask
from ccx_addons.core.exchange import Exchange

LIKELY_SECRETS: Final = re.compile(
    r"\b(?:(?:sk|rk|pk|xai|gsk|ccx)[-_]|ya29\.|AIza)[A-Za-z0-9_\-]{16,}|\bBearer\s+[^\s\"',]{8,}"
)
"""What looks like a provider's key, also one that is not ours."""


def clean(text: str, x: Exchange | None = None) -> str:
    """The text with the keys of this exchange's channels, and whatever looks like a key, masked."""
    if x:
        for record in x.attempts:
            secret = record.attempt.key.secret
            if secret and secret in text:
                text = text.replace(secret, mask(secret))
    return LIKELY_SECRETS.sub(lambda found: mask(found[0]), text)


def clean_bytes(body: bytes, x: Exchange) -> bytes:
    """The same for a body that goes to the client; untouched bytes when there is nothing to hide."""
    text = body.decode("utf-8", "surrogateescape")
    cleaned = clean(text, x)
    return body if cleaned == text else cleaned.encode("utf-8", "surrogateescape")
