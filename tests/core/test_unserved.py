"""Paths of vendors that the gateway does not have."""

import pytest

from ccx_addons.core.endpoints import ENDPOINTS, find
from ccx_addons.core.unserved import what


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/v1/files", "files; "),
        ("/v1/files/file-1/content", "files; "),
        ("/upload/v1beta/files", "files; "),
        ("/kimi/v1/uploads/u/parts", "files; "),
        ("/v1/messages/batches/b/results", "batches; "),
        ("/v1beta/models/g:batchGenerateContent", "batches; "),
        ("/v1/audio/speech", "speech or transcriptions"),
        ("/v1/realtime", "realtime sessions"),
        ("/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", "live sessions"),
        ("/v1alpha/auth_tokens", "live sessions"),
        ("/v1beta/models/veo:predictLongRunning", "videos"),
        ("/v1beta/models/imagen:predict", "pictures by :predict"),
        ("/v1beta/models/veo/operations/o", "long-running operations"),
        ("/v1beta/operations/o", "long-running operations"),
        ("/v2/rerank", "reranking"),
        ("/rerank", "reranking"),
        ("/v1/chat/completions/c/messages", "stored chat completions"),
        ("/v1/responses/r/cancel", "background answers"),
        ("/v1/conversations", "stored conversations; "),
        ("/v1beta/cachedContents/c", "cached contents"),
        ("/v1beta/interactions:stream", "interactions"),
        ("/v1/filesystem", ""),
        ("/v1/mesages", ""),
        ("/v1/models/m:free", ""),
        ("/v1/responses/r", ""),
        ("/", ""),
        ("", ""),
    ],
)
def test_what(path: str, words: str) -> None:
    assert what(path).startswith(words) and bool(what(path)) == bool(words)


def test_no_endpoint_is_unserved() -> None:
    assert not [e.pattern for e in ENDPOINTS if what(e.pattern) and "{call}" not in e.pattern]


def test_an_operation_is_no_model() -> None:
    assert find("GET", "/v1beta/models/veo/operations/o") is None and find("GET", "/v1/models/vendor/m:free")
