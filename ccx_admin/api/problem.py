"""Errors of the API as problem details (RFC 9457), and of pages as a page."""

import logging
from dataclasses import asdict
from typing import Any, Final

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException

from ccx_addons.core.errors import CcxError, ConfigErrors, StoreError
from ccx_addons.io.files import FORESEEN, FULL, cannot
from ccx_addons.io.versions import RevisionConflict
from ccx_admin import change
from ccx_admin.db import DatabaseUnavailable
from ccx_admin.i18n import told
from ccx_admin.panel import panel

log: Final = logging.getLogger("ccx")

TYPE: Final = "application/problem+json"


class Failure(Exception):
    """Answered with ``status`` and a sentence for the user. ``more``: further members of the problem."""

    def __init__(self, status: int, title: str, detail: str = "", **more: Any) -> None:
        super().__init__(detail or title)
        self.status, self.title, self.detail, self.more = status, title, detail, more
        self.headers: dict[str, str] = {}


def not_found(what: str, name: str) -> Failure:
    return Failure(404, "Not found", f"there is no {what} {name[:100]!r}")


def invalid(detail: str, **more: Any) -> Failure:
    return Failure(422, "Invalid value", detail, **more)


def failure_of(error: Exception) -> Failure:
    """Any exception as what may be told."""
    match error:
        case Failure():
            return error
        case RevisionConflict():
            return Failure(409, "Changed meanwhile", str(error), **change.sides(error))
        case ConfigErrors():
            problems = [{**asdict(p), "message": masked(p.message), "path": masked(p.path)} for p in error.problems]
            return Failure(422, "The configuration is not valid", masked(str(error))[:2000], problems=problems)
        case DatabaseUnavailable():
            return Failure(503, "The database cannot be read", str(error))
        case StoreError():
            return Failure(503, "The database is away", f"nothing was changed: {masked(str(error))}")
        case OSError(errno=number, filename=str(path)) if number in FORESEEN:
            status = 507 if number in FULL else 503
            return Failure(status, "A file cannot be written", f"nothing was changed: {cannot(path, error)}")
        case CcxError():
            return Failure(400, "Not possible", masked(str(error)))
        case HTTPException():
            failure = Failure(error.code or 500, error.name, error.description or "")
            failure.headers = {
                n: v for n, v in error.get_headers() if n.lower() in ("allow", "retry-after", "location")
            }
            return failure
    log.error("the panel failed at %s %s", request.method, request.path, exc_info=error)
    return Failure(500, "Internal error", "the panel failed; its log says why")


def masked(text: str) -> str:
    """Words about ccx.yaml without the secrets of the file."""
    return panel().secrets().clean(text)


def answer(failure: Failure) -> Response:
    """The problem as JSON below /api, as a page elsewhere."""
    if request.path.startswith("/api"):
        body = {"type": "about:blank", "title": told(failure.title), "status": failure.status}
        if failure.detail:
            body["detail"] = told(failure.detail)
        response = jsonify({**body, **failure.more})
        response.content_type = TYPE
    else:
        page = render_template("shell/error.html", failure=failure)
        response = Response(page, content_type="text/html; charset=utf-8")
    response.status_code = failure.status
    response.headers.extend(failure.headers)
    return response


def handle(error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.code is not None and error.code < 400:
        return error.get_response()  # type: ignore[return-value]  # werkzeug's Response is what Flask sends
    return answer(failure_of(error))


def register(app: Flask) -> None:
    app.register_error_handler(Exception, handle)
