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
FILES = json.loads(os.environ["AEGIS_TEST_FILES"])


class Links(unittest.TestCase):
    def test_google_uploads_pages_and_downloads(self):
        options = types.HttpOptions(base_url=GATEWAY + "/google")
        sdk = genai.Client(api_key="test-key", vertexai=False, http_options=options)
        for text in FILES:
            with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
                file.write(text)
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
        self.assertEqual(reply.choices[0].message.content, f"moved {SECRET}")

    def test_openai_uploads_and_pages(self):
        for base in (GATEWAY + "/v1", GATEWAY + "/openai/v1"):
            sdk = openai.OpenAI(base_url=base, api_key="test-key", max_retries=0)
            for text in FILES:
                for file in (("batch.jsonl", text.encode()), ("note.json", text.encode(), "application/json")):
                    self.assertEqual(sdk.files.create(file=file, purpose="batch").id, "file_new")
            self.assertEqual([file.id for file in sdk.files.list()], ["file_1", "file_2"])

    def test_anthropic_uploads_and_pages(self):
        for base in (GATEWAY, GATEWAY + "/anthropic"):
            sdk = anthropic.Anthropic(base_url=base, api_key="test-key", max_retries=0)
            for text in FILES:
                uploaded = sdk.beta.files.upload(file=("note.json", text.encode(), "application/json"))
                self.assertEqual(uploaded.id, "file_new")
            self.assertEqual([file.id for file in sdk.beta.files.list()], ["file_1", "file_2"])

    def test_anthropic_repeats_a_body_where_it_is_sent(self):
        sdk = anthropic.Anthropic(base_url=GATEWAY, api_key="test-key", max_retries=0)
        message = {"role": "user", "content": f"use {SECRET}"}
        reply = sdk.messages.create(model="m", max_tokens=9, messages=[message])
        self.assertEqual(reply.content[0].text, f"moved {SECRET}")

    def test_anthropic_fetches_results_of_what_held_a_secret(self):
        for base in (GATEWAY, GATEWAY + "/anthropic"):
            sdk = anthropic.Anthropic(base_url=base, api_key="test-key", max_retries=0)
            params = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": f"use {SECRET}"}]}
            batch = sdk.messages.batches.create(requests=[{"custom_id": "first", "params": params}])
            self.assertTrue(batch.results_url.startswith(GATEWAY + "/"), batch.results_url)
            self.assertIn('"custom_id":"first"', sdk.get(batch.results_url, cast_to=str))

    def test_anthropic_fetches_results(self):
        for base in (GATEWAY, GATEWAY + "/anthropic"):
            sdk = anthropic.Anthropic(base_url=base, api_key="test-key", max_retries=0)
            self.assertEqual([batch.id for batch in sdk.messages.batches.list()], ["b1", "b2"])
            results = list(sdk.messages.batches.results("b1"))
            self.assertEqual([result.custom_id for result in results], ["first"])
