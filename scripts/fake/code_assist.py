"""Code Assist, as far as Gemini CLI asks it (google-gemini/gemini-cli, packages/core/src/code_assist/types.ts)."""

import re
from typing import Any

PATH = re.compile(r"(?:/[\w.-]+)?/v1internal[:/](\w+).*")
FREE = {"id": "free-tier", "name": "Gemini Code Assist for individuals"}
PROJECT = "project-of-the-login"
CALLS: dict[str, Any] = {
    "loadCodeAssist": {"currentTier": FREE, "allowedTiers": [FREE], "cloudaicompanionProject": PROJECT},
    "onboardUser": {"name": "operations/o1", "done": False},
    "operations": {"name": "operations/o1", "done": True, "response": {"cloudaicompanionProject": {"id": PROJECT}}},
    "getCodeAssistGlobalUserSetting": {"cloudaicompanionProject": PROJECT, "freeTierDataCollectionOptin": False},
    "listExperiments": {"experimentIds": [], "flags": []},
    "retrieveUserQuota": {"buckets": []},
}


def opened(body: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The request in its envelope, and its model."""
    inner = dict(body.get("request") or {})
    model = str(body.get("model") or inner.get("model") or "").removeprefix("models/")
    inner.pop("session_id", inner.pop("sessionId", None))
    return inner, model


def enclosed(answer: Any) -> Any:
    return (
        {"response": answer, "traceId": "trace-fake"} if isinstance(answer, dict) and "candidates" in answer else answer
    )


def account(path: str) -> Any:
    found = PATH.fullmatch(path)
    return CALLS.get(found[1], {}) if found else {}
