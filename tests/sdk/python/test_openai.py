"""OpenAI's own SDK: chat completions and Responses, whole and streamed, tools, many choices."""

import asyncio

import openai

from support import SdkCase, big, history, prompt, trust

TOOL = {"type": "function", "function": {"name": "run", "parameters": {"type": "object", "properties": {"command": {"type": "string"}}}}}
RESPONSE_TOOL = {"type": "function", "name": "run", "parameters": TOOL["function"]["parameters"]}


def client(url, kind, headers, scenario="", asynchronous=False):
    http = (openai.DefaultAsyncHttpxClient if asynchronous else openai.DefaultHttpxClient)(
        verify=trust() if kind == "tls" else True
    )
    headers = dict(headers)
    if scenario:
        headers["x-mock-scenario"] = scenario
    make = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    return make(base_url=url + "/v1", api_key="test-key", default_headers=headers, max_retries=0, http_client=http)


def messages(pairs):
    return [{"role": role, "content": text} for role, text in pairs]


class Chat(SdkCase):
    def whole(self, scenario="", **arguments):
        def call(url, kind, headers, values):
            reply = client(url, kind, headers, scenario).chat.completions.create(
                model="m", messages=messages([("user", prompt(values))]), **arguments
            )
            return reply.model_dump()

        return call

    def streamed(self, scenario, make=prompt, **arguments):
        def call(url, kind, headers, values):
            content = make(values)
            pairs = content if isinstance(content, list) else [("user", content)]
            with client(url, kind, headers, scenario).chat.completions.stream(
                model="m", messages=messages(pairs), **arguments
            ) as stream:
                for _ in stream:
                    pass
                return stream.get_final_completion().model_dump()

        return call

    def test_whole(self):
        self.compare(self.whole(), 1)

    def test_several_choices(self):
        self.compare(self.whole(n=3), 2)
        self.compare(self.streamed("chunk=5", n=3), 3)

    def test_streamed_in_every_dress(self):
        for seed, scenario in enumerate(
            ["chunk=1", "chunk=3,segment=7", "chunk=1,eol=crlf,ping=2,comment=1", "chunk=2,escape=all,segment=5", "chunk=4,encoding=gzip"], 10
        ):
            self.compare(self.streamed(scenario), seed)

    def test_usage_of_a_stream(self):
        self.compare(self.streamed("chunk=6", stream_options={"include_usage": True}), 20)

    def test_tool_calls(self):
        for seed, scenario in enumerate(["tools=1", "tools=3,nested=2", "tools=2,text=0"], 30):
            self.compare(self.whole(scenario, tools=[TOOL]), seed)
            self.compare(self.streamed(scenario + ",chunk=1", tools=[TOOL]), seed + 10)

    def test_long_history(self):
        self.compare(self.streamed("chunk=9", make=lambda values: history(values, 60)), 50)

    def test_five_megabytes(self):
        self.compare(self.streamed("chunk=4000", make=lambda values: big(values, 5 << 20)), 51)

    def test_asynchronous(self):
        def call(url, kind, headers, values):
            async def run():
                async with client(url, kind, headers, "chunk=3", asynchronous=True) as sdk:
                    asks = [
                        sdk.chat.completions.create(
                            model="m", messages=messages([("user", prompt(values) + f" #{number}")]), stream=True
                        )
                        for number in range(8)
                    ]
                    texts = []
                    for stream in await asyncio.gather(*asks):
                        texts.append("".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]))
                    return texts

            return asyncio.run(run())

        self.compare(call, 60)

    def test_errors_keep_their_class(self):
        def call(url, kind, headers, values):
            try:
                self.whole("status=429,reply=slow down")(url, kind, headers, values)
            except openai.RateLimitError as error:
                return [error.status_code, error.body, values[0]]
            self.fail("no error")

        self.compare(call, 70)


class Responses(SdkCase):
    def test_whole(self):
        def call(url, kind, headers, values):
            reply = client(url, kind, headers).responses.create(model="m", input=prompt(values))
            return [reply.output_text, reply.model_dump()]

        self.compare(call, 100)

    def test_streamed(self):
        for seed, scenario in enumerate(["chunk=1", "chunk=2,eol=crlf,segment=9", "chunk=3,no_content_type=1"], 110):
            self.compare(self.streamed(scenario), seed)

    def test_tools(self):
        for seed, scenario in enumerate(["tools=2,chunk=2", "tools=1,custom=1,chunk=1", "tools=2,nested=2,chunk=3"], 120):
            self.compare(self.streamed(scenario, tools=[RESPONSE_TOOL]), seed)

    def streamed(self, scenario, **arguments):
        def call(url, kind, headers, values):
            deltas, final = {}, None
            for event in client(url, kind, headers, scenario).responses.create(
                model="m", input=[{"role": "user", "content": prompt(values)}], stream=True, **arguments
            ):
                if event.type.endswith(".delta"):
                    lane = f"{event.type} {event.item_id}"
                    deltas[lane] = deltas.get(lane, "") + event.delta
                if event.type == "response.completed":
                    final = event.response.model_dump()
            return [deltas, final]

        return call
