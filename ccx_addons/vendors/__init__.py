"""What is known of vendors and their models: who answers at a host, whose model it is, and what both take.

The server at the host says most, then the model by its name, then the protocol's default. Where the maker of a model is
unknown at a host, or answers there itself, its own server's facts hold too. A look-up is a table's, once made.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from ccx_addons.vendors.anthropic import ANTHROPIC
from ccx_addons.vendors.azure import AZURE
from ccx_addons.vendors.bedrock import BEDROCK
from ccx_addons.vendors.cerebras import CEREBRAS
from ccx_addons.vendors.deepseek import DEEPSEEK
from ccx_addons.vendors.doubao import DOUBAO
from ccx_addons.vendors.facts import Chat, Differences, Facts, Gemini, Messages, Responses, Size, Vendor
from ccx_addons.vendors.fireworks import FIREWORKS
from ccx_addons.vendors.github import GITHUB
from ccx_addons.vendors.google import GOOGLE
from ccx_addons.vendors.groq import GROQ
from ccx_addons.vendors.llamacpp import LLAMA_CPP
from ccx_addons.vendors.lmstudio import LM_STUDIO
from ccx_addons.vendors.minimax import MINIMAX
from ccx_addons.vendors.mistral import MISTRAL
from ccx_addons.vendors.moonshot import MIMO, MOONSHOT
from ccx_addons.vendors.nvidia import NVIDIA
from ccx_addons.vendors.ollama import OLLAMA
from ccx_addons.vendors.openai import OPENAI
from ccx_addons.vendors.openrouter import OPENROUTER
from ccx_addons.vendors.qwen import QWEN
from ccx_addons.vendors.sglang import SGLANG
from ccx_addons.vendors.siliconflow import SILICONFLOW
from ccx_addons.vendors.together import TOGETHER
from ccx_addons.vendors.vertex import VERTEX
from ccx_addons.vendors.vllm import VLLM
from ccx_addons.vendors.xai import XAI
from ccx_addons.vendors.zhipu import ZHIPU

VENDORS: Final[tuple[Vendor, ...]] = (
    OPENAI, AZURE, ANTHROPIC, BEDROCK, GOOGLE, VERTEX, XAI, MISTRAL, DEEPSEEK, MOONSHOT, MIMO, ZHIPU, QWEN, MINIMAX,
    DOUBAO, GITHUB, GROQ, CEREBRAS, FIREWORKS, TOGETHER, OPENROUTER, SILICONFLOW, NVIDIA, OLLAMA, VLLM, SGLANG,
    LLAMA_CPP, LM_STUDIO,
)  # fmt: skip

NOTHING: Final[Differences] = {}

type Topic = Literal["size", "chat", "messages", "responses", "gemini"]

DEFAULTS: Final[dict[Topic, Any]] = {
    "size": Size(),
    "chat": Chat(),
    "messages": Messages(),
    "responses": Responses(),
    "gemini": Gemini(),
}
ORDER: Final[dict[Topic, str]] = {
    "size": "Model", "chat": "Chat Completions", "messages": "Messages", "responses": "Responses", "gemini": "Gemini",
}  # fmt: skip
"""What each topic is called."""


@dataclass(frozen=True, slots=True)
class Known:
    """One fact, for people: whose it is and which page says so."""

    topic: str
    name: str
    value: Any
    vendor: str
    source: str


@lru_cache(1024)
def host_of(base_url: str) -> str:
    return urlsplit(base_url).netloc.rpartition("@")[2].lower()


@lru_cache(1024)
def at_host(base_url: str) -> Vendor | None:
    """Who answers at a base URL; None: nobody we know."""
    host = host_of(base_url)
    return next((vendor for vendor in VENDORS if host and vendor.hosts and vendor.hosts.search(host)), None)


@lru_cache(1024)
def maker_of(model: str) -> Vendor | None:
    """Who makes models of this name; None: nobody we know."""
    name = model.lower()
    return next((vendor for vendor in VENDORS if any(family.has(name) for family in vendor.families)), None)


def _layers(base_url: str, model: str) -> Iterator[tuple[str, Facts]]:
    """Whose facts hold, those that win last."""
    server, maker = at_host(base_url), maker_of(model)
    if maker and server in (None, maker):
        yield maker.title, maker.server
    if maker:
        name = model.lower()
        yield from ((maker.title, family.facts) for family in maker.families if family.has(name))
    if server and server is not maker:
        yield server.title, server.server


def _facts(topic: Topic, base_url: str, model: str, said: Differences = NOTHING) -> Any:
    """``said``: what the channel says itself."""
    known: dict[str, Any] = {}
    for _, facts in _layers(base_url, model):
        known |= getattr(facts, topic)
    if said.get("switch") == "thinking" and "efforts" not in known:
        known["efforts"] = ()  # a switch alone is what the channel speaks of
    return replace(DEFAULTS[topic], **{**known, **said})


@lru_cache(1024)
def size(base_url: str, model: str) -> Size:
    found: Size = _facts("size", base_url, model)
    return found


@lru_cache(1024)
def chat(base_url: str, model: str, style: str = "auto") -> Chat:
    """``style``: how the channel says that an effort is written; ``auto``: as the vendor does."""
    found: Chat = _facts("chat", base_url, model, {} if style == "auto" else {"switch": style, "thinks": "default"})
    return found


@lru_cache(1024)
def messages(base_url: str, model: str) -> Messages:
    found: Messages = _facts("messages", base_url, model)
    return found


@lru_cache(1024)
def responses(base_url: str, model: str) -> Responses:
    found: Responses = _facts("responses", base_url, model)
    return found


@lru_cache(1024)
def gemini(base_url: str, model: str) -> Gemini:
    found: Gemini = _facts("gemini", base_url, model)
    return found


def explain(base_url: str, model: str) -> list[Known]:
    """Every fact that differs from a protocol's default, or that a page states."""
    found: dict[tuple[Topic, str], Known] = {}
    for vendor, facts in _layers(base_url, model):
        for topic, title in ORDER.items():
            for name, value in getattr(facts, topic).items():
                found[topic, name] = Known(title, name, value, vendor, facts.source)
    order = {(topic, member.name): n for topic in ORDER for n, member in enumerate(fields(DEFAULTS[topic]))}
    topics = list(ORDER)
    return [found[key] for key in sorted(found, key=lambda key: (topics.index(key[0]), order[key]))]
