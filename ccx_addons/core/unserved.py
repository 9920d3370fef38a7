"""What vendors have and the gateway does not: clients are told what it is, instead of a path that is nowhere.

Paths: platform.openai.com/docs/api-reference, platform.claude.com/docs/en/api, ai.google.dev/api, docs.cohere.com.
"""

import re
from collections.abc import Mapping
from typing import Final

BEFORE: Final = re.compile(r"(?:/[^/]+)??/v\d+(?:alpha|beta)?\d*/|/")
"""A route prefix, Google's ``upload``, and the version."""

PLACES: Final = tuple(
    (re.compile(rf"(?:{pattern})(?:[/:].*)?"), what)
    for pattern, what in (
        (r"files|uploads", "files"),
        (r"batches|messages/batches", "batches"),
        (r"audio", "speech or transcriptions"),
        (r"realtime", "realtime sessions"),
        (r".*\.BidiGenerateContent\w*|models/.+:bidiGenerateContent|auth_tokens", "live sessions"),
        (r"videos|models/.+:predictLongRunning", "videos"),
        (r"models/.+:predict", "pictures by :predict"),
        (r"models/.+:(?:batchGenerateContent|asyncBatchEmbedContent)", "batches"),
        (r"(?:.+/)?operations", "long-running operations"),
        (r"moderations", "moderations"),
        (r"rerank|reranking", "reranking"),
        (r"vector_stores|fileSearchStores|corpora", "vector stores"),
        (r"fine_tuning|tunedModels", "fine-tuning"),
        (r"containers", "containers"),
        (r"conversations", "stored conversations"),
        (r"cachedContents", "cached contents"),
        (r"chat/completions/.+", "stored chat completions"),
        (r"responses/[^/]+/.+", "background answers, or lists of an answer's items"),
        (r"interactions", "interactions"),
        (r"skills", "skills"),
        (r"assistants|threads|agents|sessions|environments|vaults", "agents"),
        (r"evals|graders", "evaluations"),
        (r"organizations?", "administration of accounts"),
    )
)
"""What stands behind the version, and what it is."""
INSTEAD: Final[Mapping[str, str]] = {
    "files": "; a file's content may stand in the request itself",
    "batches": "; send the requests one by one",
    "stored conversations": "; previous_response_id continues an answer",
}


def what(path: str) -> str:
    """What a path is that is no endpoint, and what can be done instead; empty: nobody has such a path."""
    before = BEFORE.match(path)
    rest = path[before.end() :].rstrip("/") if before else ""
    found = next((words for pattern, words in PLACES if pattern.fullmatch(rest)), "")
    return found + INSTEAD.get(found, "")
