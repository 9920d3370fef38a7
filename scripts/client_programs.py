"""What each client of scripts/clients.py runs: one turn with the tool ``look_up``. Printed is the last answer.

They read ``BASE`` (the gateway's address with the channel's prefix), ``KEY``, ``MODEL``, ``PROMPT`` and ``SECRET``, which the
tool returns.
"""

from typing import Final

HEAD: Final = """
import os
BASE, KEY, MODEL, PROMPT, SECRET = (os.environ[name] for name in ("BASE", "KEY", "MODEL", "PROMPT", "SECRET"))
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
