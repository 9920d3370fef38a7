"""Streams as bytes: how they come, and how they end."""

import pytest

from ccx_addons.core.neutral import Failed, Fault, Finished, Response, Text, Usage, fold
from ccx_addons.core.sse import MAX_EVENT
from ccx_addons.protocols import chat
from tests.protocols.chat.values import DONE, chunk, decode_all, frame, stream

A = frame(chunk({"content": "ä"}))
END = frame(chunk({}, "stop"))
USAGE = frame(chunk(usage={"prompt_tokens": 1, "completion_tokens": 2}))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(A + END + USAGE + DONE, id="in full"),
        pytest.param(A + END + USAGE, id="without [DONE]"),
        pytest.param((A + END + USAGE + DONE).rstrip(), id="without the last blank line"),
        pytest.param((A + END + USAGE + DONE).replace(b"\n", b"\r\n"), id="CRLF"),
        pytest.param((A + END + USAGE + DONE).replace(b"\n", b"\r"), id="CR"),
        pytest.param((A + END + USAGE + DONE).replace(b"data: ", b"data:"), id="no blank after the colon"),
        pytest.param((A + END + USAGE).replace(b"data: ", b"").replace(b"\n\n", b"\n"), id="bare JSON lines"),
        pytest.param(b": OPENROUTER PROCESSING\n\n" + A + b": x\n\n" + END + USAGE + DONE, id="comments"),
        pytest.param(A + b"data: not JSON\n\ndata: [1]\n\n" + END + USAGE + DONE, id="what is no chunk"),
        pytest.param(A + END + USAGE + DONE + A + DONE, id="more after [DONE]"),
    ],
)
def test_streams_that_end_well(data: bytes) -> None:
    for cuts in ((), range(len(data))):
        answer = fold(decode_all(data, *cuts))
        assert isinstance(answer, Response)
        assert (answer.parts, answer.stop, answer.usage) == ((Text("ä"),), "end", Usage(1, 2))


def test_done_ends_the_answer_before_the_body_ends() -> None:
    decoder = chat.decoder()
    assert isinstance(decoder.feed(A + END + DONE)[-1], Finished)
    assert decoder.feed(A) == []
    assert decoder.flush() == []


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(A, id="cut after text"),
        pytest.param(A + DONE, id="no finish reason"),
        pytest.param(A + END[:-20], id="cut in the last chunk"),
        pytest.param(DONE, id="only [DONE]"),
        pytest.param(USAGE + DONE, id="only usage"),
        pytest.param(b"<html>Bad Gateway</html>", id="a page"),
    ],
)
def test_streams_that_were_cut(data: bytes) -> None:
    assert decode_all(data)[-1] == Failed(Fault("server", "the stream ended without a finish reason"))


def test_calls_that_are_whole_need_no_finish_reason() -> None:
    def calling(arguments: str) -> bytes:
        call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": arguments}}
        return frame(chunk({"content": "a", "tool_calls": [call]})) + DONE

    answer = fold(decode_all(calling('{"a":1}')))
    assert isinstance(answer, Response) and answer.stop == "tool_call"
    assert isinstance(decode_all(calling('{"a":'))[-1], Failed)


def test_an_event_may_be_large_but_not_endless() -> None:
    words = "x" * (8 << 20)
    answer = fold(decode_all(stream(chunk({"content": words}), chunk({}, "stop"))))
    assert isinstance(answer, Response)
    assert answer.parts == (Text(words),)
    (failed,) = decode_all(b"data: " + b"x" * (MAX_EVENT + 1))
    assert isinstance(failed, Failed)
