"""Channels from other gateways' files, and back: their data -> entries of ``channels``, and what could not be carried.

Field names: the original's config.json (2.x; of 3.x docs/specs/channel-data-model-v2 and its structs), https://docs.litellm.ai/docs/proxy/configs,
https://github.com/QuantumNous/new-api (constant/channel.go; one-api has the same numbers),
https://github.com/musistudio/claude-code-router, and the variables that the vendors' SDKs read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ccx_addons.core.errors import CcxError

type Json = Any
type Table = Mapping[str, Json]

ORIGINAL: Final = {
    "upstream": "messages", "chatUpstream": "chat", "responsesUpstream": "responses", "geminiUpstream": "gemini",
    "imagesUpstream": "images", "vectorsUpstream": "embeddings",
}  # fmt: skip
"""The original's lists, and the kind of their clients."""
SERVICES: Final = {"claude": "messages", "openai": "chat", "gemini": "gemini", "responses": "responses"}
CARRIED: Final = frozenset({
    "name", "serviceType", "baseUrl", "baseUrls", "apiKeys", "modelMapping", "supportedModels", "routePrefix",
    "customHeaders", "proxyUrl", "priority", "status", "insecureSkipVerify", "channelUid", "index", "apiKeyConfigs",
    "rateLimitRpm", "rateLimitWindowMinutes", "rateLimitMaxConcurrent", "noVision", "tags", "website", "description",
    "requestTimeoutMs", "responseHeaderTimeoutMs", "streamFirstContentTimeoutMs", "streamInactivityTimeoutMs",
    "streamToolCallIdleTimeoutMs", "accountUid", "providerId", "autoManaged", "autoManagedAt", "autoManagedKind",
    "logicalChannelUid", "logicalName", "originType", "originTier",
})  # fmt: skip
TIMEOUTS: Final = {
    "requestTimeoutMs": "total", "responseHeaderTimeoutMs": "first_byte", "streamFirstContentTimeoutMs": "first_event",
    "streamInactivityTimeoutMs": "idle", "streamToolCallIdleTimeoutMs": "tool_idle",
}  # fmt: skip
VENDORS: Final[Mapping[str, tuple[str, str]]] = {
    "openai": ("chat", "https://api.openai.com"),
    "anthropic": ("messages", "https://api.anthropic.com"),
    "gemini": ("gemini", "https://generativelanguage.googleapis.com"),
    "openrouter": ("chat", "https://openrouter.ai/api/v1"),
    "deepseek": ("chat", "https://api.deepseek.com"),
    "mistral": ("chat", "https://api.mistral.ai"),
    "xai": ("chat", "https://api.x.ai"),
    "groq": ("chat", "https://api.groq.com/openai/v1"),
    "moonshot": ("chat", "https://api.moonshot.cn"),
    "ollama": ("chat", "http://localhost:11434"),
    "ollama_chat": ("chat", "http://localhost:11434"),
    "together_ai": ("chat", "https://api.together.xyz/v1"),
    "fireworks_ai": ("chat", "https://api.fireworks.ai/inference/v1"),
    "hosted_vllm": ("chat", ""),
    "siliconflow": ("chat", "https://api.siliconflow.cn"),
    "zhipu": ("chat", "https://open.bigmodel.cn/api/paas/v4"),
    "dashscope": ("chat", "https://dashscope.aliyuncs.com/compatible-mode/v1"),
    "volcengine": ("chat", "https://ark.cn-beijing.volces.com/api/v3"),
}
"""LiteLLM's prefixes of models -> protocol and the address where none is given."""
NUMBERS: Final = {
    1: "openai", 4: "ollama", 8: "openai", 14: "anthropic", 17: "dashscope", 20: "openrouter", 24: "gemini",
    25: "moonshot", 26: "zhipu", 40: "siliconflow", 42: "mistral", 43: "deepseek", 45: "volcengine", 48: "xai",
}  # fmt: skip
"""new-api's and one-api's types of channels -> a name of VENDORS."""
SDKS: Final = (
    ("anthropic", ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"), "ANTHROPIC_BASE_URL"),
    ("openai", ("OPENAI_API_KEY",), "OPENAI_BASE_URL"),
    ("gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), "GOOGLE_GEMINI_BASE_URL"),
    ("deepseek", ("DEEPSEEK_API_KEY",), "DEEPSEEK_BASE_URL"),
    ("openrouter", ("OPENROUTER_API_KEY",), ""),
    ("mistral", ("MISTRAL_API_KEY",), ""),
    ("xai", ("XAI_API_KEY",), ""),
    ("groq", ("GROQ_API_KEY",), ""),
    ("moonshot", ("MOONSHOT_API_KEY",), ""),
)
"""Vendor, variables of its key, variable of its address."""
TEXT: Final = ["messages", "chat", "responses", "gemini"]
"""What a channel serves whose gateway converted: all that convert into each other here."""
NAMES: Final = (("embedding", "embeddings"), ("dall-e", "images"), ("gpt-image", "images"))
"""Parts of models' names that are not for text, and their kind."""
MODES: Final = {"embedding": "embeddings", "image_generation": "images"}


class Unknown(CcxError):
    """The file is of none of the programs that are known here."""


@dataclass(slots=True)
class Moved:
    """``channels``: entries of ccx.yaml; ``left``: sentences about what they do not hold."""

    channels: list[dict[str, Json]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def add(self, name: str, protocol: str, urls: Sequence[str], keys: Sequence[Json], **more: Json) -> None:
        """What is empty is left out."""
        if not all(urls) or not urls:
            self.left.append(f"{name}: has no address")
            return
        taken = {channel["name"] for channel in self.channels}
        unique = next(n for n in (name, *(f"{name}-{i}" for i in range(2, 10_000))) if n not in taken)
        found = {"name": unique, "protocol": protocol, "base_urls": list(urls), "keys": list(keys), **more}
        self.channels.append({field: value for field, value in found.items() if value not in ("", [], {}, None)})


def read(data: Json) -> Moved:
    """Raises Unknown."""
    if isinstance(data, Mapping):
        if "model_list" in data:
            return litellm(data)
        if "Providers" in data or "providers" in data:
            return claude_code_router(data)
        if "channelsV3" in data or any(name in data for name in ORIGINAL):
            return original(data)
        inner = data.get("data", data)
        data = inner.get("items", inner) if isinstance(inner, Mapping) else inner
    if isinstance(data, list) and data and all(isinstance(row, Mapping) and "type" in row for row in data):
        return new_api(data)
    raise Unknown(
        "this is no config.json of the original, no config.yaml of LiteLLM, no export of new-api or one-api, "
        "no config of claude-code-router, and no .env with keys of vendors"
    )


# ---- the original ----------------------------------------------------------------------------------------------------
def original(data: Table) -> Moved:
    """Of version 3 ``channelsV3`` decides, also where the old lists are still there; its managed keys are elsewhere."""
    moved = Moved()
    accounts = (account for account in data.get("managedAccounts") or () if isinstance(account, Mapping))
    credentials = [credential for account in accounts for credential in account.get("credentials") or ()]
    vault = {str(each.get("credentialUid")): str(each.get("apiKey") or "") for each in credentials}
    found = list(_members(data.get("channelsV3"), Place())) or list(_lists(data))
    for place, entry in sorted(found, key=lambda each: each[0].index):
        _original(moved, place, entry, vault)
    return moved


@dataclass(frozen=True, slots=True)
class Place:
    """Where a channel stands there: the kind of its clients, its site's name, and its place in the old list."""

    kind: str = ""
    name: str = ""
    index: int = 0


def _lists(data: Table) -> Iterator[tuple[Place, Table]]:
    for name, kind in ORIGINAL.items():
        for entry in data.get(name) or ():
            yield Place(kind), entry


def _members(node: Json, place: Place) -> Iterator[tuple[Place, Table]]:
    """Of version 3: whole channels somewhere below each entry; words beside or above say for which kind, and whose."""
    if isinstance(node, Mapping):
        words = (node.get(name) for name in ("kind", "protocol", "channelKind"))
        kind = next((_kind(word) for word in words if _kind(word)), place.kind)
        index = node.get("index", place.index)
        place = Place(kind, str(node.get("name") or place.name), index if isinstance(index, int) else place.index)
        if (node.get("baseUrl") or node.get("baseUrls")) and ("serviceType" in node or "apiKeys" in node):
            yield replace(place, kind=kind or SERVICES.get(str(node.get("serviceType")), "chat")), node
            return
        for name, value in node.items():
            yield from _members(value, replace(place, kind=_kind(name) or kind))
    elif isinstance(node, list):
        for value in node:
            yield from _members(value, place)


def _kind(word: Json) -> str:
    found = {"vectors": "embeddings"}.get(str(word), str(word))
    return found if found in ORIGINAL.values() else ""


def _original(moved: Moved, place: Place, entry: Table, vault: Mapping[str, str]) -> None:
    kind, name = place.kind, str(entry.get("name") or place.name or entry.get("channelUid") or place.kind)
    service = str(entry.get("serviceType") or "")
    protocol = kind if kind in ("images", "embeddings") else SERVICES.get(service, kind if not service else "")
    if not protocol:
        moved.left.append(f"{name}: its service {service} is not supported")
        return
    keys = _keys(moved, name, entry, vault)
    mapping = entry.get("modelMapping") or {}
    mapping = {f"*{source}*": mapping[source] for source in sorted(mapping, key=lambda source: -len(source))}
    timeouts = {ours: entry[theirs] / 1000 for theirs, ours in TIMEOUTS.items() if (entry.get(theirs) or 0) > 0}
    moved.add(
        name, protocol, entry.get("baseUrls") or [entry.get("baseUrl") or ""], keys,
        serves=[kind] if kind != protocol else None, models=mapping, allow=entry.get("supportedModels"),
        route_prefix=entry.get("routePrefix"), headers=entry.get("customHeaders"), proxy=entry.get("proxyUrl"),
        priority=entry.get("priority") or None, limits=_limits(entry), timeouts=timeouts,
        no_vision=True if entry.get("noVision") else None, tags=entry.get("tags"), website=entry.get("website"),
        note=entry.get("description"),
        status=entry.get("status") if entry.get("status") in ("suspended", "disabled") else None,
        verify_tls=False if entry.get("insecureSkipVerify") else None,
    )  # fmt: skip
    if rest := sorted(name for name, value in entry.items() if value and name not in CARRIED):
        moved.left.append(f"{name}: {', '.join(rest)}")


def _keys(moved: Moved, name: str, entry: Table, vault: Mapping[str, str]) -> list[Json]:
    """What is said of a key stands beside it, under its secret or its number among the managed ones."""
    found: dict[str, Json] = {str(key): str(key) for key in entry.get("apiKeys") or ()}
    for said in entry.get("apiKeyConfigs") or ():
        secret = str(said.get("key") or vault.get(str(said.get("credentialUid"))) or "")
        if not secret:
            moved.left.append(f"{name}: the file does not hold one of its keys; put it in")
            continue
        more = {
            "name": said.get("name"), "weight": said.get("weight"), "models": said.get("models"),
            "base_url": said.get("baseUrl"), "limits": _limits(said),
        }  # fmt: skip
        kept = {field: value for field, value in more.items() if value}
        if said.get("enabled") is False:
            kept["enabled"] = False
        found[secret] = {"key": secret, **kept} if kept else secret
    masked = [secret for secret in found if "*" in secret]
    if masked:
        moved.left.append(f"{name}: the file holds its keys masked; put them in")
    return [value for secret, value in found.items() if secret not in masked]


def _limits(said: Table) -> dict[str, int]:
    """Its windows are of a minute unless it says otherwise."""
    window = said.get("rateLimitWindowMinutes") or 60
    rpm = round((said.get("rateLimitRpm") or 0) * 60 / window)
    found = {"rpm": rpm, "concurrency": said.get("rateLimitMaxConcurrent") or 0}
    return {name: number for name, number in found.items() if number}


# ---- LiteLLM ---------------------------------------------------------------------------------------------------------
def litellm(data: Table) -> Moved:
    """Deployments of one vendor, address and key become one channel; fallbacks inside it, chains."""
    moved, places = Moved(), dict[tuple[str, ...], dict[str, list[str]]]()
    for entry in data.get("model_list") or ():
        given = entry.get("litellm_params") or {}
        vendor, _, model = str(given.get("model", "")).rpartition("/")
        vendor = vendor.partition("/")[0] or "openai"
        model = str(given.get("model", "")).removeprefix(f"{vendor}/")
        name = str(entry.get("model_name", ""))
        if vendor not in VENDORS:
            moved.left.append(f"{name}: the vendor {vendor} is not supported")
            continue
        protocol, address = VENDORS[vendor]
        protocol = MODES.get(str((entry.get("model_info") or {}).get("mode")), protocol)
        place = (vendor, protocol, str(given.get("api_base") or address), _environment(given.get("api_key")))
        places.setdefault(place, {}).setdefault(name, []).append(model)
        if rest := sorted(set(given) - {"model", "api_base", "api_key"}):
            moved.left.append(f"{name}: {', '.join(rest)}")
    fallbacks = _fallbacks(data)
    for (vendor, protocol, address, key), models in places.items():
        for name, others in fallbacks.items():
            if name in models and all(other in models for other in others):
                models[name] = [*models[name], *(model for other in others for model in models[other])]
                others.clear()
        mapping = {name: _written(to) for name, to in models.items() if to != [name]}
        serves = TEXT if protocol in TEXT else None
        moved.add(vendor, protocol, [address], [key] if key else [], serves=serves, models=mapping, allow=list(models))
    if rest := [name for name, others in fallbacks.items() if others]:
        moved.left.append(f"the fallbacks of {', '.join(rest)}: not inside one channel; priorities do that here")
    if rest := _settings_left(data):
        moved.left.append(f"the file's {', '.join(rest)}")
    return moved


def _fallbacks(data: Table) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for part in ("router_settings", "litellm_settings"):
        for entry in (data.get(part) or {}).get("fallbacks") or ():
            found |= {str(name): [str(other) for other in others] for name, others in entry.items()}
    return found


def _settings_left(data: Table) -> list[str]:
    alone = [name for name in ("router_settings", "litellm_settings") if set(data.get(name) or ()) == {"fallbacks"}]
    return sorted(set(data) - {"model_list", *alone})


def _written(models: Sequence[str]) -> Json:
    several = list(dict.fromkeys(models))
    return several if len(several) > 1 else several[0]


def _environment(key: Json) -> str:
    text = str(key or "")
    return f"env:{text.removeprefix('os.environ/')}" if text.startswith("os.environ/") else text


def to_litellm(channels: Sequence[Table]) -> tuple[dict[str, Json], list[str]]:
    """Entries of ``channels`` as a config.yaml, and what it does not hold."""
    words = {"messages": "anthropic", "gemini": "gemini"}
    rows: list[dict[str, Json]] = []
    fallbacks: dict[str, list[str]] = {}
    left = []
    for channel in channels:
        models = dict.fromkeys(channel.get("allow") or ()) | dict(channel.get("models") or {})
        plain = {name: to for name, to in models.items() if not any(c in name for c in "*!")}
        if len(plain) < len(models) or not plain:
            left.append(f"{channel['name']}: only models that are named can be carried, no patterns")
        for url in channel["base_urls"]:
            for key in channel.get("keys") or [""]:
                secret = key if isinstance(key, str) else str(key.get("key", ""))
                for name, to in _groups(plain, fallbacks):
                    given = {"model": f"{words.get(channel['protocol'], 'openai')}/{to}", "api_base": url}
                    if secret:
                        given["api_key"] = f"os.environ/{secret[4:]}" if secret.startswith("env:") else secret
                    rows.append({"model_name": name, "litellm_params": given})
    chains = {"router_settings": {"fallbacks": [{name: others} for name, others in fallbacks.items()]}}
    return {"model_list": rows, **(chains if fallbacks else {})}, left


def _groups(models: Table, fallbacks: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """Name and upstream model; the later models of a chain are groups of their own names there."""
    for name, target in models.items():
        chain = target if isinstance(target, list) else [target]
        names = [name, *(f"{name}-{n}" for n in range(2, len(chain) + 1))]
        if len(chain) > 1:
            fallbacks[name] = names[1:]
        for group, entry in zip(names, chain, strict=True):
            yield group, (entry.get("to") if isinstance(entry, Mapping) else entry) or name


# ---- new-api and one-api ---------------------------------------------------------------------------------------------
def new_api(rows: Sequence[Table]) -> Moved:
    moved = Moved()
    for row in rows:
        name = str(row.get("name") or row.get("id") or "channel")
        vendor = NUMBERS.get(int(row["type"])) if str(row["type"]).isdecimal() else None
        if vendor is None:
            moved.left.append(f"{name}: channels of type {row['type']} are not supported")
            continue
        protocol, address = VENDORS[vendor]
        mapping = _mapping(moved, name, row.get("model_mapping"))
        for kind, models in _by_kind(protocol, _listed(row.get("models"))).items():
            moved.add(
                name, kind, [str(row.get("base_url") or address)], str(row.get("key") or "").split(),
                serves=TEXT if kind in TEXT else None, allow=models,
                models={source: to for source, to in mapping.items() if not models or source in models},
                priority=_rank(row, rows), weight=row.get("weight") or None,
                status=None if row.get("status", 1) == 1 else "suspended",
            )  # fmt: skip
        if not row.get("key"):
            moved.left.append(f"{name}: the export holds no key; put it in")
    return moved


def _by_kind(protocol: str, models: list[str]) -> dict[str, list[str]]:
    """There one channel has models for text, embeddings and pictures; here each kind has its own."""
    found: dict[str, list[str]] = {}
    for model in models:
        kind = next((kind for part, kind in NAMES if part in model), protocol) if protocol == "chat" else protocol
        found.setdefault(kind, []).append(model)
    return found or {protocol: []}


def _rank(row: Table, rows: Sequence[Table]) -> int | None:
    """There the largest is first, here the smallest."""
    ranks = sorted({int(other.get("priority") or 0) for other in rows}, reverse=True)
    return ranks.index(int(row.get("priority") or 0)) + 1 if len(ranks) > 1 else None


def _listed(value: Json) -> list[str]:
    words = value.split(",") if isinstance(value, str) else value or ()
    return [str(word).strip() for word in words if str(word).strip()]


def _mapping(moved: Moved, name: str, value: Json) -> dict[str, str]:
    """Both programs keep it as text."""
    try:
        found = json.loads(value) if isinstance(value, str) and value.strip() else value or {}
    except ValueError:
        found = None
    if not isinstance(found, Mapping):
        moved.left.append(f"{name}: its model_mapping is no JSON object")
        return {}
    return {str(source): str(target) for source, target in found.items()}


# ---- claude-code-router ----------------------------------------------------------------------------------------------
def claude_code_router(data: Table) -> Moved:
    moved = Moved()
    for entry in data.get("Providers") or data.get("providers") or ():
        name, url = str(entry.get("name")), str(entry.get("api_base_url", ""))
        uses, patterns = _transformers(entry), [found for route, _ in _routes(data) if (found := _pattern(route))]
        protocol = "messages" if "Anthropic" in uses or url.endswith("/messages") else "chat"
        if "gemini" in uses:
            protocol, url = "gemini", url.partition("/models")[0]
        key = str(entry.get("api_key") or "")
        key = f"env:{key.strip('${}')}" if key.startswith("$") else key
        routes = {_pattern(route): to.partition(",")[2] for route, to in _routes(data) if to.startswith(f"{name},")}
        routes.pop("", None)
        elsewhere = [pattern for pattern in patterns if pattern != "claude-*" and pattern not in routes]
        allow = [*_listed(entry.get("models")), *routes]
        allow += [f"!{pattern}" for pattern in elsewhere if "claude-*" in routes]
        moved.add(name, protocol, [url], [key] if key else [], serves=TEXT, models=routes, allow=allow)
        if rest := [use for use in uses if use not in ("gemini", "Anthropic", "openrouter", "deepseek")]:
            moved.left.append(f"{name}: the transformers {', '.join(rest)}")
    if rest := [route for route, _ in _routes(data) if not _pattern(route)]:
        moved.left.append(f"the routes {', '.join(rest)}: there is no rule for them here")
    return moved


def _transformers(entry: Table) -> list[str]:
    uses = (entry.get("transformer") or {}).get("use") or ()
    return [str(use[0] if isinstance(use, list) and use else use) for use in uses]


def _routes(data: Table) -> list[tuple[str, str]]:
    return [(name, to) for name, to in (data.get("Router") or {}).items() if isinstance(to, str) and "," in to]


def _pattern(route: str) -> str:
    """Which of Claude Code's models a route is for."""
    return {"default": "claude-*", "background": "*haiku*"}.get(route, "")


# ---- variables of SDKs -----------------------------------------------------------------------------------------------
def environment(variables: Mapping[str, str]) -> Moved:
    """Their names, not their values, go into the file."""
    moved = Moved()
    for vendor, names, address in SDKS:
        protocol, usual = VENDORS[vendor]
        if keys := [f"env:{name}" for name in names if variables.get(name)]:
            moved.add(vendor, protocol, [variables.get(address) or usual], keys)
            moved.left.append(f"{vendor}: the values of its variables; they belong into config/.env")
    return moved
