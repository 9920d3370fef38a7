"""The admin API below /api, one blueprint for each area."""

from typing import Final

from flask import Blueprint

from ccx_admin.alerts.api import alerts
from ccx_admin.api.status import status
from ccx_admin.bench.capability_api import capability
from ccx_admin.bench.playground_api import playground
from ccx_admin.channels.api import channels
from ccx_admin.channels.keys import keys
from ccx_admin.channels.routing import routing
from ccx_admin.clients.api import clients
from ccx_admin.machines.api import api as machines
from ccx_admin.mirrors.api import mirrors
from ccx_admin.requests.api import requests
from ccx_admin.requests.live import live
from ccx_admin.requests.saved import views
from ccx_admin.settings.api import settings
from ccx_admin.usage.api import figures

API: Final[tuple[Blueprint, ...]] = (
    status,
    channels,
    capability,
    playground,
    keys,
    clients,
    requests,
    figures,
    mirrors,
    routing,
    settings,
    live,
    views,
    alerts,
    machines,
)
