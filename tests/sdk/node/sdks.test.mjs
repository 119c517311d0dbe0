// The Node SDKs of OpenAI, Anthropic and Google through the gateway: what they parse must equal what they parse without it.

import assert from "node:assert/strict";
import { test } from "node:test";
import zlib from "node:zlib";

import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";

const { AEGIS_TEST_MOCK: MOCK, AEGIS_TEST_MOCK_TLS: MOCK_TLS } = process.env;
const { AEGIS_TEST_GATEWAY: GATEWAY, AEGIS_TEST_GATEWAY_TLS: GATEWAY_TLS } = process.env;

// Each gateway with the provider behind it. The authority of the TLS ones comes in NODE_EXTRA_CA_CERTS.
const WAYS = [
  { kind: "plain", url: GATEWAY, mock: MOCK },
  { kind: "tls", url: GATEWAY_TLS, mock: MOCK_TLS },
];

// Shortest run of a secret that counts as seen.
const RUN = 12;

// A small deterministic generator (mulberry32).
function generator(seed) {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
}

function crc32(text) {
  if (zlib.crc32) return zlib.crc32(text);
  let sum = ~0;
  for (const byte of Buffer.from(text)) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return ~sum >>> 0;
}

// Made-up secrets: a GitHub token with a valid check value, a Stripe key and a PEM block.
function secrets(seed) {
  const below = generator(seed);
  const alnum = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  const text = (alphabet, length) => Array.from({ length }, () => alphabet[below(alphabet.length)]).join("");
  const body = text(alnum, 30);
  let check = "";
  for (let number = crc32(body); number > 0; number = Math.floor(number / 62)) check = base62[number % 62] + check;
  const kind = ["RSA", "PRIVATE", "KEY"].join(" ");
  const lines = Array.from({ length: 10 }, () => text(alnum + "+/", 64)).join("\n");
  return [
    "ghp_" + body + check.padStart(6, "0"),
    "sk_" + "live_" + text(alnum, 24),
    `-----BEGIN ${kind}-----\nMII${lines}\n-----END ${kind}-----`,
  ];
}

const prompt = ([github, stripe, pem]) =>
  `Clone with ${github}, put STRIPE_KEY=${stripe} into .env and this into key.pem:\n${pem}\nGrüße — 日本 🦀: ${github}`;

const big = (values) => {
  const lines = [];
  for (let length = 0, n = 0; length < 5 << 20; n++) {
    lines.push(`export const handler${n} = (request) => ({ id: ${n}, path: request.path, note: "line ${n}" });\n`);
    length += lines[n].length;
  }
  return lines.join("") + prompt(values);
};

async function assertUnseen(mock, marker, values) {
  const { records } = await (await fetch(`${mock}/__mock/records?id=${marker}`)).json();
  assert.ok(records.length > 0, "the provider got the request");
  for (const record of records) {
    const seen = Buffer.from(record.head, "base64").toString("latin1") + Buffer.from(record.payload, "base64").toString("latin1");
    for (const value of values) {
      const line = value.split("\n").reduce((a, b) => (a.length >= b.length ? a : b));
      for (const form of [line, Buffer.from(line).toString("base64").replace(/=+$/, "")]) {
        for (let start = 0; start + RUN <= form.length; start++) {
          assert.ok(!seen.includes(form.slice(start, start + RUN)), `the provider saw a run of a secret (${marker})`);
        }
      }
    }
  }
}

// Registers a test: `call(url, headers, secrets)` gives the same through each gateway as without it.
function same(name, seed, call) {
  test(name, async () => {
    const values = secrets(seed);
    const expected = await call(MOCK, { "x-mock-id": `node-${seed}-direct` }, values);
    assert.ok(JSON.stringify(expected).includes(values[0]), "the mock says the prompt back");
    for (const { kind, url, mock } of WAYS) {
      const marker = `node-${seed}-${kind}`;
      assert.deepEqual(await call(url, { "x-mock-id": marker }, values), expected, kind);
      await assertUnseen(mock, marker, values);
    }
  });
}

const plain = (value) => JSON.parse(JSON.stringify(value));

