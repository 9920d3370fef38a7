"""What the clients of scripts/clients.py run that are libraries for Node: one turn with the tool ``look_up``.

Each is a module that says what it got, once as JSON and once streamed. ``run`` of client_commands.py starts it.
"""

from typing import Final

from scripts.client_commands import COMMAND

SCRIPT: Final = (
    COMMAND
    + """
Path("node_modules").symlink_to(Path(BIN).parent)
Path("turn.mjs").write_text('''
const {BASE, KEY, MODEL, PROMPT, SECRET} = process.env
const words = {type: "object", properties: {word: {type: "string"}}, required: ["word"], additionalProperties: false}
const say = (words) => { console.log(words); if (!`${words}`.includes(SECRET)) process.exit(1) }
// SCRIPT
''')
run("node", "turn.mjs")
"""
)


def _script(text: str) -> str:
    return SCRIPT.replace("// SCRIPT", text.strip())


OPENAI_CHAT: Final = _script("""
import OpenAI from "openai"
const client = new OpenAI({baseURL: `${BASE}/v1`, apiKey: KEY})
const run = (input) => { JSON.parse(input); return SECRET }
const tools = [{type: "function", function: {name: "look_up", description: "Looks a word up.", parameters: words, function: run}}]
const messages = [{role: "user", content: PROMPT}]
say(await client.chat.completions.runTools({model: MODEL, messages, tools}).finalContent())
say(await client.chat.completions.runTools({model: MODEL, messages, tools, stream: true}).finalContent())
""")

OPENAI_RESPONSES: Final = _script("""
import OpenAI from "openai"
const client = new OpenAI({baseURL: `${BASE}/v1`, apiKey: KEY})
const tools = [{type: "function", name: "look_up", description: "Looks a word up.", parameters: words, strict: true}]
for (const ask of [(body) => client.responses.create(body), (body) => client.responses.stream(body).finalResponse()]) {
  const first = await ask({model: MODEL, input: PROMPT, tools})
  const calls = first.output.filter((item) => item.type === "function_call")
  const input = [
    {role: "user", content: PROMPT}, ...first.output.map(({parsed_arguments, ...item}) => item),
    ...calls.map((call) => ({type: "function_call_output", call_id: call.call_id, output: SECRET})),
  ]
  say((await ask({model: MODEL, input, tools})).output_text)
}
""")

CLAUDE: Final = _script("""
import Anthropic from "@anthropic-ai/sdk"
const client = new Anthropic({baseURL: BASE, apiKey: KEY})
const tools = [{
  name: "look_up", description: "Looks a word up.", input_schema: words, run: () => SECRET, parse: (input) => input,
}]
const messages = [{role: "user", content: PROMPT}]
for (const stream of [false, true]) {
  const runner = client.beta.messages.toolRunner({model: MODEL, max_tokens: 1000, messages, tools, stream})
  say(JSON.stringify((await runner.runUntilDone()).content))
}
""")

GEMINI: Final = _script("""
import {GoogleGenAI} from "@google/genai"
const client = new GoogleGenAI({apiKey: KEY, httpOptions: {baseUrl: BASE}})
const declared = {name: "look_up", description: "Looks a word up.", parametersJsonSchema: words}
const streamed = async (body) => {
  const parts = []
  for await (const chunk of await client.models.generateContentStream(body)) {
    parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []))
  }
  return parts
}
const whole = async (body) => (await client.models.generateContent(body)).candidates[0].content.parts
for (const ask of [whole, streamed]) {
  const config = {tools: [{functionDeclarations: [declared]}]}
  const asked = {role: "user", parts: [{text: PROMPT}]}
  const parts = await ask({model: MODEL, contents: [asked], config})
  const calls = parts.filter((part) => part.functionCall).map((part) => part.functionCall)
  const results = calls.map(({id, name}) => ({functionResponse: {id, name, response: {output: SECRET}}}))
  const contents = [asked, {role: "model", parts}, {role: "user", parts: results}]
  say((await ask({model: MODEL, contents, config})).map((part) => part.text ?? "").join(""))
}
""")

AI_SDK: Final = """
import {generateText, jsonSchema, stepCountIs, streamText, tool} from "ai"
import {IMPORTED} from "PACKAGE"
const model = MADE
const look_up = tool({description: "Looks a word up.", inputSchema: jsonSchema(words), execute: async () => SECRET})
const asked = {model, prompt: PROMPT, tools: {look_up}, stopWhen: stepCountIs(3)}
say((await generateText(asked)).text)
const streamed = streamText({...asked, onError: ({error}) => console.error(error)})
let text = ""
for await (const piece of streamed.textStream) text += piece
say(text)
"""


def _ai_sdk(package: str, imported: str, made: str) -> str:
    return _script(AI_SDK.replace("PACKAGE", package).replace("IMPORTED", imported).replace("MADE", made))


AI_CHAT: Final = _ai_sdk(
    "@ai-sdk/openai-compatible",
    "createOpenAICompatible",
    'createOpenAICompatible({name: "ccx", baseURL: `${BASE}/v1`, apiKey: KEY})(MODEL)',
)
AI_RESPONSES: Final = _ai_sdk(
    "@ai-sdk/openai", "createOpenAI", "createOpenAI({baseURL: `${BASE}/v1`, apiKey: KEY})(MODEL)"
)
AI_CLAUDE: Final = _ai_sdk(
    "@ai-sdk/anthropic", "createAnthropic", "createAnthropic({baseURL: `${BASE}/v1`, apiKey: KEY})(MODEL)"
)
AI_GEMINI: Final = _ai_sdk(
    "@ai-sdk/google",
    "createGoogleGenerativeAI",
    "createGoogleGenerativeAI({baseURL: `${BASE}/v1beta`, apiKey: KEY})(MODEL)",
)

OPENAI_AGENTS: Final = _script("""
import {Agent, OpenAIProvider, Runner, setTracingDisabled, tool} from "@openai/agents"
setTracingDisabled(true)
const look_up = tool({name: "look_up", description: "Looks a word up.", parameters: words, execute: async () => SECRET})
const modelProvider = new OpenAIProvider({baseURL: `${BASE}/v1`, apiKey: KEY, useResponses: MODEL.startsWith("gpt-5")})
const runner = new Runner({modelProvider})
const agent = new Agent({name: "a", model: MODEL, tools: [look_up]})
say((await runner.run(agent, PROMPT)).finalOutput)
const streamed = await runner.run(agent, PROMPT, {stream: true})
await streamed.completed
say(streamed.finalOutput)
""")
