"""Real reverse proxies in front of the gateway, with the recipes of the config folder."""

import contextlib
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from scripts import fronts
from tests.patience import PATIENCE, wait_for
from tests.proxy import certificates
from tests.wire.program import ROOT, Program, free_port

NAMES = ("ccx.example.com", "example.com")
FROM = "127.0.0.2"
"""Where the browsers of these tests sit."""
NGINX = """\
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
    access_log off; types {{}} default_type text/plain;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {recipe}
}}
"""
CADDY = """\
{{
    admin off
    auto_https disable_redirects
}}
{recipe}
"""
APACHE = """\
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
{modules}
{recipe}
"""
APACHE_NEEDS = ("mpm_event", "authz_core", "reqtimeout", "ssl", "http2", "headers", "proxy", "proxy_http")
APACHE_MODULES = (
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/opt/homebrew/lib/httpd/modules",
    "/usr/libexec/apache2",
)


@dataclass(frozen=True)
class Front:
    """``host``: the site's name and port; ``prefix``: the path below which the gateway is."""

    host: str
    port: int
    prefix: str
    trust: ssl.SSLContext
    program: Program

    @property
    def origin(self) -> str:
        return f"https://{self.host}"

    def browser(self) -> httpx.Client:
        """Asks the site by its name wherever that is; its cookies follow the rules of cookies."""
        transport = _Here(verify=self.trust, local_address=FROM)
        return httpx.Client(base_url=self.origin, mounts={"all://": transport}, trust_env=False)

    def socket(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), 10, (FROM, 0))


class _Here(httpx.HTTPTransport):
    """Every name is this machine."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(host="127.0.0.1")
        names = {**request.extensions, "sni_hostname": request.url.host}
        return super().handle_request(
            httpx.Request(request.method, url, headers=request.headers, stream=request.stream, extensions=names)
        )


def program_of(name: str) -> str:
    found = fronts.find(name)
    assert found, "scripts/test brings it"
    return found


@contextlib.contextmanager
def running_front(kind: str, prefix: str, program: Program, folder: Path) -> Iterator[Front]:
    """A proxy with its recipe; only addresses and certificates are those of the test."""
    port = free_port()
    ca_file = certificates.issue(folder, *NAMES).ca_file
    recipe, command = RECIPES[kind](folder, port)
    (folder / kind).write_text(recipe.replace("127.0.0.1:3000", urlsplit(program.url).netloc))
    environ = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    process = start(command, environ, folder / "front.log")
    try:
        wait_for(lambda: listens(port))
        name = NAMES[1] if prefix else NAMES[0]
        yield Front(f"{name}:{port}", port, prefix, ssl.create_default_context(cafile=ca_file), program)
    finally:
        process.terminate()
        process.wait(PATIENCE)


def start(command: list[str], environ: Mapping[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as out:
        return subprocess.Popen(command, env=dict(environ), stdout=out, stderr=out)


def recipe_of(name: str, here: Mapping[str, str]) -> str:
    """A recipe as users have it, but for places of this test."""
    recipe = (ROOT / "config" / name).read_text()
    for known, place in here.items():
        assert known in recipe
        recipe = recipe.replace(known, place)
    return recipe


def certificate(folder: Path) -> dict[str, str]:
    return {"/etc/ssl/ccx.pem": f"{folder}/cert.pem", "/etc/ssl/ccx.key": f"{folder}/key.pem"}


def nginx(folder: Path, port: int) -> tuple[str, list[str]]:
    recipe = recipe_of("nginx.conf", {"listen 443": f"listen 127.0.0.1:{port}", **certificate(folder)})
    text = NGINX.format(folder=folder, recipe=recipe)
    return text, [program_of("nginx"), "-c", str(folder / "nginx"), "-p", str(folder), "-e", str(folder / "error.log")]


def caddy(folder: Path, port: int) -> tuple[str, list[str]]:
    tls = f"tls {folder}/cert.pem {folder}/key.pem\n\tbind 127.0.0.1"
    sites = {f"\n{name} {{\n": f"\nhttps://{name}:{port} {{\n\t{tls}\n" for name in NAMES}
    text = CADDY.format(recipe=recipe_of("Caddyfile", sites))
    return text, [program_of("caddy"), "run", "--config", str(folder / "caddy"), "--adapter", "caddyfile"]


def haproxy(folder: Path, port: int) -> tuple[str, list[str]]:
    both = folder / "both.pem"
    both.write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    here = {"bind :443": f"bind 127.0.0.1:{port}", "/etc/ssl/ccx-with-key.pem": str(both)}
    recipe = recipe_of("haproxy.cfg", here)
    return recipe, [program_of("haproxy"), "-f", str(folder / "haproxy")]


def apache(folder: Path, port: int) -> tuple[str, list[str]]:
    recipe = recipe_of("apache.conf", {"*:443": f"127.0.0.1:{port}", **certificate(folder)})
    modules = next(path for name in APACHE_MODULES if (path := Path(name)).is_dir())
    loaded = "\n".join(
        f"LoadModule {name}_module {modules}/mod_{name}.so"
        for name in APACHE_NEEDS
        if (modules / f"mod_{name}.so").exists()  # else it is built in
    )
    text = APACHE.format(folder=folder, port=port, modules=loaded, recipe=recipe)
    return text, [program_of("apache2"), "-X", "-f", str(folder / "apache")]


RECIPES: Final = {"nginx": nginx, "caddy": caddy, "haproxy": haproxy, "apache": apache}


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False
