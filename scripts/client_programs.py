"""What each client of scripts/clients.py runs: one turn with the tool ``look_up``. Printed is the last answer.

They read ``BASE`` (the gateway's address with the channel's prefix), ``KEY``, ``MODEL``, ``PROMPT``, ``SECRET``, which the
tool returns, and ``BIN``, where the client's own programs are. Those bring tools of their own, which read a file with the
secret, or write one.
"""

from typing import Final

HEAD: Final = """
import os
BASE, KEY, MODEL, PROMPT, SECRET, BIN = (
    os.environ[name] for name in ("BASE", "KEY", "MODEL", "PROMPT", "SECRET", "BIN")
)
"""

TOOL_RUNNER: Final = """
from anthropic import Anthropic, beta_tool

@beta_tool
def look_up(word: str) -> str:
    "Looks a word up."
    return SECRET

client = Anthropic(base_url=BASE, api_key=KEY)
runner = client.beta.messages.tool_runner(
    model=MODEL, max_tokens=1000, tools=[look_up], messages=[{"role": "user", "content": PROMPT}]
)
print(runner.until_done().content)
"""

OPENAI_AGENTS: Final = """
from agents import Agent, Runner, function_tool, set_default_openai_client, set_tracing_disabled
from openai import AsyncOpenAI

@function_tool
def look_up(word: str) -> str:
    "Looks a word up."
    return SECRET

set_tracing_disabled(True)
set_default_openai_client(AsyncOpenAI(base_url=f"{BASE}/v1", api_key=KEY))
print(Runner.run_sync(Agent(name="a", model=MODEL, tools=[look_up]), PROMPT).final_output)
"""

INSTRUCTOR: Final = """
import instructor
from openai import OpenAI
from pydantic import BaseModel

class LookUp(BaseModel):
    word: str

client = instructor.from_openai(OpenAI(base_url=f"{BASE}/v1", api_key=KEY))
messages = [{"role": "user", "content": PROMPT.replace("look_up", "LookUp")}]
found = client.chat.completions.create(model=MODEL, response_model=LookUp, messages=messages, max_retries=0)
print("tool said", SECRET if found.word == "moon" else found)
"""

PYDANTIC_AI: Final = """
from pydantic_ai import Agent
{imports}

agent = Agent({model})

@agent.tool_plain
def look_up(word: str) -> str:
    "Looks a word up."
    return SECRET

print(agent.run_sync(PROMPT).output)
"""
PYDANTIC_OPENAI: Final = PYDANTIC_AI.format(
    imports="""from pydantic_ai.models.openai import {name}
from pydantic_ai.providers.openai import OpenAIProvider""",
    model="""{name}(MODEL, provider=OpenAIProvider(base_url=f"{BASE}/v1", api_key=KEY))""",
)
PYDANTIC_CHAT: Final = PYDANTIC_OPENAI.replace("{name}", "OpenAIChatModel")
PYDANTIC_RESPONSES: Final = PYDANTIC_OPENAI.replace("{name}", "OpenAIResponsesModel")
PYDANTIC_CLAUDE: Final = PYDANTIC_AI.format(
    imports="""from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from anthropic import AsyncAnthropic""",
    model="AnthropicModel(MODEL, provider=AnthropicProvider(anthropic_client=AsyncAnthropic(base_url=BASE, api_key=KEY)))",
)
PYDANTIC_GEMINI: Final = PYDANTIC_AI.format(
    imports="""from pydantic_ai.models.google import GoogleModel
from pydantic_ai.providers.google import GoogleProvider""",
    model="GoogleModel(MODEL, provider=GoogleProvider(api_key=KEY, base_url=BASE))",
)

LANGCHAIN: Final = """
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
{imports}

@tool
def look_up(word: str) -> str:
    "Looks a word up."
    return SECRET

model = {model}.bind_tools([look_up])
said = [HumanMessage(PROMPT)]
for _ in range(3):
    whole = None
    for chunk in model.stream(said):
        whole = chunk if whole is None else whole + chunk
    said.append(whole)
    if not whole.tool_calls:
        break
    said += [look_up.invoke(call) for call in whole.tool_calls]
print(said[-1].content)
"""
LANGCHAIN_CHAT: Final = LANGCHAIN.format(
    imports="from langchain_openai import ChatOpenAI",
    model='ChatOpenAI(model=MODEL, base_url=f"{BASE}/v1", api_key=KEY)',
)
LANGCHAIN_RESPONSES: Final = LANGCHAIN_CHAT.replace("api_key=KEY", "api_key=KEY, use_responses_api=True")
LANGCHAIN_CLAUDE: Final = LANGCHAIN.format(
    imports="from langchain_anthropic import ChatAnthropic",
    model="ChatAnthropic(model=MODEL, base_url=BASE, api_key=KEY, max_tokens=1000)",
)
LANGCHAIN_GEMINI: Final = LANGCHAIN.format(
    imports="from langchain_google_genai import ChatGoogleGenerativeAI",
    model="ChatGoogleGenerativeAI(model=MODEL, base_url=BASE, google_api_key=KEY)",
)

