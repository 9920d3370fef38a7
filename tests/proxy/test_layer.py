"""The layer's own decisions, and a contract: every name of mitmproxy that the proxy subclasses, calls or overrides.

mitmproxy promises none of them. When an upgrade moves one, a row below says which.
"""

import asyncio
import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

import h11._readers
import pytest
from mitmproxy import connection
from mitmproxy.addons import proxyserver
from mitmproxy.net.http import status_codes
from mitmproxy.proxy import commands, events, layer, mode_servers, server
from mitmproxy.proxy.layers import http as http_layers
from mitmproxy.proxy.layers import tcp
from mitmproxy.proxy.layers.http import _base, _events, _hooks, _http1

from ccx_addons.proxy.http1 import ClientHttp1, UpstreamHttp1
from ccx_addons.proxy.layer import AttemptLayer, _is_over, attempt_ids
from ccx_addons.proxy.listener import GatewayConnection
from ccx_addons.proxy.stream import AttemptStream
from tests.patience import SOON
from tests.proxy.harness import gateway, read_request
from tests.proxy.upstreams import ALL, answers, json_answer


# ---- the contract ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (
            http_layers.HttpLayer,
            "event_to_child get_connection _handle_event register_connection",
        ),
        (
            http_layers.HttpStream,
            "_handle_event passthrough state_wait_for_request_headers state_consume_request_body state_done"
            " state_errored state_uninitialized",
        ),
        (_http1, "make_body_reader"),
        (_http1.Http1Connection, "_handle_event read_body wait done make_pipe send"),
        (_http1.Http1Server, "send read_headers mark_done"),
        (_http1.Http1Client, "send read_headers mark_done"),
        (
            server.ConnectionHandler,
            "open_connection handle_hook handle_client server_event drain_writers hook_task wakeup close_connection log",
        ),
        (proxyserver.Proxyserver, "register_connection"),
        (h11._readers.ChunkedReader, "__call__ read_eof"),
        (layer.Layer, "handle_event _handle_event"),
    ],
    ids=lambda value: value.__name__ if inspect.isclass(value) else "",
)  # fmt: skip
def test_what_we_call_or_override_is_there(owner: type, names: str) -> None:
    assert [name for name in names.split() if not callable(getattr(owner, name, None))] == []


@pytest.mark.parametrize(
    ("ours", "stock"),
    [
        (AttemptLayer, http_layers.HttpLayer),
        (AttemptStream, http_layers.HttpStream),
        (ClientHttp1, _http1.Http1Server),
        (UpstreamHttp1, _http1.Http1Client),
        (GatewayConnection, mode_servers.ProxyConnectionHandler),
    ],
)
def test_overrides_keep_their_signatures(ours: type, stock: type) -> None:
    """Parameters of each method that both have: ours take what mitmproxy will give."""
    own = {name for cls in ours.__mro__ if cls.__module__.startswith("ccx_addons") for name in vars(cls)}
    different = []
    for name in sorted(own & set(dir(stock)) - set(dir(object))):
        mine, theirs = getattr(ours, name), getattr(stock, name)
        if inspect.isfunction(mine) and inspect.isfunction(theirs):
            names = [list(inspect.signature(f).parameters) for f in (mine, theirs)]
            if names[0] != names[1]:
                different.append((name, *names))
    assert different == []


@pytest.mark.parametrize(
    ("cls", "fields"),
    [
        (http_layers.SendHttp, {"event", "connection"}),
        (http_layers.DropStream, {"stream_id"}),
        (http_layers.GetHttpConnection, {"address", "tls", "via", "transport_protocol"}),
        (http_layers.GetHttpConnectionCompleted, {"command", "reply"}),
        (http_layers.RegisterHttpConnection, {"connection", "err"}),
        (_base.ReceiveHttp, {"event"}),
        (_events.RequestHeaders, {"stream_id", "request", "end_stream", "replay_flow"}),
        (_events.ResponseHeaders, {"stream_id", "response", "end_stream"}),
        (_events.ResponseData, {"stream_id", "data"}),
        (_events.RequestProtocolError, {"stream_id", "message", "code"}),
        (_events.ResponseProtocolError, {"stream_id", "message", "code"}),
        (_hooks.HttpRequestHeadersHook, {"flow"}),
    ],
    ids=lambda value: value.__name__ if inspect.isclass(value) else "",
)
def test_commands_and_events_have_their_fields(cls: type, fields: set[str]) -> None:
    known = set(inspect.signature(cls).parameters)
    if dataclasses.is_dataclass(cls):
        known |= {field.name for field in dataclasses.fields(cls)}
    assert fields <= known


def test_hooks_have_the_names_that_our_addons_use() -> None:
    names = ("requestheaders", "request", "responseheaders", "response", "error")
    hooks = (
        _hooks.HttpRequestHeadersHook, _hooks.HttpRequestHook, _hooks.HttpResponseHeadersHook,
        _hooks.HttpResponseHook, _hooks.HttpErrorHook,
    )  # fmt: skip
    assert tuple(hook.name for hook in hooks) == names


def test_ends_of_a_connection_are_what_we_make_of_them() -> None:
    codes = {"CANCEL", "CLIENT_DISCONNECTED", "GENERIC_SERVER_ERROR", "REQUEST_VALIDATION_FAILED"}
    assert codes <= {code.name for code in _events.ErrorCode}
    assert {408, 413, 431} <= status_codes.RESPONSES.keys()


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (connection.Server, "timestamp_start timestamp_tcp_setup timestamp_tls_setup timestamp_end error sni certificate_list cipher tls_version state"),
        (connection.Client, "peername alpn tls timestamp_tls_setup state"),
    ],
)  # fmt: skip
def test_connections_have_their_attributes(owner: type, names: str) -> None:
    made: Any = owner(address=("a", 1)) if owner is connection.Server else owner(peername=("a", 1), sockname=("b", 2))
    assert [name for name in names.split() if not hasattr(made, name)] == []


