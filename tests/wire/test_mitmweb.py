"""run.py mitmweb over mitmweb's own HTTP interface: what it shows, edits and replays."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.patience import PATIENCE, wait_for
from tests.wire.program import ADMIN_KEY, CLIENT_KEY, Fake, Program, channel, running_program

PASSWORD = "a-test-password"
KEY = "sk-upstream-0123456789abcdef"
ASK: dict[str, Any] = {"model": "opus", "messages": [{"role": "user", "content": "hello there"}]}
CHAT = "/v1/chat/completions"


@dataclass
class Web:
    """mitmweb's API, as its own page uses it."""

    program: Program
    http: httpx.Client

    def flows(self) -> list[dict[str, Any]]:
        return list(self.http.get("/flows").json())

    def newest(self) -> dict[str, Any]:
        return max(self.flows(), key=lambda flow: flow["timestamp_created"])

    def flow(self, id: str) -> dict[str, Any]:
        return next(flow for flow in self.flows() if flow["id"] == id)

    def view(self, id: str, message: str, view: str) -> str:
        """``view`` "auto": whichever mitmproxy thinks best, by name."""
        answer = self.http.get(f"/flows/{id}/{message}/content/{quote(view)}.json").json()
        return str(answer["view_name"] if view == "auto" else answer["text"])

    def ask(self, body: Any, path: str = CHAT, **headers: str) -> dict[str, Any]:
        """Sends a request through the gateway; the flow once it is over."""
        answer = self.program.post(path, body, headers)
        mark = answer.headers["x-ccx-request-id"]

        def over() -> dict[str, Any] | None:
            flow = self.newest()
            done = any(header == ["x-ccx-request-id", mark] for header in flow.get("response", {}).get("headers", ()))
            return flow if done and not flow["comment"].endswith(("waiting", "streaming", "done")) else None

        return dict(wait_for(over))

    def replay(self, id: str) -> dict[str, Any]:
        before = self.flow(id)["request"]["timestamp_start"]
        assert self.http.post(f"/flows/{id}/replay").status_code == 200

        def over() -> dict[str, Any] | None:
            flow = self.flow(id)
            ended = flow.get("response", {}).get("timestamp_end") and flow["comment"].count(" · ") > 1
            return flow if flow["request"]["timestamp_start"] != before and ended else None

        return dict(wait_for(over))


