import logging
import shutil
import socket
import ssl
import threading
from pathlib import Path

import pytest

from ccx_addons.core.settings import Settings
from ccx_addons.processes.certificate import Renewal
from ccx_addons.proxy.listener import server_tls
from tests.patience import PATIENCE
from tests.proxy import certificates


def names(context: ssl.SSLContext) -> set[str]:
    """The names in the certificate that a client is shown."""
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with context.wrap_socket(theirs, server_side=True) as served:
            served.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    with client.wrap_socket(ours) as shown:
        found = shown.getpeercert(binary_form=True) or b""
        shown.send(b"x")
    thread.join(PATIENCE)
    return {name for name in ("old.example", "new.example") if name.encode() in found}


@pytest.fixture
def renewal(tmp_path: Path) -> Renewal:
    certificates.issue(tmp_path, "old.example")
    settings = Settings(tls_cert_file=str(tmp_path / "cert.pem"), tls_key_file=str(tmp_path / "key.pem"))
    return Renewal(server_tls(settings.tls_cert_file, settings.tls_key_file), settings)


def test_a_renewed_certificate_is_shown_from_then_on(renewal: Renewal, tmp_path: Path) -> None:
    assert not renewal.look() and names(renewal.context) == {"old.example"}
    certificates.issue(tmp_path, "new.example")
    assert renewal.look() and names(renewal.context) == {"new.example"}
    assert not renewal.look()


@pytest.mark.parametrize("half", ["cert.pem", "key.pem"])
def test_half_of_a_pair_waits_for_the_other(
    renewal: Renewal, tmp_path: Path, half: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "new").mkdir()
    certificates.issue(tmp_path / "new", "new.example")
    shutil.copy(tmp_path / "new" / half, tmp_path)
    with caplog.at_level(logging.WARNING):
        assert not renewal.look()
    assert "cannot be used yet" in caplog.text and names(renewal.context) == {"old.example"}
    for name in ("cert.pem", "key.pem"):
        shutil.copy(tmp_path / "new" / name, tmp_path)
    assert renewal.look() and names(renewal.context) == {"new.example"}


def test_a_file_that_is_away_for_a_moment(renewal: Renewal, tmp_path: Path) -> None:
    (tmp_path / "cert.pem").unlink()
    assert not renewal.look() and names(renewal.context) == {"old.example"}
