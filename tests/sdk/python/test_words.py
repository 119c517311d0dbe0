"""Words of the APIs as passwords: what leaves the gateway is still what the SDKs' own types accept.

Every request that is made here holds, somewhere, each word and each alternative that the types know, and the same words are
somebody's passwords: in the same request, or in one before it.
"""

import base64
import http.client
import json
import random
import unittest
import urllib.parse

import anthropic
import anthropic.types.beta.message_create_params
import anthropic.types.message_create_params
import openai
import openai.types.chat.completion_create_params
import openai.types.responses.response_create_params
from google import genai
from google.genai import types as google
from google.genai._common import BaseModel

import converse
import places
import shapes
from shapes import FREE, Checker
from support import ALNUM, GATEWAYS, RUN, records

# A password that is hidden wherever it stands.
PASSWORD = "gT5vLq8xWz2RkPq1"


def text(seed, length):
    rng = random.Random(seed)
    return "".join(rng.choice(ALNUM) for _ in range(length))


class GenerateContent(BaseModel):
    """The body of a request as it is on the wire: the SDK takes all but its contents in one object."""

    contents: list[google.Content]
    system_instruction: google.Content | None = None
    tools: list[google.Tool] | None = None
    tool_config: google.ToolConfig | None = None
    safety_settings: list[google.SafetySetting] | None = None
    generation_config: google.GenerationConfig | None = None
    cached_content: str | None = None


def chat(text):
    return "messages", {"role": "user", "content": text}


# Where each API is asked, what its SDK takes, the field for the key, and a message with a text.
APIS = {
    "openai-chat": (
        "/v1/chat/completions",
        openai.types.chat.completion_create_params.CompletionCreateParamsNonStreaming,
        "authorization",
        chat,
    ),
    "openai-responses": (
        "/v1/responses",
        openai.types.responses.response_create_params.ResponseCreateParamsNonStreaming,
        "authorization",
        lambda text: ("input", {"role": "user", "content": text}),
    ),
    "anthropic": (
        "/v1/messages",
        anthropic.types.message_create_params.MessageCreateParamsNonStreaming,
        "x-api-key",
        chat,
    ),
    "anthropic-beta": (
        "/v1/messages?beta=true",
        anthropic.types.beta.message_create_params.MessageCreateParamsNonStreaming,
        "x-api-key",
        chat,
    ),
    "google": (
        "/v1beta/models/m:generateContent",
        GenerateContent,
        "x-goog-api-key",
        lambda text: ("contents", {"role": "user", "parts": [{"text": text}]}),
    ),
    "bedrock": (
        "/openai/model/m/converse",
        converse.CONVERSE,
        "authorization",
        lambda text: ("messages", {"role": "user", "content": [{"text": text}]}),
    ),
}

# How the key is shown, where it does not stand alone.
SCHEMES = {
    "openai-chat": "Bearer {}",
    "openai-responses": "Bearer {}",
    "bedrock": "AWS4-HMAC-SHA256 Credential={}/20261130/eu-west-1/bedrock/aws4_request, SignedHeaders=host, Signature=0",
}


