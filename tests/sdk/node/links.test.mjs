// The Node SDKs follow the addresses that providers hand out: uploads, results, pages, redirects. sdks.rs looks where they went.

import assert from "node:assert/strict";
import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";

import Anthropic, { toFile } from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI, { toFile as toOpenAIFile } from "openai";

const { AEGIS_TEST_GATEWAY: GATEWAY, AEGIS_TEST_SECRET: SECRET } = process.env;
const FILES = JSON.parse(process.env.AEGIS_TEST_FILES);

test("google uploads, pages and downloads", async () => {
  const sdk = new GoogleGenAI({ apiKey: "test-key", vertexai: false, httpOptions: { baseUrl: GATEWAY } });
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), "aegis-links-"));
  try {
    const file = path.join(folder, "note.json");
    for (const text of FILES) {
      await fs.writeFile(file, text);
      const uploaded = await sdk.files.upload({ file, config: { mimeType: "application/json" } });
      assert.equal(uploaded.name, "files/one");
    }
    const names = [];
    for await (const file of await sdk.files.list()) names.push(file.name);
    assert.deepEqual(names, ["files/one", "files/two"]);
    const downloadPath = path.join(folder, "content");
    await sdk.files.download({ file: "files/one", downloadPath });
    assert.equal(await fs.readFile(downloadPath, "utf8"), "the content");
  } finally {
    await fs.rm(folder, { recursive: true });
  }
});

test("openai repeats a body where it is sent", async () => {
  const sdk = new OpenAI({ baseURL: GATEWAY + "/v1", apiKey: "test-key", maxRetries: 0 });
  const reply = await sdk.chat.completions.create({ model: "m", messages: [{ role: "user", content: `use ${SECRET}` }] });
  assert.equal(reply.choices[0].message.content, `moved ${SECRET}`);
});

test("openai uploads and pages", async () => {
  for (const baseURL of [GATEWAY + "/v1", GATEWAY + "/openai/v1"]) {
    const sdk = new OpenAI({ baseURL, apiKey: "test-key", maxRetries: 0 });
    for (const text of FILES) {
      const bytes = Buffer.from(text);
      const json = await toOpenAIFile(bytes, "note.json", { type: "application/json" });
      for (const file of [await toOpenAIFile(bytes, "batch.jsonl"), json]) {
        assert.equal((await sdk.files.create({ file, purpose: "batch" })).id, "file_new");
      }
    }
    const ids = [];
    for await (const file of sdk.files.list()) ids.push(file.id);
    assert.deepEqual(ids, ["file_1", "file_2"]);
  }
});

test("anthropic uploads and pages", async () => {
  for (const baseURL of [GATEWAY, GATEWAY + "/anthropic"]) {
    const sdk = new Anthropic({ baseURL, apiKey: "test-key", maxRetries: 0 });
    for (const text of FILES) {
      const file = await toFile(Buffer.from(text), "note.json", { type: "application/json" });
      assert.equal((await sdk.beta.files.upload({ file })).id, "file_new");
    }
    const ids = [];
    for await (const file of sdk.beta.files.list()) ids.push(file.id);
    assert.deepEqual(ids, ["file_1", "file_2"]);
  }
});

test("anthropic repeats a body where it is sent", async () => {
  const sdk = new Anthropic({ baseURL: GATEWAY, apiKey: "test-key", maxRetries: 0 });
  const messages = [{ role: "user", content: `use ${SECRET}` }];
  const reply = await sdk.messages.create({ model: "m", max_tokens: 9, messages });
  assert.equal(reply.content[0].text, `moved ${SECRET}`);
});

test("anthropic fetches results of what held a secret", async () => {
  for (const baseURL of [GATEWAY, GATEWAY + "/anthropic"]) {
    const sdk = new Anthropic({ baseURL, apiKey: "test-key", maxRetries: 0 });
    const params = { model: "m", max_tokens: 9, messages: [{ role: "user", content: `use ${SECRET}` }] };
    const batch = await sdk.messages.batches.create({ requests: [{ custom_id: "first", params }] });
    assert.ok(batch.results_url.startsWith(GATEWAY + "/"), batch.results_url);
    const results = await fetch(batch.results_url, { headers: { "x-api-key": "test-key" } });
    assert.match(await results.text(), /"custom_id":"first"/);
  }
});

test("anthropic fetches results", async () => {
  for (const baseURL of [GATEWAY, GATEWAY + "/anthropic"]) {
    const sdk = new Anthropic({ baseURL, apiKey: "test-key", maxRetries: 0 });
    const ids = [];
    for await (const batch of sdk.messages.batches.list()) ids.push(batch.id);
    assert.deepEqual(ids, ["b1", "b2"]);
    const results = [];
    for await (const result of await sdk.messages.batches.results("b1")) results.push(result.custom_id);
    assert.deepEqual(results, ["first"]);
  }
});
