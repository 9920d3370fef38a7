"""Who answers at an address, and whose facts win."""

import pytest

from ccx_addons import vendors
from ccx_addons.vendors.facts import Chat


@pytest.mark.parametrize(
    ("base_url", "title"),
    [
        ("https://api.openai.com/v1", "OpenAI"),
        ("https://x.openai.azure.com/openai", "Azure OpenAI"),
        ("https://api.anthropic.com", "Anthropic"),
        ("https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1", "Amazon Bedrock"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "Google"),
        ("https://us-central1-aiplatform.googleapis.com/v1", "Vertex AI"),
        ("https://api.x.ai/v1", "xAI"),
        ("https://codestral.mistral.ai/v1", "Mistral"),
        ("https://api.deepseek.com/anthropic", "DeepSeek"),
        ("https://api.moonshot.cn/v1", "Moonshot"),
        ("https://api.z.ai/api/paas/v4", "Zhipu"),
        ("https://open.bigmodel.cn/api/paas/v4", "Zhipu"),
        ("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "Qwen (DashScope)"),
        ("https://api.minimaxi.com/v1", "MiniMax"),
        ("https://ark.cn-beijing.volces.com/api/v3", "Volcengine Ark"),
        ("https://models.github.ai/inference", "GitHub Models"),
        ("https://api.groq.com/openai/v1", "Groq"),
        ("https://api.cerebras.ai/v1", "Cerebras"),
        ("https://api.fireworks.ai/inference/v1", "Fireworks"),
        ("https://api.together.xyz/v1", "Together"),
        ("https://openrouter.ai/api/v1", "OpenRouter"),
        ("https://api.siliconflow.cn/v1", "SiliconFlow"),
        ("https://integrate.api.nvidia.com/v1", "NVIDIA NIM"),
        ("http://127.0.0.1:11434", "Ollama"),
        ("http://vllm:8000/v1", "vLLM"),
        ("http://localhost:30000/v1", "SGLang"),
        ("http://llama-cpp:8080", "llama.cpp"),
        ("http://192.168.1.5:1234/v1", "LM Studio"),
    ],
)
def test_hosts(base_url: str, title: str) -> None:
    found = vendors.at_host(base_url)
    assert found and found.title == title


@pytest.mark.parametrize(
    "base_url", ["", "https://relay.example.com/v1", "https://notx.ai.example.com", "https://fox.ai"]
)
def test_hosts_that_nobody_knows(base_url: str) -> None:
    assert vendors.at_host(base_url) is None


def test_who_made_a_model() -> None:
    made = {name: vendors.maker_of(name) for name in ("Qwen/Qwen3-8B", "moonshotai/Kimi-K2.6", "llama-4")}
    assert [vendor.title if vendor else None for vendor in made.values()] == ["Qwen (DashScope)", "Moonshot", None]


def test_the_server_wins_over_the_maker() -> None:
    at_home = vendors.chat("https://api.deepseek.com", "deepseek-v4-pro")
    elsewhere = vendors.chat("https://api.groq.com/openai/v1", "deepseek-v4-pro")
    assert (at_home.limit, at_home.switch, at_home.schemas) == ("max_tokens", "thinking", False)
    assert (elsewhere.limit, elsewhere.switch, elsewhere.schemas) == ("max_completion_tokens", "effort", True)
    assert elsewhere.efforts == at_home.efforts
    assert vendors.chat("https://relay.example.com", "deepseek-v4-pro") == at_home


def test_a_channel_says_how_efforts_are_written() -> None:
    assert vendors.chat("", "kimi-k2.6", "effort").switch == "effort"
    assert vendors.chat("", "some-model", "thinking").efforts == ()
    assert vendors.chat("", "some-model") == Chat()


def test_a_look_up_is_made_once() -> None:
    first = vendors.chat("https://api.groq.com/openai/v1", "look-up")
    assert vendors.chat("https://api.groq.com/openai/v1", "look-up") is first


def test_explain_says_whose_fact_it_is_and_where_it_stands() -> None:
    known = {(fact.topic, fact.name): fact for fact in vendors.explain("https://api.groq.com/openai/v1", "glm-5.3")}
    thoughts, efforts = known["Chat Completions", "thoughts"], known["Chat Completions", "efforts"]
    assert (thoughts.value, thoughts.vendor) == (False, "Groq") and "groq.com" in thoughts.source
    assert (efforts.value, efforts.vendor) == (("low", "high", "max"), "Zhipu") and "z.ai" in efforts.source
    assert next(iter(known)) == ("Model", "window")
    assert vendors.explain("", "some-model") == []
