"""Names of headers: which a channel may add or hand on from its clients, and which belong to somebody else."""

import re
from typing import Final

HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")

FORBIDDEN: Final = frozenset({
    "authorization", "x-api-key", "x-goog-api-key", "host", "content-length", "transfer-encoding", "connection",
    "upgrade", "te", "trailer", "keep-alive", "proxy-authorization", "proxy-authenticate", "proxy-connection", "expect",
    "http2-settings", "cookie", "accept-encoding", "content-encoding",
})  # fmt: skip
"""Headers a channel cannot add: they belong to the key, to the connection, or to the gateway."""

KEY_HEADER: Final = "x-ccx-key"
"""Where the gateway's key stands beside a client's own login."""

SESSION_HEADER: Final = "x-ccx-session"
"""Any text that requests of one session have in common, for clients that have no such header of their own."""

LOGIN: Final = (
    "authorization", "x-api-key", "x-goog-api-key",
    "chatgpt-account-id", "openai-organization", "openai-project", "x-goog-user-project",
)  # fmt: skip
"""Who somebody is at an upstream: the first three are secrets, the others say which of its accounts is meant."""

TENANT: Final = re.compile(
    r"openai-(?:organization|project)[\w-]*|anthropic-(?:workspace|organization)[\w-]*|x-goog-user-project"
)
"""Whose account is asked belongs to the upstream's key, never to the client: `headers` of the channel may name it."""

CREDENTIAL: Final = re.compile(
    r"(?:.*-)?(?:authorization|api-?keys?|auth|tokens?|secrets?|passwords?|cookies?)(?:-.*)?"
)
"""Who somebody is towards the gateway is no upstream's business."""


def is_ours(name: str) -> bool:
    """Whether a channel may not add the header."""
    name = name.lower().replace("_", "-")
    return name in FORBIDDEN or name.startswith("x-ccx-")


def is_private(name: str) -> bool:
    """Whether a client's header may never go on to an upstream, whatever the channel says."""
    plain = name.lower().replace("_", "-")
    return is_ours(plain) or TENANT.fullmatch(plain) is not None or CREDENTIAL.fullmatch(plain) is not None
