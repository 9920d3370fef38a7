"""Single sign-on by OpenID Connect: authorization code with PKCE (openid.net/specs/openid-connect-core-1_0.html).

What was asked for, and of whom, waits in a cookie of its own, because the session's cookie does not come along from
another site. For the same reason the last answer is a page that leads on by itself, not a redirect.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from flask import Blueprint, current_app, make_response, redirect, render_template, request, url_for
from itsdangerous import BadSignature, URLSafeTimedSerializer
from werkzeug.wrappers import Response

from ccx_addons.core.errors import CcxError
from ccx_addons.core.settings import Settings
from ccx_addons.core.urls import is_local
from ccx_addons.io import answers, outward
from ccx_admin.access import users
from ccx_admin.api.problem import Failure
from ccx_admin.auth import begin, inside
from ccx_admin.panel import panel

pages: Final = Blueprint("sso", __name__)

COOKIE: Final = "ccx_sso"
LIFE: Final = 600
"""Seconds that somebody may take to log in there."""
LONGEST: Final = 1_000
"""Characters of where to go afterwards: browsers forget cookies of more than 4 kB."""
SIGNATURES: Final = frozenset({"EdDSA", *(f"{way}{bits}" for way in ("RS", "PS", "ES") for bits in (256, 384, 512))})
"""Those by a key that only the provider has."""
DISCOVERY: Final = "/.well-known/openid-configuration"
LEEWAY: Final = 120
MISSING: Final = "single sign-on needs one package more: pip install 'ccx[oidc]'"


class SignOnFailed(CcxError):
    """The provider did not say who it is. The message is safe to show."""


@dataclass(frozen=True, slots=True)
class Provider:
    """What the discovery document says."""

    issuer: str
    authorization: str
    token: str
    keys: str
    signatures: tuple[str, ...]
    by_post: bool
    """The client's secret goes into the body, not into a header."""


def discovered(settings: Settings) -> Provider:
    """Raises SignOnFailed."""
    issuer = settings.oidc_issuer.rstrip("/")
    found = _asked("GET", issuer + DISCOVERY)
    try:
        if str(found["issuer"]).rstrip("/") != issuer:
            raise SignOnFailed("the provider calls itself by another name than OIDC_ISSUER")
        offered = found.get("id_token_signing_alg_values_supported") or ["RS256"]
        methods = found.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        return Provider(
            issuer=str(found["issuer"]),
            authorization=str(found["authorization_endpoint"]),
            token=str(found["token_endpoint"]),
            keys=str(found["jwks_uri"]),
            signatures=tuple(sorted(SIGNATURES & set(offered))),
            by_post="client_secret_basic" not in methods,
        )
    except (KeyError, TypeError):
        raise SignOnFailed("what the provider says of itself is not complete") from None


def _asked(method: str, url: str, **more: Any) -> Mapping[str, Any]:
    if not url.startswith("https://") and not is_local(httpx.URL(url).host):
        raise SignOnFailed("an address of the provider is not https")
    try:
        with answers.client(outward.client_context(None), outward.environment().proxy_for(url)) as client:
            answer = answers.ask(client, method, url, **more)
        found = answer.json()
    except (httpx.HTTPError, ValueError, OSError) as error:
        raise SignOnFailed(f"the provider cannot be asked: {type(error).__name__}") from None
    if answer.status != 200 or not isinstance(found, dict):
        word = str(found.get("error", ""))[:60] if isinstance(found, dict) else ""
        raise SignOnFailed(f"the provider answered {answer.status} {word}".rstrip())
    return found


def exchanged(settings: Settings, provider: Provider, code: str, verifier: str, back: str) -> Mapping[str, Any]:
    """Code -> tokens. Raises SignOnFailed."""
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
    login = {"client_id": settings.oidc_client_id, "client_secret": settings.oidc_client_secret}
    if provider.by_post or not settings.oidc_client_secret:
        return _asked("POST", provider.token, data=form | {name: value for name, value in login.items() if value})
    return _asked("POST", provider.token, data=form, auth=tuple(login.values()))