def test_what_instances_hold() -> None:
    """Attributes that mitmproxy sets in its constructors, read from their source."""
    wanted: dict[Any, str] = {
        http_layers.HttpLayer.__init__: "streams connections command_sources waiting_for_establishment mode",
        _http1.Http1Connection.__init__: "buf",
        http_layers.HttpStream.__init__: "stream_id",
        layer.Layer.__init__: "context _paused_event_queue",
        server.ConnectionHandler.__init__: "transports client layer timeout_watchdog",
    }
    for method, names in wanted.items():
        source = inspect.getsource(method)
        missing = [name for name in names.split() if f"self.{name}" not in source]
        assert missing == [], method.__qualname__


def test_a_paused_layer_queues_events() -> None:
    """``_gone`` looks there for a client that left while a hook ran."""
    source = inspect.getsource(layer.Layer)
    assert "_paused_event_queue.append(event)" in source


def test_stock_pages_are_html() -> None:
    """``_json_errors`` knows mitmproxy's own error pages by this."""
    source = inspect.getsource(_http1)
    assert "text/html" in inspect.getsource(_http1.make_error_response) and "make_error_response" in source


def test_passing_through_is_a_layer() -> None:
    assert issubclass(tcp.TCPLayer, layer.Layer)
    assert list(inspect.signature(tcp.TCPLayer).parameters) == ["context", "ignore"]


def test_events_and_commands() -> None:
    assert issubclass(commands.StartHook, commands.Command) and issubclass(events.DataReceived, events.ConnectionEvent)
    assert {"connection", "data"} <= set(inspect.signature(commands.SendData).parameters)
    assert commands.RequestWakeup(1.0).delay == 1.0


# ---- connections -----------------------------------------------------------------------------------------------------
def test_a_connection_is_over_when_it_was_open() -> None:
    made = connection.Server(address=("a", 1))
    assert not _is_over(made), "it was never opened"
    made.timestamp_end = 1.0
    assert _is_over(made)
    made.state = connection.ConnectionState.OPEN
    assert not _is_over(made)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
    writer.write(f"POST /{path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\na".encode())
    await asyncio.wait_for(reader.readuntil(b'{"ok":1}'), SOON)


def counting(handler: Callable[..., Any]) -> tuple[Callable[..., Any], list[int]]:
    """A handler that counts its connections."""
    opened: list[int] = []

    async def counted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(1)
        await handler(reader, writer)

    return counted, opened


async def test_an_idle_connection_is_used_again() -> None:
    handler, opened = counting(answers(json_answer(b'{"ok":1}')))
    async with gateway({"a": handler}) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        for _ in range(3):
            await ask(reader, writer, "a")
        writer.close()
    assert len(opened) == 1


async def test_the_next_attempt_takes_the_connection_of_the_last_one() -> None:
    async def second_time(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for status in (500, 200):
            await read_request(reader)
            writer.write(json_answer(b'{"ok":1}', status))

    handler, opened = counting(second_time)
    async with gateway({"a": handler}) as g:
        assert await g.ask("a,a") == (200, b'{"ok":1}')
    assert len(opened) == 1


async def test_a_small_exchange_reaches_its_stream_in_two_events(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    stock = AttemptStream._handle_event

    def noted(stream: AttemptStream, event: events.Event) -> Any:
        seen.append(type(event).__name__)
        return stock(stream, event)

    async with gateway({"a": answers(json_answer(b'{"ok":1}'))}, direct=True) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        await ask(reader, writer, "a")
        monkeypatch.setattr(AttemptStream, "_handle_event", noted)
        await ask(reader, writer, "a")
        writer.close()
    assert seen == ["WholeRequest", "WholeAnswer"]


async def test_a_fresh_one_is_a_fresh_one() -> None:
    handler, opened = counting(answers(json_answer(b'{"ok":1}')))
    async with gateway({"a": handler}, upstream={"fresh": True}) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        for _ in range(2):
            await ask(reader, writer, "a")
        writer.close()
    assert len(opened) == 2


async def test_closed_connections_are_forgotten() -> None:
    """A client that stays for days does not collect what its requests left behind."""
    closing = json_answer(b'{"ok":1}', extra=b"connection: close\r\n")
    handler, opened = counting(answers(closing))
    async with gateway({"a": handler}) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        for _ in range(5):
            await ask(reader, writer, "a")
        (connected,) = g.listener.handlers
        assert len(connected.layer.connections) <= 3 and len(connected.layer.streams) == 0
        assert set(connected.layer.command_sources) <= connected.layer._timers
        assert not connected.layer.waiting_for_establishment
        writer.close()
    assert len(opened) == 5


async def test_many_requests_leave_no_stream_and_one_timer() -> None:
    async with gateway(ALL) as g:
        reader, writer = await asyncio.open_connection("127.0.0.1", g.port)
        for _ in range(5):
            await ask(reader, writer, "429,refused,json")
        (connected,) = g.listener.handlers
        attempts = connected.layer
        assert len(attempts.streams) == 0 and len(attempts._timers) <= 3
        assert set(attempts.deadlines) <= {attempts.connections[connected.client]}
        writer.close()


def test_ids_of_attempts_are_above_those_of_clients() -> None:
    assert next(attempt_ids) >= 1 << 32
