from typing import Any

import pytest

from ccx_addons.core.billing import MOST_SEARCHES, MOST_USD, PLAIN, Billing, billing_of
from ccx_addons.core.config import Kind
from ccx_addons.core.neutral import Usage
from ccx_addons.core.read import LARGEST
from ccx_addons.protocols import PROTOCOLS

CHAT = {"prompt_tokens": 10, "completion_tokens": 5}
CLAUDE = {"input_tokens": 10, "output_tokens": 5}


@pytest.mark.parametrize(
    ("kind", "usage", "asked", "found"),
    [
        pytest.param("chat", CHAT, None, PLAIN, id="nothing said"),
        pytest.param("chat", CHAT, "flex", Billing("flex"), id="asked for flex"),
        pytest.param("chat", CHAT, "auto", PLAIN, id="asked for nothing special"),
        pytest.param("chat", CHAT, ["flex"], PLAIN, id="asked for nonsense"),
        pytest.param("chat", {**CHAT, "cost": 0.95}, None, Billing(usd=0.95), id="a router's cost"),
        pytest.param(
            "chat",
            {**CHAT, "cost": 0.05, "is_byok": True, "cost_details": {"upstream_inference_cost": 1.0}},
            None,
            Billing(usd=1.05),
            id="a router's fee and the vendor's cost",
        ),
        pytest.param("chat", {**CHAT, "cost": {"total_cost": 0.006}}, None, Billing(usd=0.006), id="cost as a table"),
        pytest.param("chat", {**CHAT, "cost_in_usd_ticks": 37_756_000}, None, Billing(usd=0.0037756), id="ticks"),
        pytest.param("chat", {**CHAT, "cost": -1}, None, PLAIN, id="less than nothing"),
        pytest.param("chat", {**CHAT, "cost": "1"}, None, PLAIN, id="no number"),
        pytest.param("chat", {**CHAT, "cost": 10**400}, None, PLAIN, id="no number that can be"),
        pytest.param("chat", {**CHAT, "cost": 1e300}, None, Billing(usd=MOST_USD), id="absurd"),
        pytest.param(
            "chat",
            {**CHAT, "prompt_tokens_details": {"audio_tokens": 7}, "completion_tokens_details": {"audio_tokens": 3}},
            None,
            Billing(taken=(("audio", 7),), given=(("audio", 3),)),
            id="sound",
        ),
        pytest.param(
            "gemini",
            {
                "promptTokenCount": 9,
                "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 8}, {"modality": "TEXT"}],
            },
            None,
            Billing(taken=(("audio", 8),)),
            id="sound in Gemini",
        ),
        pytest.param(
            "gemini",
            {"candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": n} for n in (1290, 1290)]},
            None,
            Billing(given=(("image", 2580),)),
            id="pictures of Gemini",
        ),
        pytest.param(
            "chat",
            {**CHAT, "completion_tokens_details": {"image_tokens": 5, "reasoning_tokens": 0}},
            None,
            Billing(given=(("image", 5),)),
            id="a picture in a chat",
        ),
        pytest.param(
            "images",
            {**CLAUDE, "input_tokens_details": {"text_tokens": 6, "image_tokens": 4}},
            None,
            Billing(taken=(("image", 4),), given=(("image", 5),)),
            id="an answer of pictures alone",
        ),
        pytest.param(
            "images",
            {**CLAUDE, "output_tokens_details": {"text_tokens": 2, "image_tokens": 3}, "cost": 0.5},
            None,
            Billing(given=(("image", 3),), usd=0.5),
            id="pictures and thoughts, and a router's cost",
        ),
        pytest.param("embeddings", {"prompt_tokens": 10, "cost": 0.5}, None, Billing(usd=0.5), id="a router's vectors"),
        pytest.param(
            "messages",
            {**CLAUDE, "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 4}},
            None,
            Billing(long_writes=4),
            id="an hour",
        ),
        pytest.param(
            "messages",
            {**CLAUDE, "server_tool_use": {"web_search_requests": 3}},
            None,
            Billing(searches=3),
            id="searches",
        ),
        pytest.param(
            "messages",
            {**CLAUDE, "server_tool_use": {"web_search_requests": 10**30}},
            None,
            Billing(searches=MOST_SEARCHES),
            id="absurdly many searches",
        ),
        pytest.param(
            "messages",
            {
                **CLAUDE,
                "cache_creation_input_tokens": 900,
                "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
            },
            None,
            Billing(long_writes=600),
            id="an hour, of which a stream tells the first turn alone",
        ),
        pytest.param(
            "messages", {**CLAUDE, "inference_geo": "us"}, None, Billing(factor=1.1), id="made in one country"
        ),
        pytest.param("messages", {**CLAUDE, "inference_geo": "global"}, None, PLAIN, id="made anywhere"),
        pytest.param("messages", {**CLAUDE, "speed": "fast"}, None, Billing("fast"), id="fast"),
        pytest.param("messages", {**CLAUDE, "service_tier": "batch"}, None, Billing("batch"), id="batch"),
        pytest.param("messages", {**CLAUDE, "service_tier": "priority"}, None, PLAIN, id="paid in advance"),
        pytest.param(
            "responses", {**CLAUDE, "cost_in_usd_ticks": 10**10}, "priority", Billing("priority", usd=1.0), id="both"
        ),
    ],
)
def test_billing(kind: Kind, usage: dict[str, Any], asked: Any, found: Billing) -> None:
    name = "usageMetadata" if kind == "gemini" else "usage"
    read = PROTOCOLS[kind].usage_of({name: usage})
    assert read and billing_of(read, asked) == found


SEARCH = {"type": "web_search_call", "action": {"type": "search"}}
OPENED = {"type": "web_search_call", "action": {"type": "open_page"}}


@pytest.mark.parametrize(
    ("kind", "answer", "asked", "found"),
    [
        ("chat", {"usage": CHAT, "service_tier": "default"}, "priority", PLAIN),
        ("chat", {"usage": CHAT, "service_tier": "priority"}, "auto", Billing("priority")),
        ("chat", {"usage": CHAT, "service_tier": "auto"}, "flex", Billing("flex")),
        ("chat", {"usage": {**CHAT, "cost": 1}, "service_tier": "flex"}, None, Billing("flex", usd=1.0)),
        ("responses", {"usage": CLAUDE, "service_tier": "default"}, "priority", PLAIN),
        ("responses", {"usage": CLAUDE, "output": [SEARCH, OPENED, SEARCH]}, None, Billing(searches=2)),
        ("gemini", {"usageMetadata": {"promptTokenCount": 9},
                    "candidates": [{"groundingMetadata": {"webSearchQueries": ["a", "b"]}}]}, None, Billing(searches=2)),
    ],
    ids=["not as asked", "by the account", "not told", "and a cost", "not as asked (Responses)", "searches", "queries"],
)  # fmt: skip
def test_what_stands_beside_the_counts(kind: Kind, answer: dict[str, Any], asked: Any, found: Billing) -> None:
    read = PROTOCOLS[kind].usage_of(answer)
    assert read and billing_of(read, asked) == found


def test_absurd_counts_are_clamped() -> None:
    read = PROTOCOLS["chat"].usage_of({"usage": {"prompt_tokens": 10**30, "completion_tokens": 1e30}})
    assert read == Usage(LARGEST, LARGEST)
