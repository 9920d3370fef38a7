"""The admin API below /api, one blueprint for each area."""

from typing import Final

from flask import Blueprint

from ccx_admin.api.capability import capability
from ccx_admin.api.channels import channels
from ccx_admin.api.clients import clients
from ccx_admin.api.keys import keys
from ccx_admin.api.playground import playground
from ccx_admin.api.requests import requests
from ccx_admin.api.routing import routing
from ccx_admin.api.settings import settings
from ccx_admin.api.stats import figures
from ccx_admin.api.status import status
from ccx_admin.live import live

API: Final[tuple[Blueprint, ...]] = (
    status,
    channels,
    capability,
    playground,
    keys,
    clients,
    requests,
    figures,
    routing,
    settings,
    live,
)
