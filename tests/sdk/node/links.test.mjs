// The Node SDKs follow the addresses that providers hand out: uploads, results, pages, redirects. sdks.rs looks where they went.

import assert from "node:assert/strict";
import fs from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";

const { AEGIS_TEST_GATEWAY: GATEWAY, AEGIS_TEST_SECRET: SECRET } = process.env;

test("google uploads, pages and downloads", async () => {
  const sdk = new GoogleGenAI({ apiKey: "test-key", vertexai: false, httpOptions: { baseUrl: GATEWAY } });
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), "aegis-links-"));
  try {
    const file = path.join(folder, "note.json");
    await fs.writeFile(file, JSON.stringify({ note: `deploy with ${SECRET}` }));
    const uploaded = await sdk.files.upload({ file, config: { mimeType: "application/json" } });
    assert.equal(uploaded.name, "files/one");
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
  assert.equal(reply.choices[0].message.content, "moved");
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
