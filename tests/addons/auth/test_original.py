import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.io import tnetstring
from mitmproxy.test import tflow

from ccx_addons.auth import original
from ccx_addons.core.config import Client, Snapshot
from ccx_addons.core.endpoints import TEST_HEADER
from tests.addons.values import exchange


def asked(raw: bytes = b'{"model":"gpt-5"}', **headers: str) -> http.HTTPFlow:
    x = exchange()
    x.raw, x.query = raw, "a=b"
    x.headers = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    flow = tflow.tflow()
    original.keep(flow, x)
    return flow


def test_the_request_comes_back_as_the_client_sent_it() -> None:
    flow = asked(user_agent="me", content_encoding="zstd", transfer_encoding="chunked", host="gateway", x_ccx_test="?")
    request = original.restored(flow, "boot")
    assert request
    assert (request.method, request.path) == ("POST", "/v1/chat/completions?a=b")
    assert request.raw_content == b'{"model":"gpt-5"}'
    assert dict(request.headers) == {
        "user-agent": "me",
        "host": "gateway.invalid",
        "content-length": "17",
        TEST_HEADER: "boot",
    }


def test_nothing_is_restored_without_a_client() -> None:
    assert original.restored(tflow.tflow(), "boot") is None
    flow = asked()
    flow.metadata[original.KEY]["client"] = ""
    assert original.restored(flow, "boot") is None


@pytest.mark.parametrize(
    ("is_replay", "client", "known"),
    [
        pytest.param("request", Client("alice", ""), True, id="a replay"),
        pytest.param("request", Client("bob", ""), False, id="the client is gone"),
        pytest.param("request", Client("alice", "", enabled=False), False, id="the client is disabled"),
        pytest.param(None, Client("alice", ""), False, id="from the network"),
        pytest.param("response", Client("alice", ""), False, id="a replayed answer"),
    ],
)
def test_only_a_replay_is_its_client_without_a_key(is_replay: str | None, client: Client, known: bool) -> None:
    flow = asked()
    flow.is_replay = is_replay
    assert original.client_of(flow, Snapshot("r", 0, clients=(client,))) == (client if known else None)


def test_a_flow_from_the_network_is_nobody() -> None:
    flow = tflow.tflow()
    flow.is_replay = "request"
    assert original.client_of(flow, Snapshot("r", 0, clients=(Client("", ""),))) is None


@given(st.binary(), st.binary(max_size=20))
def test_it_can_be_written_to_a_file_and_is_not_searched(raw: bytes, value: bytes) -> None:
    flow = asked(raw, user_agent=value.decode("utf-8", "surrogateescape"))
    state = flow.metadata[original.KEY]
    written: Any = tnetstring.loads(tnetstring.dumps(state))
    assert written["body"] == raw == state["body"] == copy.deepcopy(state)["body"]
    assert repr(state["body"]) == f"<{len(raw)} bytes>"
