"""Two machines with one database: each tells how it is, and an edit made on one reaches the other."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.patience import wait_for
from tests.postgres import Server, running_postgres
from tests.wire.program import ADMIN_KEY, ROOT, Fake, Program, channel, running_program

ADMIN = {"authorization": f"Bearer {ADMIN_KEY}"}
BODY = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}

pytestmark = pytest.mark.timeout(300)
"""Two gateways start, and a busy machine takes its time."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Of this module alone: it is stopped."""
    with running_postgres() as found:
        yield found


@pytest.fixture(scope="module")
def pair(fake: Fake, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Program]]:
    url = server.empty()
    shared = {"WORKERS": "2", "CCX_DATABASE_URL": url, "CCX_CONFIG_FROM": "database", "UPSTREAM_KEY": "good-key"}
    shared["CCX_CONFIG_SECRET"] = "a-secret-of-all-machines"
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    first = {"CCX_MACHINE": "one", "ONLY_HERE": "words"}
    with running_program(folders[0], channel("a", fake.url, "chat"), env=shared | first, panel=True) as one:
        wait_for(lambda: "one" in machines(one))
        with running_program(folders[1], env=shared | {"CCX_MACHINE": "two"}, panel=True) as two:
            wait_for(lambda: in_step(one))
            yield [one, two]


def machines(program: Program) -> dict[str, dict[str, Any]]:
    answer = httpx.get(f"{program.url}/api/machines", headers=ADMIN)
    return {each["name"]: each for each in answer.json()["machines"]} if answer.status_code == 200 else {}


def in_step(program: Program) -> bool:
    found = machines(program)
    return len(found) >= 2 and all(each["state"] == "newest" for each in found.values())


def is_fresh(found: dict[str, dict[str, Any]]) -> bool:
    """Each was heard of just now, and its clock was read in no time."""
    return all(abs(each["offset"]) < 2 and not each["silent"] for each in found.values())


def text_of(program: Program) -> str:
    return (program.folder / "ccx.yaml").read_text()


def page_of(program: Program) -> str:
    with httpx.Client(base_url=program.url, headers={"origin": program.url}, follow_redirects=True) as tab:
        found = re.search(r'name="csrf_token" value="([^"]+)"', tab.get("/login").text)
        assert found
        tab.post("/login", data={"key": ADMIN_KEY, "csrf_token": found[1]})
        return tab.get("/settings/machines").text


def put(program: Program, path: str, body: Any, method: str = "PATCH") -> httpx.Response:
    return httpx.request(method, f"{program.url}/api/{path}", json=body, headers=ADMIN)


def test_each_machine_tells_how_it_is(pair: list[Program]) -> None:
    for program, name in zip(pair, ("one", "two"), strict=True):
        found = wait_for(lambda program=program: is_fresh(found := machines(program)) and found)
        assert {each: found[each]["own"] for each in found} == {"one": name == "one", "two": name == "two"}
        assert all(each["workers"] == 2 and not each["engines"] for each in found.values())
        assert all(each["differs"] == [] for each in found.values())


def test_what_workers_tell_each_other_stays_on_their_machine(pair: list[Program]) -> None:
    for program in pair:
        wait_for(lambda program=program: [*(program.folder / "data" / "workers").iterdir()])
    assert not (ROOT / "postgresql:").exists(), "an address is no folder"
    text = httpx.get(f"{pair[0].url}/metrics", headers=ADMIN).text
    assert 'worker="0"' in text and 'worker="1"' in text


def test_an_edit_on_one_reaches_the_other(pair: list[Program], fake: Fake) -> None:
    one, two = pair
    assert two.post("/v1/chat/completions", BODY).status_code == 200, "it has the channels of the first machine"
    answer = put(
        two, "channels", {"name": "b", "protocol": "chat", "base_urls": [fake.url], "keys": ["good-b"]}, "POST"
    )
    assert answer.status_code == 201, answer.text
    wait_for(lambda: in_step(one))
    assert text_of(one) == text_of(two) and "good-b" in text_of(one)
    texts = [row["text"] for row in one.query("select text from config_versions")]
    assert len(texts) >= 2 and all(text.startswith("sealed:") and "good-b" not in text for text in texts)
    pinned = {"x-ccx-channel": "b"}
    wait_for(lambda: one.post("/v1/chat/completions", BODY, pinned).status_code == 200)


