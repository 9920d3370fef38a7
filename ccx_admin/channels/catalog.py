"""The common providers: what a new channel of theirs looks like, and which keys and hosts are theirs.

Addresses are those of the vendors' own API references; a person may change every one before saving. What is known of
who answers there is in ccx_addons/vendors.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from ccx_addons.core.config import Kind


@dataclass(frozen=True, slots=True)
class Template:
    """``keys``: prefixes of this provider's keys. ``hosts``: its host names, also those of its web pages."""

    id: str
    label: str
    protocol: Kind
    base_url: str
    serves: tuple[Kind, ...] = ()
    key_page: str = ""
    keys: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    note: str = ""

    @property
    def channel(self) -> dict[str, Any]:
        """The settings of a channel; its keys are missing."""
        found: dict[str, Any] = {"name": self.id, "protocol": self.protocol, "base_urls": [self.base_url]}
        if self.serves:
            found["serves"] = list(self.serves)
        if self.key_page:
            found["website"] = self.key_page
        return found


TEMPLATES: Final[tuple[Template, ...]] = (
    Template(
        "anthropic", "Anthropic", "messages", "https://api.anthropic.com", (),
        "https://console.anthropic.com/settings/keys", ("sk-ant-",),
        ("api.anthropic.com", "console.anthropic.com", "platform.claude.com"),
    ),
    Template(
        "openai", "OpenAI, Responses (Codex)", "responses", "https://api.openai.com/v1", ("responses",),
        "https://platform.openai.com/api-keys", ("sk-proj-", "sk-svcacct-"), ("api.openai.com", "platform.openai.com"),
    ),
    Template(
        "openai-chat", "OpenAI, Chat Completions", "chat", "https://api.openai.com/v1", (),
        "https://platform.openai.com/api-keys",
    ),
    Template(
        "openai-embeddings", "OpenAI, embeddings", "embeddings", "https://api.openai.com/v1", (),
        "https://platform.openai.com/api-keys",
    ),
    Template(
        "openai-images", "OpenAI, images", "images", "https://api.openai.com/v1", (),
        "https://platform.openai.com/api-keys",
    ),
    Template(
        "gemini", "Google Gemini", "gemini", "https://generativelanguage.googleapis.com", (),
        "https://aistudio.google.com/apikey", ("AIza",),
        ("generativelanguage.googleapis.com", "aistudio.google.com", "ai.google.dev"),
    ),
    Template(
        "deepseek", "DeepSeek", "chat", "https://api.deepseek.com", ("chat", "messages"),
        "https://platform.deepseek.com/api_keys", (), ("api.deepseek.com", "platform.deepseek.com"),
    ),
    Template(
        "deepseek-claude", "DeepSeek for Claude Code", "messages", "https://api.deepseek.com/anthropic", (),
        "https://platform.deepseek.com/api_keys",
    ),
    Template(
        "glm", "GLM (BigModel)", "chat", "https://open.bigmodel.cn/api/paas/v4", ("chat", "messages"),
        "https://open.bigmodel.cn/usercenter/apikeys", (), ("open.bigmodel.cn", "bigmodel.cn"),
    ),
    Template(
        "glm-claude", "GLM for Claude Code (BigModel)", "messages", "https://open.bigmodel.cn/api/anthropic", (),
        "https://open.bigmodel.cn/usercenter/apikeys",
    ),
    Template(
        "zai-claude", "GLM for Claude Code (Z.ai)", "messages", "https://api.z.ai/api/anthropic", (),
        "https://z.ai/manage-apikey/apikey-list", (), ("api.z.ai", "z.ai"),
    ),
    Template(
        "kimi", "Kimi (Moonshot)", "chat", "https://api.moonshot.ai/v1", ("chat", "messages"),
        "https://platform.moonshot.ai/console/api-keys", (), ("api.moonshot.ai", "platform.moonshot.ai"),
    ),
    Template(
        "kimi-cn", "Kimi (Moonshot, China)", "chat", "https://api.moonshot.cn/v1", ("chat", "messages"),
        "https://platform.moonshot.cn/console/api-keys", (), ("api.moonshot.cn", "platform.moonshot.cn"),
    ),
    Template(
        "kimi-claude", "Kimi for Claude Code", "messages", "https://api.moonshot.ai/anthropic", (),
        "https://platform.moonshot.ai/console/api-keys",
    ),
    Template(
        "minimax", "MiniMax", "messages", "https://api.minimax.io/anthropic", (),
        "https://platform.minimax.io/user-center/basic-information/interface-key", (),
        ("api.minimax.io", "platform.minimax.io"),
    ),
    Template(
        "qwen", "Qwen (DashScope)", "chat", "https://dashscope.aliyuncs.com/compatible-mode/v1", ("chat", "messages"),
        "https://bailian.console.aliyun.com/?tab=model#/api-key", (),
        ("dashscope.aliyuncs.com", "bailian.console.aliyun.com"),
    ),
    Template(
        "openrouter", "OpenRouter", "chat", "https://openrouter.ai/api/v1", ("chat", "messages"),
        "https://openrouter.ai/settings/keys", ("sk-or-",), ("openrouter.ai",),
    ),
    Template(
        "groq", "Groq", "chat", "https://api.groq.com/openai/v1", (),
        "https://console.groq.com/keys", ("gsk_",), ("api.groq.com", "console.groq.com"),
    ),
    Template(
        "xai", "xAI", "chat", "https://api.x.ai/v1", (),
        "https://console.x.ai", ("xai-",), ("api.x.ai", "console.x.ai"),
    ),
    Template(
        "mistral", "Mistral", "chat", "https://api.mistral.ai/v1", (),
        "https://console.mistral.ai/api-keys", (), ("api.mistral.ai", "console.mistral.ai"),
    ),
    Template(
        "huggingface", "Hugging Face", "chat", "https://router.huggingface.co/v1", (),
        "https://huggingface.co/settings/tokens", ("hf_",), ("router.huggingface.co", "huggingface.co"),
    ),
    Template(
        "siliconflow", "SiliconFlow", "chat", "https://api.siliconflow.cn/v1", (),
        "https://cloud.siliconflow.cn/account/ak", (), ("api.siliconflow.cn", "cloud.siliconflow.cn"),
    ),
    Template(
        "cerebras", "Cerebras", "chat", "https://api.cerebras.ai/v1", (),
        "https://cloud.cerebras.ai", ("csk-",), ("api.cerebras.ai", "cloud.cerebras.ai"),
    ),
    Template(
        "fireworks", "Fireworks", "chat", "https://api.fireworks.ai/inference/v1", (),
        "https://app.fireworks.ai/settings/users/api-keys", ("fw_",), ("api.fireworks.ai", "app.fireworks.ai"),
    ),
    Template(
        "together", "Together", "chat", "https://api.together.xyz/v1", (),
        "https://api.together.ai/settings/api-keys", (), ("api.together.xyz", "api.together.ai"),
    ),
    Template(
        "nvidia", "NVIDIA NIM", "chat", "https://integrate.api.nvidia.com/v1", (),
        "https://build.nvidia.com", ("nvapi-",), ("integrate.api.nvidia.com", "build.nvidia.com"),
    ),
    Template(
        "volcengine", "Volcengine Ark (Doubao)", "chat", "https://ark.cn-beijing.volces.com/api/v3", (),
        "https://console.volcengine.com/ark", (), ("ark.cn-beijing.volces.com", "console.volcengine.com"),
    ),
    Template(
        "lmstudio", "LM Studio (local)", "chat", "http://127.0.0.1:1234/v1",
        note="LM Studio asks for no key; write any word.",
    ),
    Template(
        "ollama", "Ollama (local)", "chat", "http://127.0.0.1:11434", ("chat", "messages"),
        note="Ollama asks for no key; write any word.",
    ),
    Template(
        "new-api", "new-api or one-api", "chat", "https://new-api.example.com", ("chat", "messages"),
        note="Put the address of the installation; its tokens begin with sk-.",
    ),
)  # fmt: skip

BY_HOST: Final[Mapping[str, Template]] = {host: template for template in TEMPLATES for host in template.hosts}


def by_key(secret: str) -> Template | None:
    """Whose key this is, as far as its beginning says."""
    return next((t for t in TEMPLATES if any(secret.startswith(prefix) for prefix in t.keys)), None)


def as_json() -> list[dict[str, Any]]:
    return [{**asdict(template), "channel": template.channel} for template in TEMPLATES]