class Words(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        self.gateway = http.client.HTTPConnection(urllib.parse.urlsplit(GATEWAYS["plain"]).netloc, timeout=30)
        self.addCleanup(self.gateway.close)
        self.asked = 0

    def test_openai_chat(self):
        self.check("openai-chat")

    def test_openai_responses(self):
        self.check("openai-responses")

    def test_anthropic(self):
        self.check("anthropic")

    def test_anthropic_beta(self):
        self.check("anthropic-beta")

    def test_google(self):
        self.check("google")

    def test_bedrock(self):
        self.check("bedrock")

    def check(self, api):
        kind, message = APIS[api][1], APIS[api][3]
        maker = converse if api == "bedrock" else shapes
        made, checker = maker.Requests(), maker.Checker(kind)
        documents = [places.filled(document, FREE, PASSWORD) for document in made.of(kind)]
        words = sorted(made.words | places.words() | {PASSWORD})
        self.assertIsNotNone(checker.refusal({"nothing": 1}), "the types refuse what they do not name")
        for document in documents:
            self.assertIsNone(checker.refusal(document), "as it is made")

        # Remembered from an earlier request of the same client.
        prompt = "".join(f"DB_PASSWORD={word}\n" for word in words)
        member, first = message(prompt)
        seen = self.through(api, {**min(documents, key=lambda document: len(json.dumps(document))), member: [first]}, "earlier")
        self.assert_many_hidden(words, seen[member][0])
        for document in documents:
            self.assert_accepted(checker, document, self.through(api, document, "earlier"))

        # In the same request. Rows that name another model and nothing else are as the row before.
        known = set()
        for document in documents:
            if (rest := json.dumps({**document, "model": ""})) in known:
                continue
            known.add(rest)
            before = document.get(member) if isinstance(document.get(member), list) else []
            seen = self.through(api, {**document, member: before + [first]}, f"same {len(known)}")
            self.assert_many_hidden(words, seen[member].pop())
            self.assert_accepted(checker, {**document, member: before}, seen)

    def through(self, api, document, client):
        """What the provider sees of it."""
        target, _, field, _ = APIS[api]
        self.asked += 1
        marker = f"words-{api}-{self.asked}"
        key = f"{client} of {api} 4fK9xQ2mZp7vLw8R7hT3nB6c".replace(" ", "-")
        headers = {
            "content-type": "application/json",
            "x-mock-id": marker,
            field: SCHEMES.get(api, "{}").format(key),
            "anthropic-version": "2023-06-01",
        }
        self.gateway.request("POST", target, json.dumps(document), headers)
        reply = self.gateway.getresponse()
        text = reply.read()
        self.assertEqual(reply.status, 200, text)
        return json.loads(base64.b64decode(records("plain", marker)[0]["payload"]))

    def assert_many_hidden(self, words, message):
        """Most words are what a rule takes for a password beside its name, so that there was something to search for."""
        *_, (_, text) = places.leaves(message)
        lines = text.splitlines()
        self.assertEqual(len(lines), len(words))
        hidden = [word for word, line in zip(words, lines) if "AEGIS-" in line]
        self.assertIn(PASSWORD, hidden)
        self.assertGreater(len(hidden), len(words) / 3)

    def assert_accepted(self, checker, sent, seen):
        """The types accept it, every word is at its place, and the free password is nowhere but where it has to be."""
        pairs = list(zip(places.leaves(sent), places.leaves(seen), strict=True))
        for (path, before), (_, after) in pairs:
            role = places.role(path)
            if before != PASSWORD or role == "structure":
                self.assertEqual(after, before, path)
            elif role is None:
                self.assertNotIn(PASSWORD, after, path)
        # Behind the others, which say more of what is wrong.
        self.assertIsNone(checker.refusal(seen))


class OwnKey(unittest.TestCase):
    """The key that a tool shows its provider stands in a prompt, as after `env`: it is hidden there, and still opens the
    provider."""

    def check(self, name, field, key, kind, ask):
        marker = f"own-key-{name}"
        said = ask({"x-mock-id": marker}, f"$ env\nPROVIDER_API_KEY={key}\n$ curl -H 'x-api-key: {key}'")
        self.assertEqual(said.count(key), 2, said)
        record = records("plain", marker)[0]
        head, payload = (base64.b64decode(record[part]).decode() for part in ("head", "payload"))
        shown = [line.split(": ", 1)[1] for line in head.splitlines() if line.lower().startswith(field + ":")]
        self.assertEqual([value.removeprefix("Bearer ") for value in shown], [key])
        for start in range(len(key) - RUN + 1):
            self.assertNotIn(key[start : start + RUN], payload)
        self.assertIsNone(Checker(kind).refusal(json.loads(payload)))

    def test_openai(self):
        key = "sk-" + "proj-" + text(1, 48)
        sdk = openai.OpenAI(base_url=GATEWAYS["plain"] + "/v1", api_key=key, max_retries=0)

        def ask(headers, prompt):
            messages = [{"role": "user", "content": prompt}]
            return sdk.chat.completions.create(model="m", messages=messages, extra_headers=headers).choices[0].message.content

        self.check("openai", "authorization", key, APIS["openai-chat"][1], ask)
        self.check(
            "openai-responses",
            "authorization",
            key,
            APIS["openai-responses"][1],
            lambda headers, prompt: sdk.responses.create(model="m", input=prompt, extra_headers=headers).output_text,
        )

    def test_anthropic(self):
        key = "sk-" + "ant-api03-" + text(2, 93) + "AA"
        sdk = anthropic.Anthropic(base_url=GATEWAYS["plain"], api_key=key, max_retries=0)

        def ask(headers, prompt):
            messages = [{"role": "user", "content": prompt}]
            return sdk.messages.create(model="m", max_tokens=9, messages=messages, extra_headers=headers).content[0].text

        self.check("anthropic", "authorization", key, APIS["anthropic"][1], ask)

    def test_google(self):
        key = "AI" + "za" + text(3, 35)
        options = google.HttpOptions(base_url=GATEWAYS["plain"])

        def ask(headers, prompt):
            sdk = genai.Client(api_key=key, http_options=options)
            config = google.GenerateContentConfig(http_options=google.HttpOptions(headers=headers))
            return sdk.models.generate_content(model="m", contents=prompt, config=config).text

        self.check("google", "x-goog-api-key", key, GenerateContent, ask)