def test_a_command_reaches_the_workers_of_all_machines(pair: list[Program]) -> None:
    id = httpx.get(f"{pair[0].url}/api/channels", headers=ADMIN).json()["channels"][0]["id"]

    def told() -> bool:
        """Whether all have answered in time: on a busy machine that may take another try."""
        answer = put(pair[0], f"channels/{id}/reset", {}, "POST").json()
        return [*answer["workers"].values()] == ["reset"] * 4

    wait_for(told)


def test_a_file_changed_by_hand_is_offered_to_all_and_taken_by_any_panel(pair: list[Program]) -> None:
    one, two = pair
    wait_for(lambda: in_step(one))
    config = yaml.safe_load(text_of(two))
    config["channels"][0]["priority"] = 7
    (two.folder / "ccx.yaml").write_text(yaml.safe_dump(config))

    def offers() -> list[dict[str, Any]]:
        return list(httpx.get(f"{one.url}/api/machines", headers=ADMIN).json()["offered"])

    wait_for(offers)
    (offer,) = offers()
    assert offer["machine"] == "two" and "priority: 7" in offer["diff"] and "good-key" not in offer["diff"]
    wait_for(lambda: machines(one)["two"]["state"] == "behind")
    page = page_of(one)
    assert "ccx.yaml of two was changed by hand" in page and "another version" in page
    assert put(one, "machines/take", {"n": offer["n"]}, "POST").status_code == 200
    wait_for(lambda: in_step(one) and "priority: 7" in text_of(one).replace('"', ""))
    assert offers() == [] and put(one, "machines/take", {"n": offer["n"]}, "POST").status_code == 404


def test_a_machine_that_cannot_use_a_version_says_why_and_goes_on(pair: list[Program]) -> None:
    one, two = pair
    wait_for(lambda: in_step(one))
    id = httpx.get(f"{one.url}/api/channels", headers=ADMIN).json()["channels"][0]["id"]
    before = text_of(two)
    assert put(one, f"channels/{id}", {"headers": {"x-words": "${ONLY_HERE}"}}).status_code == 200
    wait_for(lambda: machines(one)["two"]["state"] == "refused")
    wait_for(lambda: machines(one)["one"]["state"] == "newest")
    found = machines(two)
    assert "ONLY_HERE is not set" in found["two"]["why"] and text_of(two) == before
    assert found["two"]["differs"] == [] or found["two"]["differs"] == ["ONLY_HERE"]
    assert "refuses the newest" in page_of(one)
    assert two.post("/v1/chat/completions", BODY).status_code == 200
    assert put(one, f"channels/{id}", {"headers": None}).status_code == 200
    wait_for(lambda: in_step(two))


def test_without_the_database_all_goes_on_as_it_was_and_nothing_is_changed(
    pair: list[Program], server: Server, tmp_path: Path
) -> None:
    one, two = pair
    server.kill()
    before = text_of(one)
    answer = put(one, "settings", {"policy": {"errors": "vague"}})
    assert answer.status_code == 503 and "nothing was changed" in answer.text and text_of(one) == before
    assert all(each.post("/v1/chat/completions", BODY).status_code == 200 for each in pair)
    kept = yaml.safe_load(before)
    env = {
        **two.env,
        "CCX_MACHINE": "three",
        "CCX_DATA_DIR": str(tmp_path / "data"),
        "CCX_CONFIG": str(tmp_path / "ccx.yaml"),
    }
    with running_program(tmp_path, *kept.pop("channels"), env=env, panel=True, **kept) as again:
        assert again.post("/v1/chat/completions", BODY).status_code == 200, "it began with what it had"
        server.start()
        wait_for(lambda: in_step(one))
        assert put(one, "settings", {"policy": {"errors": "vague"}}).status_code == 200
        wait_for(lambda: text_of(again) == text_of(one) != before)
