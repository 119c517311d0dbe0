"""Anthropic's own SDK: messages whole and streamed, thinking, tools."""

import re

import anthropic

from support import MOCK, SdkCase, big, history, prompt, trust

TOOL = {"name": "run", "input_schema": {"type": "object", "properties": {"command": {"type": "string"}}}}


def client(url, kind, headers, scenario=""):
    headers = dict(headers)
    if scenario:
        headers["x-mock-scenario"] = scenario
    http = anthropic.DefaultHttpxClient(verify=trust() if kind == "tls" else True)
    return anthropic.Anthropic(base_url=url, api_key="test-key", default_headers=headers, max_retries=0, http_client=http)


def messages(pairs):
    return [{"role": role, "content": text} for role, text in pairs]


class Messages(SdkCase):
    def whole(self, scenario="", **arguments):
        def call(url, kind, headers, values):
            reply = client(url, kind, headers, scenario).messages.create(
                model="m", max_tokens=99, messages=messages([("user", prompt(values))]), **arguments
            )
            return reply.model_dump()

        return call

    def streamed(self, scenario, make=prompt, **arguments):
        def call(url, kind, headers, values):
            content = make(values)
            pairs = content if isinstance(content, list) else [("user", content)]
            with client(url, kind, headers, scenario).messages.stream(
                model="m", max_tokens=99, messages=messages(pairs), **arguments
            ) as stream:
                text = "".join(stream.text_stream)
                return [text, stream.get_final_message().model_dump()]

        return call

    def test_whole(self):
        self.compare(self.whole(), 200)

    def test_streamed_in_every_dress(self):
        for seed, scenario in enumerate(
            ["chunk=1", "chunk=3,segment=7", "chunk=1,eol=crlf,ping=2,comment=1", "chunk=2,escape=ascii", "chunk=4,encoding=br"], 210
        ):
            self.compare(self.streamed(scenario), seed)

    def signed(self, make_call):
        """Thinking that the provider signs comes as it is, with the tokens: they are marked like the values, all else is compared."""

        def call(url, kind, headers, values):
            reply = make_call(url, kind, headers, values)
            whole = reply[1] if isinstance(reply, list) else reply
            blocks = [block for block in whole["content"] if block["type"] == "thinking"]
            self.assertTrue(blocks)
            for block in blocks:
                restored = any(value in block["thinking"] for value in values)
                self.assertEqual(restored, url == MOCK, "tokens stay in signed thinking")
                for value in values:
                    block["thinking"] = block["thinking"].replace(value, "<hidden>")
                marked = re.sub("AEGIS-[A-Z]+-[0-9A-Z]{21}", "<hidden>", block["thinking"])
                # Each line of a key is hidden on its own.
                key = "-----BEGIN [A-Z ]+-----\n(?:<hidden>\n)+-----END [A-Z ]+-----"
                block["thinking"] = re.sub(key, "<hidden>", marked)
            return reply

        return call

    def test_thinking(self):
        for seed, scenario in enumerate(["thinking=1,chunk=2", "thinking=2,chunk=3"], 220):
            self.compare(self.signed(self.streamed(scenario)), seed)
            self.compare(self.signed(self.whole(scenario)), seed + 5)

    def test_tools(self):
        for seed, scenario in enumerate(["tools=1", "tools=3,nested=2", "tools=2,text=0"], 230):
            self.compare(self.whole(scenario, tools=[TOOL]), seed)
            self.compare(self.streamed(scenario + ",chunk=1", tools=[TOOL]), seed + 10)

    def test_a_tool_round(self):
        """The restored arguments go back with the tool's result, as an agent does it."""

        def call(url, kind, headers, values):
            sdk = client(url, kind, headers, "tools=1,chunk=2")
            pairs = messages([("user", prompt(values))])
            for _ in range(3):
                with sdk.messages.stream(model="m", max_tokens=99, messages=pairs, tools=[TOOL]) as stream:
                    reply = stream.get_final_message()
                use = next(block for block in reply.content if block.type == "tool_use")
                result = {"type": "tool_result", "tool_use_id": use.id, "content": [{"type": "text", "text": use.input["command"]}]}
                pairs.append({"role": "assistant", "content": [block.model_dump(exclude_none=True) for block in reply.content]})
                pairs.append({"role": "user", "content": [result]})
            return reply.model_dump()

        self.compare(call, 250)

    def test_long_history(self):
        self.compare(self.streamed("chunk=9", make=lambda values: history(values, 60)), 251)

    def test_five_megabytes(self):
        self.compare(self.streamed("chunk=4000", make=lambda values: big(values, 5 << 20)), 252)

    def test_an_error_in_the_stream(self):
        def call(url, kind, headers, values):
            try:
                self.streamed("chunk=2,error_at=6")(url, kind, headers, values)
            except anthropic.APIStatusError as error:
                return [str(error.body), values[0]]
            self.fail("no error")

        self.compare(call, 260)
