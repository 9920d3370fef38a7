"""A share of the traffic that another channel is asked, too, in a running gateway."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from ccx_addons.core.mirror import share_of
from tests.patience import same_day, wait_for
from tests.wire.program import CLIENT_KEY, Fake, Program, channel, running_fake, running_program

PROTOCOLS: Final = ("messages", "chat", "responses", "gemini")
BROKEN: Final = {
    "fails": ("fake:status=500:x", 500),
    "closes": ("fake:close:x", 502),
    "refused": ("bad-key", 401),
    "stalls": ("fake:stall:x", 504),
}
"""Mirror -> the key of its channel, and the status of its answer."""
PRIVATE: Final = "private-client-key-0123456789abcdef"
LIMITED: Final = "limited-client-key-0123456789abcdef"
ALIKE: Final = {"models": {"*": "claude-sonnet-4-5"}}
PATIENCE: Final = 30.0


def ask(model: str, words: str = "hello", **more: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": words}], **more}


def mirror(name: str, to: str, **more: Any) -> dict[str, Any]:
    """Of what asks for the model of its name."""
    limits = {"rpm": 0, "concurrency": 100, **more.pop("limits", {})}
    return {"name": name, "to": to, "models": [f"for-{name}"], "model": "gpt-5", "share": 100, "limits": limits, **more}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Fake]:
    with running_fake() as fake:
        yield fake


@pytest.fixture(scope="module")
def program(upstream: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """``main`` answers; the channels that are asked as well take no requests of clients."""
    shadows = {
        **{name: (name, "good-key") for name in PROTOCOLS},
        **{name: ("chat", key) for name, (key, _) in BROKEN.items()},
        "cut": ("chat", "fake:cut=4:x"),
        "slow": ("chat", "fake:stall:x"),
        "narrow": ("chat", "good-key"),
    }
    channels = [
        channel("main", upstream.url, "messages", serves=list(PROTOCOLS), **ALIKE),
        channel("masking", upstream.url, "messages", mask=["email"], **ALIKE, priority=2),
        {**channel("login", upstream.url, "messages", credential="client", priority=3), "keys": []},
        *(
            channel(f"to-{name}", upstream.url, protocol, key, status="suspended")
            for name, (protocol, key) in shadows.items()
        ),
    ]
    channels[-1]["limits"] = {"rpm": 1}
    mirrors = [mirror(name, f"to-{name}", timeout=2 if name == "stalls" else 60) for name in shadows]
    mirrors += [
        mirror("few", "to-chat", limits={"rpm": 2}),
        mirror("spent", "to-chat", limits={"tokens_per_day": 1}),
        mirror("half", "to-chat", share=50),
    ]
    clients = [
        {"name": "private", "key": PRIVATE, "mirror": False},
        {"name": "limited", "key": LIMITED, "limits": {"rpm": 2}},
    ]
    more: dict[str, Any] = {"mirrors": mirrors, "clients": clients, "policy": {"bodies": {"capture": "all"}}}
    with running_program(tmp_path_factory.mktemp("mirrors"), *channels, **more) as gateway:
        yield gateway


def pairs(program: Program, mirror: str, n: int = 1) -> list[dict[str, Any]]:
    """In the order in which the mirrors were asked, once there are so many."""
    sql = "select * from mirrored where mirror = ? order by id"
    wait_for(lambda: len(program.query(sql, mirror)) >= n, PATIENCE)
    return program.query(sql, mirror)


def left_out(program: Program, mirror: str, n: int = 1) -> dict[str, int]:
    sql = "select why, sum(n) as n from mirror_left_out where mirror = ? group by why"
    wait_for(lambda: sum(row["n"] for row in program.query(sql, mirror)) >= n, PATIENCE)
    return {row["why"]: row["n"] for row in program.query(sql, mirror)}


def asked(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same in every client's protocol, as JSON and as a stream."""
    model, said = f"for-{name}", [{"role": "user", "content": "hello"}]
    for stream in (False, True):
        yield "/v1/messages", ask(model, stream=stream)
        yield "/v1/chat/completions", {"model": model, "messages": said, "stream": stream}
        yield "/v1/responses", {"model": model, "input": "hello", "stream": stream}
    body = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
    yield f"/v1beta/models/{model}:generateContent", body
    yield f"/v1beta/models/{model}:streamGenerateContent?alt=sse", body


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_each_protocol_is_mirrored_to_each_other(program: Program, protocol: str) -> None:
    bodies = list(asked(protocol))
    assert [program.post(path, body).status_code for path, body in bodies] == [200] * len(bodies)
    for pair in pairs(program, protocol, len(bodies)):
        before, again = program.row(pair["original"]), program.row(pair["id"])
        assert (before["source"], again["source"]) == ("proxy", "mirror")
        assert (before["channel_name"], before["state"]) == ("main", "ok")
        assert (again["channel_name"], again["upstream_model"], again["state"]) == (f"to-{protocol}", "gpt-5", "ok")
        assert (again["kind"], again["stream"]) == (before["kind"], before["stream"])
        assert again["started_at"] >= before["ended_at"] and again["output_tokens"]
        assert (pair["stop"], pair["original_stop"]) == ("end", "end")
        assert pair["alike"] is not None and pair["same_tools"] is None
        wait_for(lambda id=again["id"]: len(program.query("select 1 from bodies where request_id = ?", id)) == 4)


