"""The SDKs as a program uses them that knows of no gateway: address and key come from their own environment variables."""

import os
from unittest import mock

import anthropic
import openai
from google import genai
from google.genai import types

from support import SdkCase, prompt, trust


def variables(**values):
    """The environment with these variables, and with none else that says where a provider is or with which key."""
    names = [name for name in os.environ if name.startswith(("OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_"))]
    return mock.patch.dict(os.environ, {name: "" for name in names} | values)


def ask(values):
    return [{"role": "user", "content": prompt(values)}]


class Variables(SdkCase):
    def test_openai(self):
        def call(url, kind, headers, values):
            http = openai.DefaultHttpxClient(verify=trust()) if kind == "tls" else None
            with variables(OPENAI_BASE_URL=url + "/v1", OPENAI_API_KEY="test-key"):
                client = openai.OpenAI(default_headers=headers, http_client=http)
                chat = client.chat.completions.create(model="m", messages=ask(values)).model_dump()
                return chat, client.responses.create(model="m", input=prompt(values)).model_dump()

        self.compare(call, 500)

    def test_anthropic(self):
        def call(url, kind, headers, values):
            http = anthropic.DefaultHttpxClient(verify=trust()) if kind == "tls" else None
            with variables(ANTHROPIC_BASE_URL=url, ANTHROPIC_API_KEY="test-key"):
                client = anthropic.Anthropic(default_headers=headers, http_client=http)
                return client.messages.create(model="m", max_tokens=9, messages=ask(values)).model_dump()

        self.compare(call, 501)

    def test_google(self):
        def call(url, kind, headers, values):
            options = types.HttpOptions(headers=headers, client_args={"verify": trust()} if kind == "tls" else {})
            with variables(GOOGLE_GEMINI_BASE_URL=url, GEMINI_API_KEY="test-key"):
                client = genai.Client(http_options=options)
                reply = client.models.generate_content(model="gemini-pro", contents=prompt(values))
                return reply.model_dump(mode="json", exclude={"sdk_http_response"})

        self.compare(call, 502)
