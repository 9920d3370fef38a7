"""TLS towards upstreams: verification and trusted certificates per channel."""

import ipaddress
import logging
from typing import Final

from mitmproxy.net import tls as net_tls
from mitmproxy.tls import TlsData
from OpenSSL import SSL

from ccx_addons.proxy.layer import UPSTREAMS

log: Final = logging.getLogger("ccx")

PARTIAL_WILDCARDS_NEVER: Final = 0x4 | 0x20
"""X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS and X509_CHECK_FLAG_NEVER_CHECK_SUBJECT."""


class UpstreamTls:
    """Builds the TLS connection of an attempt. A bad certificate fails before any byte of the request is sent."""

    def tls_start_server(self, data: TlsData) -> None:
        upstream = UPSTREAMS.get(data.conn.id) or UPSTREAMS.get(data.context.server.id)
        verify = upstream.verify_tls if upstream else True
        ca_file = upstream.ca_file if upstream else None
        if not data.conn.alpn_offers:
            data.conn.alpn_offers = [b"http/1.1"]
        try:
            context = net_tls.create_proxy_server_context(
                method=net_tls.Method.TLS_CLIENT_METHOD,
                min_version=net_tls.Version.TLS1_2,
                max_version=net_tls.Version.UNBOUNDED,
                cipher_list=None,
                ecdh_curve=None,
                verify=net_tls.Verify.VERIFY_PEER if verify else net_tls.Verify.VERIFY_NONE,
                ca_path=None,
                ca_pemfile=ca_file,
                client_cert=None,
                legacy_server_connect=not verify,
            )
        except RuntimeError as error:  # mitmproxy closes the connection when it gets no context
            log.error("no TLS to %s: %s", data.conn.sni, error)
            return
        ssl = SSL.Connection(context)
        assert data.conn.sni
        _expect_name(ssl, data.conn.sni)
        ssl.set_alpn_protos(list(data.conn.alpn_offers))
        ssl.set_connect_state()
        data.ssl_conn = ssl


def _expect_name(ssl: SSL.Connection, name: str) -> None:
    """Sends the name (not for addresses, RFC 6066 section 3) and makes OpenSSL compare the certificate with it."""
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        host = name.encode("idna")
        ssl.set_tlsext_host_name(host)
        _expect(ssl, host, None)
    else:
        _expect(ssl, None, address.packed)


def _expect(ssl: SSL.Connection, host: bytes | None, address: bytes | None) -> None:
    lib = SSL._lib  # type: ignore[attr-defined]  # pyOpenSSL has no public call for host verification
    param = lib.SSL_get0_param(ssl._ssl)
    lib.X509_VERIFY_PARAM_set_hostflags(param, PARTIAL_WILDCARDS_NEVER)
    if host is not None:
        ok = lib.X509_VERIFY_PARAM_set1_host(param, host, len(host))
    else:
        assert address is not None
        ok = lib.X509_VERIFY_PARAM_set1_ip(param, address, len(address))
    if ok != 1:
        raise ValueError("OpenSSL refused the upstream's name")
