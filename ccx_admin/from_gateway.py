"""The panel answers its own gateway and nobody else on the machine, and believes only it about who asks.

Both know a secret of this start, which the gateway sends with each request (ccx_addons/panel.py).
"""

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

type Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

SECRET: Final = "HTTP_X_CCX_GATEWAY"
FORWARDED: Final = ("HTTP_FORWARDED", "HTTP_X_FORWARDED")
"""How the names begin of everything that proxies say."""
REFUSAL: Final = b"This port is the gateway's own. Open the panel at the gateway's address.\n"


@dataclass(slots=True)
class FromGateway:
    """``secret`` empty: there is no gateway, each request is taken as it came, and nothing forwarded is believed."""

    app: Wsgi
    secret: str

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        told = {name: environ.pop(name) for name in list(environ) if name.startswith(FORWARDED)}
        environ["SCRIPT_NAME"] = told.get("HTTP_X_FORWARDED_PREFIX", "") if self.secret else ""
        given = environ.pop(SECRET, "")
        if self.secret:
            if not hmac.compare_digest(given.encode("latin-1"), self.secret.encode()):
                start("403 Forbidden", [("Content-Type", "text/plain"), ("Content-Length", str(len(REFUSAL)))])
                return [REFUSAL]
            environ["REMOTE_ADDR"] = told.get("HTTP_X_FORWARDED_FOR", "")
            environ["wsgi.url_scheme"] = told.get("HTTP_X_FORWARDED_PROTO", "http")
        return self.app(environ, start)
