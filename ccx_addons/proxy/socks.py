"""Upstream proxies of a channel: tunnels through HTTP proxies (RFC 9110 section 9.3.6) and SOCKS5 (RFC 1928, 1929)."""

import base64
import ipaddress
from typing import Literal
from urllib.parse import unquote, urlsplit

from mitmproxy import connection
from mitmproxy.proxy import commands, layer, tunnel
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers import tls
from mitmproxy.proxy.layers.http._hooks import HttpConnectUpstreamHook
from mitmproxy.proxy.layers.http._upstream_proxy import HttpUpstreamProxy
from socksio import ProtocolError, SOCKSError, socks5

DEFAULT_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


def proxy_address(url: str) -> tuple[Literal["http", "https"], tuple[str, int]]:
    """A http or https proxy in the form mitmproxy's ``Server.via`` has."""
    parts = urlsplit(url)
    scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
    return scheme, (parts.hostname or "", parts.port or DEFAULT_PORTS[scheme])


class HttpTunnel(HttpUpstreamProxy):
    """mitmproxy's CONNECT, which logs in where the proxy's address names a user."""

    authorization: str = ""

    @classmethod
    def stack(cls, context: Context, url: str) -> tunnel.LayerStack:
        """The layers to the proxy itself: TLS for https, then the tunnel."""
        scheme, address = context.server.via = proxy_address(url)
        proxy = connection.Server(address=address)
        stack = tunnel.LayerStack()
        if scheme == "https":
            proxy.alpn_offers, proxy.sni = tls.HTTP1_ALPNS, address[0]
            stack /= tls.ServerTLSLayer(context, proxy)
        parts = urlsplit(url)
        login = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        connect = cls(context, proxy, send_connect=True)
        if parts.username:
            connect.authorization = "Basic " + base64.b64encode(login.encode()).decode()
        return stack / connect

    def start_handshake(self) -> layer.CommandGenerator[None]:
        for command in super().start_handshake():
            if isinstance(command, HttpConnectUpstreamHook) and self.authorization:
                command.flow.request.headers["proxy-authorization"] = self.authorization
            yield command


class Socks5Tunnel(tunnel.TunnelLayer):
    """Speaks SOCKS5 on ``tunnel_connection``; afterwards bytes pass. The proxy resolves the upstream's name."""

    def __init__(self, context: Context, proxy: connection.Server, user: str, password: str) -> None:
        super().__init__(context, tunnel_connection=proxy, conn=context.server)
        self.user, self.password = user.encode(), password.encode()
        self.socks = socks5.SOCKS5Connection()

    @classmethod
    def make(cls, context: Context, url: str) -> "Socks5Tunnel":
        parts = urlsplit(url)
        proxy = connection.Server(address=(parts.hostname or "", parts.port or DEFAULT_PORTS["socks5"]))
        return cls(context, proxy, unquote(parts.username or ""), unquote(parts.password or ""))

    def start_handshake(self) -> layer.CommandGenerator[None]:
        methods = [socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED]
        if self.user:
            methods.append(socks5.SOCKS5AuthMethod.USERNAME_PASSWORD)
        self.socks.send(socks5.SOCKS5AuthMethodsRequest(methods))
        yield from self._flush()

    def receive_handshake_data(self, data: bytes) -> layer.CommandGenerator[tuple[bool, str | None]]:
        try:
            event = self.socks.receive_data(data)
        except (ProtocolError, SOCKSError, ValueError) as error:
            return False, f"the SOCKS proxy does not speak SOCKS5: {error}"
        match event:
            case socks5.SOCKS5AuthReply(method=socks5.SOCKS5AuthMethod.NO_AUTH_REQUIRED):
                yield from self._connect()
            case socks5.SOCKS5AuthReply(method=socks5.SOCKS5AuthMethod.USERNAME_PASSWORD):
                self.socks.send(socks5.SOCKS5UsernamePasswordRequest(self.user, self.password))
                yield from self._flush()
            case socks5.SOCKS5AuthReply():
                return False, "the SOCKS proxy wants another way to log in"
            case socks5.SOCKS5UsernamePasswordReply(success=True):
                yield from self._connect()
            case socks5.SOCKS5UsernamePasswordReply():
                return False, "the SOCKS proxy refused the user name or password"
            case socks5.SOCKS5Reply(reply_code=socks5.SOCKS5ReplyCode.SUCCEEDED):
                return True, None
            case socks5.SOCKS5Reply():
                return False, f"the SOCKS proxy cannot connect: {event.reply_code.name.lower()}"
        return False, None

    def _connect(self) -> layer.CommandGenerator[None]:
        assert isinstance(self.conn, connection.Server) and self.conn.address
        host, port = self.conn.address[:2]
        self.socks.send(socks5.SOCKS5CommandRequest.from_address(socks5.SOCKS5Command.CONNECT, (_name(host), port)))
        yield from self._flush()

    def _flush(self) -> layer.CommandGenerator[None]:
        yield commands.SendData(self.tunnel_connection, self.socks.data_to_send())


def _name(host: str) -> str:
    """Names as IDNA, addresses as they are."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.encode("idna").decode()
