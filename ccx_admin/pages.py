"""The pages, one blueprint each, and the shell around them."""

from typing import Final

from flask import Blueprint

from ccx_admin.access import oidc
from ccx_admin.alerts import page as alerts
from ccx_admin.bench import page as bench
from ccx_admin.channels import page as channels
from ccx_admin.clients import own
from ccx_admin.clients import page as clients
from ccx_admin.machines import page as machines
from ccx_admin.mirrors import page as mirrors
from ccx_admin.overview import page as overview
from ccx_admin.requests import compare
from ccx_admin.requests import detail as request_detail
from ccx_admin.requests import page as requests
from ccx_admin.sessions import page as sessions
from ccx_admin.settings import page as settings
from ccx_admin.shell import page as shell
from ccx_admin.usage import page as usage

PAGES: Final[tuple[Blueprint, ...]] = (
    shell.pages,
    oidc.pages,
    overview.pages,
    requests.pages,
    request_detail.pages,
    compare.pages,
    channels.pages,
    mirrors.pages,
    sessions.pages,
    usage.pages,
    clients.pages,
    own.pages,
    bench.pages,
    settings.pages,
    alerts.pages,
    machines.pages,
)