const openai = (url, headers, scenario) =>
  new OpenAI({
    baseURL: url + "/v1",
    apiKey: "test-key",
    maxRetries: 0,
    defaultHeaders: scenario ? { ...headers, "x-mock-scenario": scenario } : headers,
  });

const anthropic = (url, headers, scenario) =>
  new Anthropic({
    baseURL: url,
    apiKey: "test-key",
    maxRetries: 0,
    defaultHeaders: scenario ? { ...headers, "x-mock-scenario": scenario } : headers,
  });

const google = (url, headers, scenario) =>
  new GoogleGenAI({
    apiKey: "test-key",
    httpOptions: { baseUrl: url, headers: scenario ? { ...headers, "x-mock-scenario": scenario } : headers },
  });

const schema = { type: "object", properties: { command: { type: "string" } } };
const chatTools = [{ type: "function", function: { name: "run", parameters: schema } }];
const responseTools = [{ type: "function", name: "run", parameters: schema, strict: false }];
const messageTools = [{ name: "run", input_schema: schema }];

const ask = (text) => [{ role: "user", content: text }];

same("openai chat, whole", 1, async (url, headers, values) =>
  plain(await openai(url, headers).chat.completions.create({ model: "m", messages: ask(prompt(values)), n: 2 })),
);

const chatStream = (scenario, make = prompt, more = {}) => async (url, headers, values) => {
  const messages = ask(make(values));
  const stream = openai(url, headers, scenario).chat.completions.stream({ model: "m", messages, ...more });
  return plain(await stream.finalChatCompletion());
};
same("openai chat, streamed", 2, chatStream("chunk=1"));
same("openai chat, streamed in small segments", 3, chatStream("chunk=2,segment=5,eol=crlf,comment=1"));
same("openai chat, tool calls", 4, chatStream("tools=3,nested=2,chunk=1", prompt, { tools: chatTools }));
same("openai chat, five megabytes", 5, chatStream("chunk=4000", big));

const responseStream = (scenario) => async (url, headers, values) => {
  const stream = await openai(url, headers, scenario).responses.create({
    model: "m",
    input: prompt(values),
    stream: true,
    tools: responseTools,
  });
  const lanes = {};
  let final;
  for await (const event of stream) {
    if (event.type.endsWith(".delta")) lanes[event.type + event.item_id] = (lanes[event.type + event.item_id] ?? "") + event.delta;
    if (event.type === "response.completed") final = plain(event.response);
  }
  return { lanes, final };
};
same("openai responses, streamed", 6, responseStream("chunk=1"));
same("openai responses, tools", 7, responseStream("tools=2,nested=1,chunk=3"));
same("openai responses, whole", 8, async (url, headers, values) =>
  plain(await openai(url, headers).responses.create({ model: "m", input: prompt(values) })),
);

same("anthropic messages, whole", 20, async (url, headers, values) =>
  plain(await anthropic(url, headers).messages.create({ model: "m", max_tokens: 9, messages: ask(prompt(values)) })),
);

const messageStream = (scenario, make = prompt, more = {}) => async (url, headers, values) => {
  const messages = ask(make(values));
  const stream = anthropic(url, headers, scenario).messages.stream({ model: "m", max_tokens: 9, messages, ...more });
  return plain(await stream.finalMessage());
};
same("anthropic messages, streamed", 21, messageStream("chunk=1"));

// Thinking that the provider signs comes as it is, with the tokens: they are marked like the values, all else is compared.
const signed = (call) => async (url, headers, values) => {
  const reply = await call(url, headers, values);
  const blocks = reply.content.filter((block) => block.type === "thinking");
  assert.ok(blocks.length > 0);
  for (const block of blocks) {
    assert.equal(values.some((value) => block.thinking.includes(value)), url === MOCK, "tokens stay in signed thinking");
    const text = values.reduce((text, value) => text.replaceAll(value, "<hidden>"), block.thinking);
    const marked = text.replace(/AEGIS-[A-Z]+-[0-9A-Z]{21}/g, "<hidden>");
    // Each line of a key is hidden on its own.
    block.thinking = marked.replace(/-----BEGIN [A-Z ]+-----\n(?:<hidden>\n)+-----END [A-Z ]+-----/g, "<hidden>");
  }
  return reply;
};
same("anthropic messages, thinking", 22, signed(messageStream("thinking=2,chunk=2,segment=9,ping=3")));
same("anthropic messages, tool calls", 23, messageStream("tools=2,nested=1,chunk=1", prompt, { tools: messageTools }));
same("anthropic messages, five megabytes", 24, messageStream("chunk=4000", big));

