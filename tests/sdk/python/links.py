"""The SDKs follow the addresses that providers hand out: uploads, results, pages, redirects. sdks.rs looks where they went."""

import json
import os
import tempfile
import unittest

import anthropic
import openai
from google import genai
from google.genai import types

GATEWAY = os.environ["AEGIS_TEST_GATEWAY"]
SECRET = os.environ["AEGIS_TEST_SECRET"]


class Links(unittest.TestCase):
    def test_google_uploads_pages_and_downloads(self):
        options = types.HttpOptions(base_url=GATEWAY + "/google")
        sdk = genai.Client(api_key="test-key", vertexai=False, http_options=options)
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            json.dump({"note": f"deploy with {SECRET}"}, file)
        try:
            uploaded = sdk.files.upload(file=file.name, config={"mime_type": "application/json"})
        finally:
            os.unlink(file.name)
        self.assertEqual(uploaded.name, "files/one")
        self.assertEqual(uploaded.uri, "https://up.example/v1beta/files/one", "an id that goes back is no link")
        self.assertEqual([file.name for file in sdk.files.list()], ["files/one", "files/two"])
        self.assertEqual(sdk.files.download(file="files/one"), b"the content")

    def test_openai_repeats_a_body_where_it_is_sent(self):
        sdk = openai.OpenAI(base_url=GATEWAY + "/openai/v1", api_key="test-key", max_retries=0)
        reply = sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": f"use {SECRET}"}])
        self.assertEqual(reply.choices[0].message.content, "moved")

    def test_anthropic_fetches_results(self):
        for base in (GATEWAY, GATEWAY + "/anthropic"):
            sdk = anthropic.Anthropic(base_url=base, api_key="test-key", max_retries=0)
            self.assertEqual([batch.id for batch in sdk.messages.batches.list()], ["b1", "b2"])
            results = list(sdk.messages.batches.results("b1"))
            self.assertEqual([result.custom_id for result in results], ["first"])
