"""What the clients of scripts/clients.py run that are libraries for Python: one turn with the tool ``look_up``.

They read ``BASE`` (the gateway's address with the channel's prefix), ``KEY``, ``MODEL``, ``PROMPT``, ``SECRET``, which the
tool returns, and ``BIN``, where the client's own programs are. Each says the last answer, as JSON and streamed where
the client has both.
"""

from typing import Final

HEAD: Final = """
import os
BASE, KEY, MODEL, PROMPT, SECRET, BIN = (
    os.environ[name] for name in ("BASE", "KEY", "MODEL", "PROMPT", "SECRET", "BIN")
)

def say(words):
    print(words)
    if SECRET not in str(words):
        raise SystemExit(1)
"""

TOOL_RUNNER: Final = """
from anthropic import Anthropic, beta_tool

@beta_tool
def look_up(word: str) -> str:
    "Looks a word up."
    return SECRET

client = Anthropic(base_url=BASE, api_key=KEY)
for stream in (False, True):
    asked = dict(model=MODEL, max_tokens=1000, tools=[look_up], messages=[{"role": "user", "content": PROMPT}])
    say(client.beta.messages.tool_runner(**asked, stream=stream).until_done().content)
"""

OPENAI_AGENTS: Final = """
import asyncio
from agents import Agent, Runner, function_tool, set_default_openai_client, set_tracing_disabled
from openai import AsyncOpenAI

@function_tool
def look_up(word: str) -> str:
    "Looks a word up."
    return SECRET

set_tracing_disabled(True)
set_default_openai_client(AsyncOpenAI(base_url=f"{BASE}/v1", api_key=KEY))
agent = Agent(name="a", model=MODEL, tools=[look_up])

async def main():
    say((await Runner.run(agent, PROMPT)).final_output)
    running = Runner.run_streamed(agent, PROMPT)
    async for _ in running.stream_events():
        pass
    say(running.final_output)

asyncio.run(main())
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
say(f"tool said {SECRET}" if found.word == "moon" else found)
for part in client.chat.completions.create_partial(model=MODEL, response_model=LookUp, messages=messages, max_retries=0):
    found = part
say(f"tool said {SECRET}" if found.word == "moon" else found)
"""

PYDANTIC_AI: Final = """
import asyncio
from pydantic_ai import Agent
{imports}

agent = Agent({model})

@agent.tool_plain
def look_up(word: str) -> str:
    "Looks a word up."
    return SECRET

async def main():
    say((await agent.run(PROMPT)).output)
    async with agent.run_stream(PROMPT) as running:
        say(await running.get_output())

asyncio.run(main())
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

def streamed(said):
    whole = None
    for chunk in model.stream(said):
        whole = chunk if whole is None else whole + chunk
    return whole

for ask in (model.invoke, streamed):
    said = [HumanMessage(PROMPT)]
    while said[-1].type != "ai":
        said.append(ask(said))
        said += [look_up.invoke(call) for call in said[-1].tool_calls]
    say(said[-1].content)
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
    say(await FunctionAgent(tools=[look_up], llm=llm, system_prompt="You are brief.").run(PROMPT))

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
            say(message.result)

asyncio.run(main())
"""

OPENAI_PYTHON_CHAT: Final = """
import json
from openai import OpenAI

client = OpenAI(base_url=f"{BASE}/v1", api_key=KEY)
schema = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
tools = [{"type": "function", "function": {"name": "look_up", "description": "Looks a word up.", "parameters": schema}}]

def streamed(**asked):
    with client.chat.completions.stream(**asked) as stream:
        return stream.get_final_completion()

for ask in (client.chat.completions.create, streamed):
    messages = [{"role": "user", "content": PROMPT}]
    first = ask(model=MODEL, messages=messages, tools=tools).choices[0].message
    messages.append(first.model_dump(exclude_none=True, exclude={"parsed"}))
    messages += [{"role": "tool", "tool_call_id": call.id, "content": SECRET} for call in first.tool_calls]
    say(ask(model=MODEL, messages=messages, tools=tools).choices[0].message.content)
"""

OPENAI_PYTHON_RESPONSES: Final = """
from openai import OpenAI

client = OpenAI(base_url=f"{BASE}/v1", api_key=KEY)
schema = {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]}
tools = [{"type": "function", "name": "look_up", "description": "Looks a word up.", "parameters": schema}]

def streamed(**asked):
    with client.responses.stream(**asked) as stream:
        return stream.get_final_response()

for ask in (client.responses.create, streamed):
    first = ask(model=MODEL, input=PROMPT, tools=tools)
    calls = [item for item in first.output if item.type == "function_call"]
    results = [{"type": "function_call_output", "call_id": call.call_id, "output": SECRET} for call in calls]
    said = [{"role": "user", "content": PROMPT}, *first.output, *results]
    say(ask(model=MODEL, input=said, tools=tools).output_text)
    say(ask(model=MODEL, previous_response_id=first.id, input=results, tools=tools).output_text)
"""

GOOGLE_GENAI: Final = """
from google import genai
from google.genai import types

def look_up(word: str) -> str:
    "Looks a word up."
    return SECRET

client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=BASE))
config = types.GenerateContentConfig(tools=[look_up])
say(client.models.generate_content(model=MODEL, contents=PROMPT, config=config).text)
chunks = client.models.generate_content_stream(model=MODEL, contents=PROMPT, config=config)
say("".join(chunk.text or "" for chunk in chunks))
"""

GENERATIVE_AI: Final = """
import google.generativeai as google

google.configure(api_key=KEY, transport="rest", client_options={"api_endpoint": BASE})

def look_up(word: str) -> str:
    "Looks a word up."
    return SECRET

model = google.GenerativeModel(MODEL, tools=[look_up])
say(model.start_chat(enable_automatic_function_calling=True).send_message(PROMPT).text)
talk = model.start_chat()
called = talk.send_message(PROMPT, stream=True)
called.resolve()
names = [part.function_call.name for part in called.parts if part.function_call]
results = [{"function_response": {"name": name, "response": {"result": SECRET}}} for name in names]
answer = talk.send_message({"role": "user", "parts": results}, stream=True)
answer.resolve()
say(answer.text)
"""
