"""The recipes of config/cluster: two gateways and Valkey behind a real load balancer, as a client sees them."""

import asyncio
import itertools
import json
import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import kubernetes_validate
import pytest
import yaml
from compose_spec import PyCompose

from ccx_addons.core import endpoints
from ccx_addons.core.settings import Settings
from tests.io.meeting.rooms import Server, redis_binary
from tests.patience import PATIENCE, wait_for
from tests.wire.program import ROOT, Fake, Program, channel, free_port, running_program
from tests.wire.proxies import listens, program_of, start

FOLDER = ROOT / "config" / "cluster"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
MANIFESTS: list[dict[str, Any]] = list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text()))
NAMES = {entry.metadata["name"] for entry in fields(Settings)} | {"CCX_ENV_FILE"}
KEY = "client-key-of-the-cluster-0123"
LIMIT = 10
pytestmark = pytest.mark.timeout(300)
"""Two gateways start for each test, and a busy machine takes its time."""


# ---- what is written in them -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", [ROOT / "compose.yaml", FOLDER / "compose.yaml"], ids=str)
def test_compose_files_are_what_the_specification_allows(path: Path) -> None:
    PyCompose.from_json(json.dumps(yaml.safe_load(path.read_text()))).validate()


@pytest.mark.parametrize("version", ["1.30", "1.37"])
@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda each: f"{each['kind']} {each['metadata']['name']}")
def test_manifests_are_what_kubernetes_takes(manifest: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(manifest, version, strict=True)


def test_the_compose_file_names_settings_services_and_volumes_that_are_there() -> None:
    services = COMPOSE["services"]
    gateways = [service for name, service in services.items() if name.startswith("gateway")]
    assert len(gateways) == 2
    for gateway in gateways:
        environment = gateway["environment"]
        assert environment.keys() <= NAMES
        settings = Settings.read(environment)
        for url in (settings.ccx_valkey_url, settings.ccx_database_url):
            assert urlsplit(re.sub(r"\$\{.*?\}", "secret", url)).hostname in gateway["depends_on"]
        for volume in gateway["volumes"]:
            name, inside, *_ = volume.split(":")
            assert inside.startswith("/app/") and name in COMPOSE["volumes"]
    for number in range(2):
        assert len({gateway["volumes"][number] for gateway in gateways}) == 2, "of their own"
    assert len({gateway["environment"]["CCX_MACHINE"] for gateway in gateways}) == 2
    for service in services.values():
        assert set(service.get("depends_on", ())) <= services.keys()
    asked = re.findall(r"server \S+ (\S+):3000", (FOLDER / "haproxy.cfg").read_text())
    assert asked == [name for name in services if name.startswith("gateway")] == services["balancer"]["depends_on"]


def test_the_manifests_name_settings_ports_and_paths_that_are_there() -> None:
    kinds = {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in MANIFESTS}
    pod = kinds["StatefulSet", "ccx"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environment = {row["name"]: row.get("value", "of the pod") for row in container["env"]}
    told = re.findall(r"from-literal='?(\w+)=", (FOLDER / "kubernetes.yaml").read_text())
    settings = Settings.read(
        {**dict.fromkeys(told, "postgresql://secret"), **environment, "PROXY_ACCESS_KEY": "another"}
    )
    assert {*environment, *told} <= NAMES and ("Service", urlsplit(settings.ccx_valkey_url).hostname) in kinds
    assert pod["terminationGracePeriodSeconds"] > settings.shutdown_grace + 10, "streams may end"
    ports = {port["name"] for port in container["ports"]}
    for probe in ("readinessProbe", "livenessProbe"):
        assert endpoints.find("GET", container[probe]["httpGet"]["path"])
        assert container[probe]["httpGet"]["port"] in ports
    volumes = {volume["name"] for volume in pod["volumes"]}
    volumes |= {claim["metadata"]["name"] for claim in kinds["StatefulSet", "ccx"]["spec"]["volumeClaimTemplates"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    for manifest in MANIFESTS:
        spec = manifest["spec"]
        if manifest["kind"] in ("StatefulSet", "Deployment"):
            labels = spec["template"]["metadata"]["labels"]
            assert spec["selector"]["matchLabels"] == labels
            selectors = [other["spec"]["selector"] for other in MANIFESTS if other["kind"] == "Service"]
            assert labels in selectors


def test_the_engine_keeps_nothing_and_throws_nothing_away() -> None:
    (of_pod,) = [m["spec"]["template"]["spec"] for m in MANIFESTS if m["kind"] == "Deployment"]
    for command in (COMPOSE["services"]["valkey"]["command"], of_pod["containers"][0]["args"]):
        words = " ".join(command)
        assert "--maxmemory-policy noeviction" in words and "--appendonly no" in words


# ---- how it runs -----------------------------------------------------------------------------------------------------
@pytest.fixture
def cluster(fake: Fake, tmp_path: Path) -> Iterator[tuple[str, list[Program]]]:
    """The balancer's address, and the gateways. Only addresses are those of the test."""
    engine = Server(redis_binary(), tmp_path, *COMPOSE["services"]["valkey"]["command"][1:])
    asyncio.run(engine.start())
    clients = [{"name": "alice", "key": KEY, "limits": {"rpm": LIMIT}}, {"name": "bob", "key": f"{KEY}-bob"}]
    env = {"WORKERS": "2", "CCX_VALKEY_URL": engine.url, "CCX_VALKEY_WAIT": "10", "TRUSTED_PROXIES": "127.0.0.0/8"}
    folders = [tmp_path / name for name in ("gateway-1", "gateway-2")]
    for folder in folders:
        folder.mkdir()
    port = free_port()
    with (
        running_program(folders[0], channel("a", fake.url, "chat"), clients=clients, env=env) as one,
        running_program(folders[1], channel("a", fake.url, "chat"), clients=clients, env=env) as two,
    ):
        asyncio.run(engine.ripen())
        recipe = (FOLDER / "haproxy.cfg").read_text().replace("bind :8080", f"bind 127.0.0.1:{port}")
        # Every client of the test has the same address: they are spread as clients of many would be.
        recipe = recipe.replace("balance source", "balance hdr(x-client)")
        for name, program in zip(("gateway-1", "gateway-2"), (one, two), strict=True):
            recipe = recipe.replace(f"{name}:3000", urlsplit(program.url).netloc)
        (tmp_path / "haproxy.cfg").write_text(recipe)
        process = start([program_of("haproxy"), "-f", str(tmp_path / "haproxy.cfg")], {}, tmp_path / "haproxy.log")
        try:
            wait_for(lambda: listens(port))
            yield f"http://127.0.0.1:{port}", [one, two]
        finally:
            process.terminate()
            process.wait(PATIENCE)
            engine.stop()


def statuses(url: str, key: str, count: int) -> Counter[int]:
    async def one(n: int) -> int:
        async with httpx.AsyncClient() as http:
            headers = {"authorization": f"Bearer {key}", "x-client": f"client {n}"}
            body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}
            return (await http.post(f"{url}/v1/chat/completions", json=body, headers=headers)).status_code

    async def all_of_them() -> Counter[int]:
        return Counter(await asyncio.gather(*(one(n) for n in range(count))))

    return asyncio.run(all_of_them())


def test_one_address_one_limit_and_a_machine_that_goes(cluster: tuple[str, list[Program]]) -> None:
    url, programs = cluster
    assert statuses(url, KEY, 2 * LIMIT) == {200: LIMIT, 429: LIMIT}
    assert statuses(url, f"{KEY}-bob", 20) == {200: 20}
    for program in programs:  # both were asked
        wait_for(lambda program=program: len(program.rows()) > 3)
    programs[0].stop()
    assert statuses(url, f"{KEY}-bob", 20) == {200: 20}, "the other one answers"
    assert programs[1].process.poll() is None


def kill(program: Program) -> None:
    """As when a machine loses its power: all of its processes at once, and nobody who would start them again."""
    supervisor = program.process.pid
    workers = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in (supervisor, *map(int, workers)):
            os.kill(pid, number)
    program.process.wait(PATIENCE)


def leave(program: Program) -> None:
    program.stop()


@pytest.mark.parametrize(("end", "most"), [(leave, 0), (kill, 2)])
def test_a_gateway_that_goes_takes_what_it_was_doing_with_it_and_nothing_else(
    cluster: tuple[str, list[Program]], end: Callable[[Program], None], most: int
) -> None:
    """One after the other by eight clients; ``most``: failures of each one of them, what it was
    waiting for and what reached the machine in the moment of its fall."""
    url, programs = cluster
    over, found = threading.Event(), list[Counter[int]]()
    body = {"model": "gpt-fake-slow=0.05", "messages": [{"role": "user", "content": "hello"}]}

    def client(name: int) -> None:
        seen = Counter[int]()
        with httpx.Client() as http:
            for n in itertools.count():
                if over.is_set() and n >= 10:
                    break
                headers = {"authorization": f"Bearer {KEY}-bob", "x-client": f"{name} {n}"}
                try:
                    seen[http.post(f"{url}/v1/chat/completions", json=body, headers=headers).status_code] += 1
                except httpx.RemoteProtocolError:  # the balancer lets the client decide
                    seen[0] += 1
        found.append(seen)

    clients = [threading.Thread(target=client, args=(name,)) for name in range(8)]
    for thread in clients:
        thread.start()
    rows = "select 1 from requests limit 1 offset 10"
    wait_for(lambda: all(program.query(rows) for program in programs))
    end(programs[0])
    before = len(programs[1].query("select 1 from requests"))
    wait_for(lambda: len(programs[1].query("select 1 from requests")) > before + 20)
    over.set()
    for thread in clients:
        thread.join()
    assert all(seen.total() - seen[200] <= most for seen in found) and len(found) == 8, found