LLAMA_INDEX: Final = """
import asyncio
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai import OpenAI

def look_up(word: str) -> str:
    "Looks a word up."
    return SECRET

async def main() -> None:
    llm = OpenAI(model=MODEL, api_base=f"{BASE}/v1", api_key=KEY)
    print(await FunctionAgent(tools=[look_up], llm=llm, system_prompt="You are brief.").run(PROMPT))

asyncio.run(main())
"""

CLAUDE_AGENT: Final = """
import asyncio
from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, create_sdk_mcp_server, query, tool

@tool("look_up", "Looks a word up.", {"word": str})
async def look_up(arguments):
    return {"content": [{"type": "text", "text": SECRET}]}

async def main() -> None:
    name = "mcp__words__look_up"
    options = ClaudeAgentOptions(
        mcp_servers={"words": create_sdk_mcp_server("words", tools=[look_up])}, allowed_tools=[name], model=MODEL,
        env={"ANTHROPIC_BASE_URL": BASE, "ANTHROPIC_API_KEY": KEY, "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"},
    )
    async for message in query(prompt="think, then " + PROMPT.replace("look_up", name), options=options):
        if isinstance(message, ResultMessage):
            print(message.result)

asyncio.run(main())
"""

COMMAND: Final = """
import json, subprocess
from pathlib import Path

def run(*command: str, **more: str) -> None:
    env = {**os.environ, "PATH": BIN + os.pathsep + os.environ["PATH"], **more}
    done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    print(done.stdout + done.stderr)

WORDS = Path.cwd() / "words.txt"
WORDS.write_text(f"moon {SECRET}\\n")
"""

QWEN_CODE: Final = (
    COMMAND
    + """
prompt = "think, then call:read_file " + json.dumps({"file_path": str(WORDS)})
run("qwen", "--auth-type", "{speaks}", "-m", MODEL, "--yolo", prompt, {key}=KEY, {base}={at})
"""
)
QWEN_CHAT: Final = (
    QWEN_CODE.replace("{speaks}", "openai")
    .replace("{key}", "OPENAI_API_KEY")
    .replace("{base}={at}", 'OPENAI_BASE_URL=f"{BASE}/v1"')
)
QWEN_CLAUDE: Final = (
    QWEN_CODE.replace("{speaks}", "anthropic")
    .replace("{key}", "ANTHROPIC_API_KEY")
    .replace("{base}={at}", "ANTHROPIC_BASE_URL=BASE")
)
QWEN_GEMINI: Final = (
    QWEN_CODE.replace("{speaks}", "gemini")
    .replace("{key}", "GEMINI_API_KEY")
    .replace("{base}={at}", "GOOGLE_GEMINI_BASE_URL=BASE")
)

CLINE: Final = (
    COMMAND
    + """
prompt = "call:read_files " + json.dumps({"files": [{"path": str(WORDS)}]})
run("cline", "auth", "-p", "{provider}", "-k", KEY, "-m", MODEL, "-b", f"{BASE}/v1")
run("cline", "--json", "-t", "60", prompt)
"""
)
CLINE_CHAT: Final = CLINE.replace("{provider}", "openai")
CLINE_RESPONSES: Final = CLINE.replace("{provider}", "openai-native")

CONTINUE: Final = (
    COMMAND
    + """
model = {
    "name": "m", "provider": "{provider}", "model": MODEL, "apiBase": f"{BASE}/v1", "apiKey": KEY, "roles": ["chat"],
    "capabilities": ["tool_use"], "useResponsesApi": "{provider}" == "openai" and MODEL.startswith("gpt-5"),
}
config = Path("config.yaml")
config.write_text(json.dumps({"name": "t", "version": "1.0.0", "schema": "v1", "models": [model]}))
prompt = "call:Read " + json.dumps({"filepath": str(WORDS)})
run("cn", "--config", str(config), "--auto", "-p", prompt, CONTINUE_TELEMETRY_ENABLED="0")
"""
)
CONTINUE_OPENAI: Final = CONTINUE.replace("{provider}", "openai")
CONTINUE_CLAUDE: Final = CONTINUE.replace("{provider}", "anthropic")

AIDER: Final = (
    COMMAND
    + """
WORDS.write_text("moon")
prompt = f"\\n\\nwords.txt\\n```\\ntool said {SECRET}\\n```\\n"
quiet = ("--no-git", "--yes-always", "--no-check-update", "--analytics-disable", "--no-show-model-warnings", "--no-pretty")
run(
    "aider", "--model", f"{provider}/{MODEL}", "--edit-format", "whole", *quiet, "--message", prompt, WORDS.name,
    OPENAI_API_KEY=KEY, OPENAI_API_BASE=f"{BASE}/v1", ANTHROPIC_API_KEY=KEY, ANTHROPIC_API_BASE=BASE,
)
print(WORDS.read_text())
"""
)
AIDER_CHAT: Final = AIDER.replace("{provider}", "openai")
AIDER_CLAUDE: Final = AIDER.replace("{provider}", "anthropic")