def claims_of(settings: Settings, provider: Provider, tokens: Mapping[str, Any], nonce: str) -> Mapping[str, Any]:
    """What a valid ID token says. Raises SignOnFailed."""
    try:
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet
        from joserfc.jws import JWSRegistry
    except ImportError:
        raise SignOnFailed(MISSING) from None
    expected = {"iss": provider.issuer, "aud": settings.oidc_client_id}
    options = {name: {"essential": True, "value": value} for name, value in expected.items()}
    given = {"nonce": nonce, "client_id": settings.oidc_client_id, "access_token": tokens.get("access_token")}
    try:
        keys = KeySet.import_key_set(dict(_asked("GET", provider.keys)))  # type: ignore[arg-type]
        registry = JWSRegistry(algorithms=list(provider.signatures), strict_check_header=False)
        signed = jwt.decode(str(tokens.get("id_token", "")), keys, registry=registry)
        claims = CodeIDToken(signed.claims, signed.header, options, given)
        claims.validate(leeway=LEEWAY)
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise SignOnFailed(f"the provider's ID token is not valid: {type(error).__name__}") from None
    return dict(claims)


def person(settings: Settings, claims: Mapping[str, Any]) -> str:
    """The name under which somebody stands in ``users``. Raises SignOnFailed."""
    name = claims.get(settings.oidc_claim)
    if not isinstance(name, str) or not name.strip():
        raise SignOnFailed(f"the provider says no {settings.oidc_claim} (OIDC_CLAIM)")
    if settings.oidc_claim == "email" and claims.get("email_verified", True) not in (True, "true"):
        raise SignOnFailed("the provider has not verified this email address")
    return name.strip()


# ---- the two pages ---------------------------------------------------------------------------------------------------
def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="sso")


def _back() -> str:
    return url_for("sso.back", _external=True)


def _path() -> str:
    return (request.script_root or "") + "/login"


@pages.get("/login/sso")
def away() -> Response:
    """To the provider. The state, the nonce, the verifier and who was asked wait in a signed cookie."""
    settings = panel().settings
    if not settings.oidc_issuer:
        raise Failure(404, "Not found", "OIDC_ISSUER is not set")
    try:
        provider = discovered(settings)
    except SignOnFailed as error:
        raise _refused(str(error)) from None
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code", "client_id": settings.oidc_client_id, "redirect_uri": _back(), "state": state,
        "scope": "openid email profile", "nonce": nonce, "code_challenge": challenge, "code_challenge_method": "S256",
    }  # fmt: skip
    answer = redirect(provider.authorization + ("&" if "?" in provider.authorization else "?") + urlencode(query), 303)
    target = request.args.get("next", "/")[:LONGEST]
    value = _signer().dumps([state, nonce, verifier, target, asdict(provider)])
    answer.set_cookie(COOKIE, value, LIFE, path=_path(), httponly=True, samesite="Lax", secure=request.is_secure)
    return answer


@pages.get("/login/sso/back")
def back() -> Response:
    settings = panel().settings
    try:
        state, nonce, verifier, target, asked = _signer().loads(request.cookies.get(COOKIE, ""), max_age=LIFE)
    except BadSignature:
        raise _refused("it took too long, or was begun in another browser") from None
    if not hmac.compare_digest(request.args.get("state", "").encode(), state.encode()):
        raise _refused("the answer belongs to another login")
    if error := request.args.get("error"):
        raise _refused(f"the provider says {error[:60]}")
    try:
        provider = Provider(**asked)
        tokens = exchanged(settings, provider, request.args.get("code", ""), verifier, _back())
        claims = claims_of(settings, provider, tokens, nonce)
        user = users.signed_on(panel(), person(settings, claims))
    except SignOnFailed as error:
        raise _refused(str(error)) from None
    if user is None:
        raise _refused(f"nobody of that name is among the users of ccx.yaml ({settings.oidc_claim})")
    begin(user, " by single sign-on")
    answer = make_response(render_template("access/welcome.html", target=request.script_root + inside(target)))
    answer.delete_cookie(COOKIE, _path())
    return answer


def _refused(words: str) -> Failure:
    panel().store.put_event("warning", "login", f"single sign-on failed from {request.remote_addr or ''}: {words}")
    return Failure(403, "Single sign-on failed", words)
