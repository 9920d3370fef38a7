"""The pages, one blueprint each, and the shell around them."""

from typing import Final

from flask import Blueprint

from ccx_admin.pages import (
    bench,
    channels,
    clients,
    overview,
    request_detail,
    requests,
    sessions,
    settings,
    shell,
    usage,
)

PAGES: Final[tuple[Blueprint, ...]] = (
    shell.pages,
    overview.pages,
    requests.pages,
    request_detail.pages,
    channels.pages,
    sessions.pages,
    usage.pages,
    clients.pages,
    bench.pages,
    settings.pages,
)
