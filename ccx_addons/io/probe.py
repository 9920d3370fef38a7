"""Questions the gateway asks upstreams of its own accord, with httpx: model lists."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import httpx

from ccx_addons.core import read
from ccx_addons.core.config import Channel
from ccx_addons.core.urls import join
from ccx_addons.protocols import PROTOCOLS

LIST_TIMEOUT: Final = 5.0
MAX_PAGES: Final = 5
VERSION_HEADER: Final[Mapping[str, str]] = {"anthropic-version": "2023-06-01"}


async def list_models(channel: Channel) -> list[dict[str, Any]]:
    """The channel's models as its upstream lists them, each with an ``id``. Empty when it cannot be asked."""
    protocol = PROTOCOLS[channel.protocol]
    path = protocol.upstream_path("models", "", False)
    for key in [key for key in channel.keys if key.enabled][:2]:
        name, value = protocol.auth_header(key.secret, channel.auth)
        params = {"key": value} if name == "?key" else {}
        headers = {"accept-encoding": "identity", **VERSION_HEADER, **dict(channel.headers)}
        if name != "?key":
            headers[name] = value
        url = join(key.base_url or channel.base_urls[0], protocol.DEFAULT_VERSION, path)
        verify: Any = channel.ca_file or channel.verify_tls
        try:
            async with (
                asyncio.timeout(LIST_TIMEOUT),
                httpx.AsyncClient(verify=verify, proxy=channel.proxy, timeout=LIST_TIMEOUT) as client,
            ):
                answer = await client.get(url, headers=headers, params=params)
        except (httpx.HTTPError, TimeoutError, OSError, ValueError):
            continue
        if answer.status_code == 200 and (found := _entries(answer)):
            return found
    return []


def _entries(answer: httpx.Response) -> list[dict[str, Any]]:
    """OpenAI and Anthropic list ``data[].id``, Gemini ``models[].name`` with a prefix."""
    try:
        body = read.mapping(answer.json())
    except ValueError:
        return []
    found = []
    for entry in read.mappings(body.get("data")) + read.mappings(body.get("models")):
        name = read.text(entry.get("id")) or read.text(entry.get("name")).removeprefix("models/")
        if name:
            found.append({**entry, "id": name})
    return found