@pytest.fixture(scope="module")
def web(fake: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder: Path = tmp_path_factory.mktemp("ccx")
    channels = [
        channel("main", fake.url, "chat", KEY, models={"opus": "glm-5"}),
        channel("other", fake.url, "chat", "fake:status=500:key", route_prefix="failing"),
        channel("spare", fake.url, "chat", KEY, route_prefix="failing", priority=2, models={"opus": "glm-5"}),
        channel("broken", fake.url, "chat", "fake:status=400:key", route_prefix="broken"),
        channel("relay", fake.url, "chat", KEY, serves=["messages"], route_prefix="converted"),
    ]
    env = {"CCX_WEB_PASSWORD": PASSWORD}
    with running_program(folder, *channels, env=env, command="mitmweb", panel=True) as program:
        assert program.process.stdout
        banner = [program.process.stdout.readline() for _ in range(2)]
        assert "CCX_WEB_PASSWORD" in banner[0] and "every flow in memory and shows upstream keys" in banner[1]
        address = banner[0].split()[3]
        headers = {"authorization": f"Bearer {PASSWORD}", "x-xsrftoken": "t"}
        with httpx.Client(base_url=address, headers=headers, cookies={"_mitmproxy_xsrf": "t"}) as client:
            yield Web(program, client)


def test_without_a_password_one_is_made_and_shown_once(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, channel("a", fake.url, "chat"), command="mitmweb") as program:
        assert program.process.stdout
        words = program.process.stdout.readline().split()
        address, password = words[3], words[-1]
        assert address.startswith("http://127.0.0.1:") and len(password) > 16
        allowed = httpx.get(f"{address}/flows", headers={"authorization": f"Bearer {password}"})
        refused = httpx.get(f"{address}/flows", headers={"authorization": "Bearer guess"})
        assert (allowed.status_code, refused.status_code) == (200, 403)
        program.stop()
        assert password not in program.process.stdout.read() + program.log.read_text()


def test_a_port_in_use_is_one_clear_line(web: Web, tmp_path: Path) -> None:
    port = str(web.http.base_url.port)
    with (
        pytest.raises(AssertionError, match=f"cannot listen on 127.0.0.1:{port}"),
        running_program(tmp_path, env={"CCX_WEB_PORT": port}, command="mitmweb"),
    ):
        pass


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_a_flow_shows_the_upstream_request_and_the_clients_answer(web: Web, fake: Fake, stream: bool) -> None:
    flow = web.ask({**ASK, "stream": stream})
    words = flow["comment"].split(" · ")
    assert words[:2] == ["main", "opus→glm-5"] and words[2].endswith("s") and words[3].count("/") == 1
    assert flow["marked"] == "" and f"http://127.0.0.1:{flow['request']['port']}" == fake.url
    assert ["authorization", f"Bearer {KEY}"] in flow["request"]["headers"]
    answer = web.view(flow["id"], "response", "CCX answer")
    assert answer.splitlines()[1] == "glm-5 heard: hello there" and "stop: end" in answer
    request = web.view(flow["id"], "request", "CCX request")
    assert "glm-5" in request and "── user ─" in request and "hello there" in request
    route = web.view(flow["id"], "request", "CCX route")
    assert (
        "model      opus" in route
        and "upstream   glm-5" in route
        and f"POST {CHAT}" in route
        and '"model": "opus"' in route
    )
    assert CLIENT_KEY not in route
    views = [web.view(flow["id"], message, "auto") for message in ("response", "request")]
    assert views == ["CCX answer", "CCX request"]


def test_failover_and_failure_are_marked(web: Web) -> None:
    flow = web.ask(ASK, f"/failing{CHAT}")
    assert flow["marked"] == "⚠" and flow["comment"].startswith("other▸spare · opus→glm-5 · ")
    route = web.view(flow["id"], "response", "CCX route")
    assert "1  other  ✗ 500 status" in route and "2  spare  ✓ 200" in route
    flow = web.ask(ASK, f"/broken{CHAT}")
    assert flow["marked"] == "❌" and flow["comment"].startswith("broken · opus · failed · ")


def test_a_conversion_shows_both_sides(web: Web) -> None:
    flow = web.ask({**ASK, "max_tokens": 50, "top_k": 3}, "/converted/v1/messages")
    assert "chat · opus" in web.view(flow["id"], "request", "CCX request")
    route = web.view(flow["id"], "request", "CCX route")
    assert "converted  messages → chat" in route and "top_k: " in route
    assert '"object": "chat.completion"' in route and '"top_k": 3' in route
    assert "heard: hello there" in web.view(flow["id"], "response", "CCX answer")


def test_metadata_can_be_filtered(web: Web) -> None:
    flow = web.ask(ASK, f"/failing{CHAT}")
    web.ask(ASK)
    dump = web.http.get("/flows/dump", params={"filter": '~meta "channel_name.: .spare"'})
    assert flow["id"].encode() in dump.content
    words = web.http.get("/flows/dump", params={"filter": '~meta "hello there"'})
    assert flow["id"].encode() not in words.content


def test_a_stream_grows_while_it_runs(web: Web) -> None:
    asked = [{"role": "user", "content": "long:40"}]
    body = {"model": "fake-slowchunks=100", "stream": True, "messages": asked}
    auth = {"authorization": f"Bearer {CLIENT_KEY}"}
    with httpx.stream("POST", f"{web.program.url}{CHAT}", json=body, headers=auth) as answer:
        lines = answer.iter_lines()
        next(lines)
        flow = wait_for(lambda: found if (found := web.newest())["comment"].endswith("streaming") else None)
        sizes = wait_for(lambda: (size := web.flow(flow["id"])["response"]["contentLength"]) and [size])
        assert "no end yet" in web.view(flow["id"], "response", "CCX answer")
        wait_for(lambda: web.flow(flow["id"])["response"]["contentLength"] > sizes[0])
        received = list(lines)
    assert "data: [DONE]" in received


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
def test_a_replay_goes_through_the_gateway_again(web: Web, fake: Fake, stream: bool) -> None:
    flow = web.ask({**ASK, "stream": stream}, f"/failing{CHAT}")
    fake.clear()
    again = web.replay(flow["id"])
    assert again["comment"].startswith(("other▸spare · opus→glm-5", "spare · opus→glm-5"))
    assert again["is_replay"] == "request" and again["response"]["status_code"] == 200
    sent = fake.requests()[-1]
    assert (sent["path"], sent["key"], sent["json"]["model"]) == (CHAT, KEY, "glm-5")
    # Rows come in batches: the replay's may be written a moment after the first request's.
    row = wait_for(lambda: web.program.query("select * from requests where source = 'test' order by id desc limit 1"))[
        0
    ]
    assert (row["client_name"], row["route_prefix"]) == ("default", "failing")
    assert web.view(flow["id"], "response", "CCX answer").splitlines()[1] == "glm-5 heard: hello there"


def test_a_copy_and_a_loaded_file_can_be_replayed_too(web: Web) -> None:
    flow = web.ask(ASK)
    copied = web.http.post(f"/flows/{flow['id']}/duplicate").text
    assert web.replay(copied)["response"]["status_code"] == 200
    dump = web.http.get("/flows/dump").content
    web.http.post("/flows/dump", content=dump)
    loaded = web.flow(flow["id"])
    assert loaded["comment"] == flow["comment"] and loaded["response"]["status_code"] == 200
    assert "the client's request" in web.view(flow["id"], "request", "CCX route")
    assert web.replay(flow["id"])["response"]["status_code"] == 200


def test_what_no_client_asked_for_is_not_replayed(web: Web) -> None:
    httpx.get(f"{web.program.url}/nothing-is-here")
    strange = next(flow for flow in web.flows() if flow["request"]["path"] == "/nothing-is-here")
    web.http.post(f"/flows/{strange['id']}/replay")
    assert any("Can't replay" in event["message"] for event in web.http.get("/events").json())
    assert web.flow(strange["id"])["response"]["status_code"] in (401, 404)


def test_health_checks_do_not_stay(web: Web) -> None:
    assert httpx.get(f"{web.program.url}/health").status_code == 200
    wait_for(lambda: "/health" not in [flow["request"]["path"] for flow in web.flows()])


def test_the_foot_names_the_gateway(web: Web) -> None:
    options = web.http.get("/options").json()
    assert web.program.url.endswith(f":{options['listen_port']['value']}")


def held(web: Web, answers: list[httpx.Response | Exception]) -> tuple[threading.Thread, dict[str, Any]]:
    """A request that mitmweb holds back, and the thread that waits for its answer."""

    def ask() -> None:
        try:
            answers.append(web.program.post(CHAT, ASK))
        except httpx.HTTPError as error:
            answers.append(error)

    assert web.http.put("/options", json={"intercept": "~q"}).status_code == 200
    thread = threading.Thread(target=ask)
    thread.start()
    flow = wait_for(lambda: next((flow for flow in web.flows() if flow["intercepted"]), None))
    web.http.put("/options", json={"intercept": None})
    return thread, flow


def test_a_request_that_is_held_back_can_be_edited(web: Web) -> None:
    answers: list[httpx.Response | Exception] = []
    thread, flow = held(web, answers)
    edited = {**ASK, "messages": [{"role": "user", "content": "changed"}]}
    request = {"content": json.dumps(edited), "path": f"/failing{CHAT}"}
    web.http.put(f"/flows/{flow['id']}", json={"request": request})
    web.http.post(f"/flows/{flow['id']}/resume")
    thread.join(PATIENCE)
    assert isinstance(answers[0], httpx.Response) and "glm-5 heard: changed" in answers[0].text
    wait_for(lambda: "spare" in web.flow(flow["id"])["comment"])


def test_a_path_edited_to_nowhere_is_refused(web: Web) -> None:
    answers: list[httpx.Response | Exception] = []
    thread, flow = held(web, answers)
    web.http.put(f"/flows/{flow['id']}", json={"request": {"path": "/nowhere"}})
    web.http.post(f"/flows/{flow['id']}/resume")
    thread.join(PATIENCE)
    assert isinstance(answers[0], httpx.Response) and answers[0].status_code == 404


def test_a_request_that_is_held_back_can_be_killed(web: Web, fake: Fake) -> None:
    fake.clear()
    answers: list[httpx.Response | Exception] = []
    thread, flow = held(web, answers)
    web.http.post(f"/flows/{flow['id']}/kill")
    thread.join(PATIENCE)
    assert isinstance(answers[0], httpx.RemoteProtocolError) and fake.requests() == []


def test_the_panel_leaves_no_flows(web: Web) -> None:
    answer = httpx.get(f"{web.program.url}/api/status", headers={"x-api-key": ADMIN_KEY})
    assert answer.status_code == 200
    wait_for(lambda: not [flow for flow in web.flows() if flow["request"]["path"] == "/api/status"])