def test_a_clients_answer_waits_for_no_mirror(program: Program) -> None:
    """The mirror's upstream says nothing: meanwhile its clients have their answers, one after the other."""
    ids = [program.post("/v1/messages", ask("for-slow")).headers["x-ccx-request-id"] for _ in range(2)]
    assert {program.row(id)["state"] for id in ids} == {"ok"}
    sql = "select state from requests where source = 'mirror' and channel_name = 'to-slow'"
    wait_for(lambda: len(program.query(sql)) == 2, PATIENCE)
    assert [row["state"] for row in program.query(sql)] == ["running", "running"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", BROKEN)
def test_what_goes_wrong_with_a_mirror_is_its_own_affair(program: Program, name: str, stream: bool) -> None:
    before = len(program.query("select 1 from mirrored where mirror = ?", name))
    answer = program.post("/v1/messages", ask(f"for-{name}", stream=stream))
    assert answer.status_code == 200 and answer.headers["x-ccx-channel"] == "main"
    pair = pairs(program, name, before + 1)[-1]
    again = program.row(pair["id"])
    assert (again["status"], again["state"]) == (BROKEN[name][1], "failed")
    assert again["error_message"] and pair["alike"] is None and pair["original_stop"] == "end"
    for table in ("breakers", "key_state", "affinity"):
        assert program.query(f"select * from {table} where channel_id = ?", again["channel_id"]) == []


def test_a_mirror_whose_stream_breaks_says_so(program: Program) -> None:
    words = "say " + "many words " * 40
    assert program.post("/v1/messages", ask("for-cut", words, stream=True)).status_code == 200
    (pair,) = pairs(program, "cut")
    assert program.row(pair["id"])["stream_end"] == "cut" and program.row(pair["original"])["state"] == "ok"


def test_tools_are_compared(program: Program) -> None:
    before = len(pairs(program, "chat", 0))
    tool = {"name": "look", "description": "looks", "input_schema": {"type": "object", "properties": {}}}
    answer = program.post("/v1/messages", ask("for-chat", 'call:look {"at": 1}', tools=[tool]))
    assert answer.json()["stop_reason"] == "tool_use"
    pair = pairs(program, "chat", before + 1)[-1]
    assert (pair["calls"], pair["original_calls"], pair["same_tools"], pair["same_arguments"]) == (1, 1, 1, 1)
    assert pair["stop"] == pair["original_stop"]


def test_what_is_over_the_limits_is_left_out_and_said(program: Program) -> None:
    assert {program.post("/v1/messages", ask("for-few")).status_code for _ in range(5)} == {200}
    assert left_out(program, "few", 3) == {"limit": 3} and len(pairs(program, "few", 2)) == 2
    sql = "select message from events where kind = 'mirror' and message like 'mirror few:%'"
    (event,) = wait_for(lambda: program.query(sql))
    assert "requests a minute" in event["message"]


def test_a_days_tokens_are_counted_in_the_database(program: Program) -> None:
    same_day()
    program.post("/v1/messages", ask("for-spent"))
    pairs(program, "spent")

    def over() -> bool:
        program.post("/v1/messages", ask("for-spent"))
        return bool(program.query("select 1 from mirror_left_out where mirror = 'spent'"))

    wait_for(over, PATIENCE)
    assert left_out(program, "spent").keys() == {"budget"}


def test_nothing_of_it_counts_for_the_client(program: Program) -> None:
    """Neither in its limits nor in its figures; what a channel may be asked holds for its mirror."""
    headers = {"authorization": f"Bearer {LIMITED}"}
    assert [program.post("/v1/messages", ask("for-narrow"), headers).status_code for _ in range(2)] == [200, 200]
    (pair,) = pairs(program, "narrow")
    assert left_out(program, "narrow") == {"channel": 1}
    row = program.row(pair["id"])
    assert row["client_name"] == "limited"
    folded = "select 1 from counter where name = 'folded' and value >= ?"
    wait_for(lambda: program.query(folded, row["rev"]), PATIENCE)
    sql = "select sum(requests) as n from rollups where view = 'client' and a = 'limited' and level = 86400000"
    assert program.query(sql)[0]["n"] == 2


def test_who_forbids_it_and_who_brings_a_login_is_not_mirrored(program: Program) -> None:
    known = len(pairs(program, "messages", 0))
    assert program.post("/v1/messages", ask("for-messages"), {"authorization": f"Bearer {PRIVATE}"}).status_code == 200
    headers = {"authorization": "Bearer sk-ant-oat01-good", "x-ccx-key": CLIENT_KEY, "x-ccx-channel": "login"}
    assert program.post("/v1/messages", ask("for-messages"), headers).headers["x-ccx-channel"] == "login"
    last = program.post("/v1/messages", ask("for-messages")).headers["x-ccx-request-id"]
    found = pairs(program, "messages", known + 1)
    assert len(found) == known + 1 and found[-1]["original"] == last


def test_personal_data_and_secrets_stay_hidden(program: Program, upstream: Fake) -> None:
    """What the channel that answered must not see, the mirror's does not see either."""
    known = len(pairs(program, "chat", 0))
    upstream.clear()
    headers = {"idempotency-key": "once", "x-ccx-channel": "masking"}
    assert program.post("/v1/messages", ask("for-chat", "write to jane@example.com"), headers).status_code == 200
    pairs(program, "chat", known + 1)
    (heard,) = [one for one in upstream.requests() if one["path"] == "/v1/chat/completions"]
    assert "jane@example.com" not in heard["text"] and "EMAIL_" in heard["text"]
    assert "idempotency-key" not in {name.lower() for name, _ in heard["headers"]}
    assert CLIENT_KEY not in json.dumps(heard)


def test_conversations_are_mirrored_whole_or_not(program: Program) -> None:
    for turn in range(2):
        for n in range(8):
            user = f"user_{n}_account__session_{n:08d}-0000-4000-8000-00000000000{n}"
            body = ask("for-half", f"turn {turn}", metadata={"user_id": user})
            assert program.post("/v1/messages", body).status_code == 200
    sql = "select distinct trace_hash as trace from requests where model = 'for-half' and state = 'ok' and source = 'proxy'"
    wait_for(lambda: len(program.query(sql)) == 8)
    chosen = [row["trace"] for row in program.query(sql) if share_of("half", row["trace"]) < 50]
    found = pairs(program, "half", 2 * len(chosen))
    assert sorted(program.row(pair["original"])["trace_hash"] for pair in found) == sorted(2 * chosen)


def test_what_the_upstream_keeps_is_not_asked_of_another(program: Program) -> None:
    """What the gateway itself remembers is said in full; an id of a file means something in one account only."""
    known = len(pairs(program, "gemini", 0))
    first = program.post("/v1/responses", {"model": "for-gemini", "input": "hello"}).json()
    again = {"model": "for-gemini", "input": "and?", "previous_response_id": first["id"]}
    assert program.post("/v1/responses", again).status_code == 200
    found = pairs(program, "gemini", known + 2)
    assert {program.row(pair["id"])["state"] for pair in found} == {"ok"}
    image = {"type": "input_image", "file_id": "file-abc"}
    program.post("/v1/responses", {"model": "for-gemini", "input": [{"role": "user", "content": [image]}]})
    assert left_out(program, "gemini") == {"elsewhere": 1}


def test_bodies_off_stays_off(upstream: Fake, tmp_path: Path) -> None:
    word = "xylophone"
    channels = [
        channel("main", upstream.url, "messages", **ALIKE),
        channel("to-off", upstream.url, "chat"),
        channel("to-never", upstream.url, "chat", "fake:stall:x"),
    ]
    mirrors = [mirror("off", "to-off"), mirror("never", "to-never")]
    with running_program(tmp_path, *channels, mirrors=mirrors) as program:
        for stream in (False, True):
            body = ask("for-off", f"say {word}", stream=stream)
            assert program.post("/v1/messages", body).status_code == 200
        for pair in pairs(program, "off", 2):
            assert (pair["alike"], pair["calls"]) == (None, None)
            assert (pair["stop"], pair["original_stop"]) == ("end", "end")
        assert program.query("select 1 from bodies") == []
        assert program.post("/v1/messages", ask("for-never")).status_code == 200
        never = "select status, state, error_message from requests where source = 'mirror' and model = 'for-never'"
        wait_for(lambda: program.query(never), PATIENCE)
        program.stop()
        ((ended,),) = [program.query(never)]
        assert (ended["status"], ended["state"]) == (503, "failed") and "stopped" in ended["error_message"]
        assert word.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("data/ccx.db*"))


@pytest.mark.parametrize("shown", [False, True])
def test_mitmweb_shows_it_only_when_asked(upstream: Fake, tmp_path: Path, shown: bool) -> None:
    channels = [channel("main", upstream.url, "messages"), channel("to-web", upstream.url, "chat")]
    env = {"CCX_WEB_PASSWORD": "a-test-password", "CCX_WEB_MIRRORS": str(shown).lower()}
    with running_program(tmp_path, *channels, mirrors=[mirror("web", "to-web")], env=env, command="mitmweb") as program:
        assert program.process.stdout
        banner = "".join(program.process.stdout.readline() for _ in range(2))
        found = re.search(r"http://127\.0\.0\.1:\d+", banner)
        assert found and program.post("/v1/messages", ask("for-web")).status_code == 200
        (pair,) = pairs(program, "web")

        def listed() -> list[dict[str, Any]]:
            answer = httpx.get(f"{found[0]}/flows", headers={"authorization": "Bearer a-test-password"})
            return [flow for flow in answer.json() if "to-web" in flow["comment"]]

        wait_for(lambda: len(listed()) == shown)
        program.row(pair["id"])
        assert len(listed()) == shown and all("gpt-5" in flow["comment"] for flow in listed())
