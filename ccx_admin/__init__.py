"""The panel: pages and the admin API. A process of its own behind the gateway's public port."""

import os
import secrets
import time
from collections.abc import Callable
from typing import Final

from flask import Flask

from ccx_addons.core.settings import Settings
from ccx_addons.io.place import place_of
from ccx_addons.io.store import Store
from ccx_admin import auth, change, writer
from ccx_admin.alerts.sender import EXTENSION as SENDER
from ccx_admin.alerts.sender import Sender
from ccx_admin.api import API, problem
from ccx_admin.bench import capability
from ccx_admin.clients import own
from ccx_admin.db import Reader
from ccx_admin.from_gateway import FromGateway
from ccx_admin.pages import PAGES
from ccx_admin.panel import EXTENSION, Panel
from ccx_admin.requests import live
from ccx_admin.shell import files

MAX_BODY: Final = 8 << 20
"""Bytes of a request to the panel: twice the largest ccx.yaml."""


def create_app(
    settings: Settings,
    store: Store | None = None,
    *,
    gateway_url: str = "",
    clock: Callable[[], float] = time.time,
    ack_wait: float = 1.5,
) -> Flask:
    """The application. ``store`` None: it opens its own, which raises StoreError when the place is unusable.

    ``gateway_url``: the gateway's public address, for replays and tests; empty: the variable CCX_GATEWAY_URL.
    """
    app = Flask(__name__, template_folder=".", static_url_path=f"/static/{files.version()}")
    app.config.update(
        SECRET_KEY=secrets.token_bytes(32),
        MAX_CONTENT_LENGTH=MAX_BODY,
        MAX_FORM_MEMORY_SIZE=MAX_BODY,
        SESSION_COOKIE_NAME="ccx_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        SEND_FILE_MAX_AGE_DEFAULT=files.KEPT,
        SOCK_SERVER_OPTIONS={"ping_interval": 20, "max_message_size": 64 << 10},
    )
    app.jinja_env.globals["modules"] = files.modules()
    app.json.sort_keys = False  # type: ignore[attr-defined]  # of the default provider
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    secret = os.environ.get("CCX_PANEL_SECRET", "")
    app.wsgi_app = FromGateway(app.wsgi_app, secret)  # type: ignore[method-assign,assignment]
    app.extensions[EXTENSION] = Panel(
        settings,
        Reader(place_of(settings)),
        store or writer.open_store(settings, os.environ.get("CCX_BOOT_ID", "")),
        (gateway_url or os.environ.get("CCX_GATEWAY_URL", "")).rstrip("/"),
        clock,
        ack_wait,
        os.environ.get("CCX_MITMWEB_URL", ""),
        os.environ.get("CCX_TEST_SECRET", ""),
    )
    app.extensions[capability.EXTENSION] = capability.Jobs()
    app.extensions[SENDER] = Sender(app.extensions[EXTENSION])
    problem.register(app)
    auth.register(app)
    for blueprint in (*API, *PAGES):
        app.register_blueprint(blueprint)
    live.register(app)
    own.register(app)
    app.after_request(change.tell_undo)
    return app