same("anthropic messages, a conversation of tool rounds", 25, async (url, headers, values) => {
  const client = anthropic(url, headers, "tools=1,chunk=2");
  const messages = ask(prompt(values));
  let reply;
  for (let round = 0; round < 3; round++) {
    reply = await client.messages.stream({ model: "m", max_tokens: 9, messages, tools: messageTools }).finalMessage();
    const use = reply.content.find((block) => block.type === "tool_use");
    messages.push({ role: "assistant", content: plain(reply.content) });
    messages.push({ role: "user", content: [{ type: "tool_result", tool_use_id: use.id, content: use.input.command }] });
  }
  return plain(reply);
});

same("errors keep their class", 26, async (url, headers, values) => {
  const call = openai(url, headers, "status=429,reply=slow down").chat.completions.create({ model: "m", messages: ask(prompt(values)) });
  const error = await call.then(() => assert.fail("no error"), (error) => error);
  assert.ok(error instanceof OpenAI.RateLimitError, String(error));
  return { status: error.status, error: plain(error.error), value: values[0] };
});

// The reply without the SDK's note of the HTTP head, which differs by the gateway's own fields.
const content = ({ sdkHttpResponse, ...reply }) => plain(reply);

const contentTools = {
  tools: [{ functionDeclarations: [{ name: "run", parametersJsonSchema: schema }] }],
  automaticFunctionCalling: { disable: true },
};
const contents = (scenario, config = {}) => async (url, headers, values) =>
  content(await google(url, headers, scenario).models.generateContent({ model: "gemini-pro", contents: prompt(values), config }));
const contentStream = (scenario, make = prompt, config = {}) => async (url, headers, values) => {
  const request = { model: "gemini-pro", contents: make(values), config };
  const parts = [];
  for await (const chunk of await google(url, headers, scenario).models.generateContentStream(request)) {
    parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []));
  }
  const text = parts.map((part) => part.text ?? "").join("");
  return { text, calls: plain(parts.filter((part) => part.functionCall)) };
};
same("google contents, whole", 40, contents(""));
same("google contents, streamed", 41, contentStream("chunk=1"));
same("google contents, streamed in small segments", 42, contentStream("chunk=3,segment=7,eol=crlf"));
same("google contents, function calls", 43, contents("tools=2,nested=1", contentTools));
same("google contents, function calls streamed", 44, contentStream("tools=2,nested=1,chunk=2", prompt, contentTools));
same("google contents, five megabytes", 45, contentStream("chunk=4000", big));

// As a program uses them that knows of no gateway: address and key come from their own environment variables.
function variables(values) {
  for (const name of Object.keys(process.env)) {
    if (/^(OPENAI|ANTHROPIC|GOOGLE|GEMINI)_/.test(name)) delete process.env[name];
  }
  Object.assign(process.env, values);
}
same("openai, by its variables", 50, async (url, headers, values) => {
  variables({ OPENAI_BASE_URL: url + "/v1", OPENAI_API_KEY: "test-key" });
  const client = new OpenAI({ defaultHeaders: headers });
  const chat = plain(await client.chat.completions.create({ model: "m", messages: ask(prompt(values)) }));
  return { chat, response: plain(await client.responses.create({ model: "m", input: prompt(values) })) };
});
same("anthropic, by its variables", 51, async (url, headers, values) => {
  variables({ ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: "test-key" });
  const client = new Anthropic({ defaultHeaders: headers });
  return plain(await client.messages.create({ model: "m", max_tokens: 9, messages: ask(prompt(values)) }));
});
same("google, by its variables", 52, async (url, headers, values) => {
  variables({ GOOGLE_GEMINI_BASE_URL: url, GEMINI_API_KEY: "test-key" });
  const client = new GoogleGenAI({ httpOptions: { headers } });
  return content(await client.models.generateContent({ model: "gemini-pro", contents: prompt(values) }));
});
