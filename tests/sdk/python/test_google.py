"""Google's own SDK: contents whole and streamed, function calls."""

from google import genai
from google.genai import types

from support import SdkCase, big, history, prompt, trust

TOOL = types.Tool(
    function_declarations=[
        {"name": "run", "parameters": {"type": "OBJECT", "properties": {"command": {"type": "STRING"}}}}
    ]
)


def client(url, kind, headers, scenario=""):
    headers = dict(headers)
    if scenario:
        headers["x-mock-scenario"] = scenario
    arguments = {"verify": trust()} if kind == "tls" else {}
    options = types.HttpOptions(base_url=url, headers=headers, client_args=arguments)
    return genai.Client(api_key="test-key", vertexai=False, http_options=options)


def plain(reply):
    """The reply without the SDK's note of the HTTP head, which differs by the gateway's own fields."""
    return reply.model_dump(mode="json", exclude={"sdk_http_response"})


def contents(pairs):
    role = {"user": "user", "assistant": "model"}
    return [types.Content(role=role[who], parts=[types.Part(text=text)]) for who, text in pairs]


class Gemini(SdkCase):
    def whole(self, scenario="", **config):
        def call(url, kind, headers, values):
            sdk = client(url, kind, headers, scenario)
            config_ = types.GenerateContentConfig(**config) if config else None
            return plain(sdk.models.generate_content(model="gemini-pro", contents=prompt(values), config=config_))

        return call

    def streamed(self, scenario, make=prompt, **config):
        def call(url, kind, headers, values):
            content = make(values)
            content = contents(content) if isinstance(content, list) else content
            sdk = client(url, kind, headers, scenario)
            config_ = types.GenerateContentConfig(**config) if config else None
            text, calls, last = "", [], None
            for piece in sdk.models.generate_content_stream(model="gemini-pro", contents=content, config=config_):
                for part in (piece.candidates[0].content.parts or []) if piece.candidates and piece.candidates[0].content else []:
                    text += part.text or ""
                    if part.function_call:
                        calls.append(part.function_call.model_dump(mode="json"))
                last = piece.usage_metadata
            return [text, calls, last.model_dump(mode="json") if last else None]

        return call

    def test_whole(self):
        self.compare(self.whole(), 300)

    def test_streamed(self):
        for seed, scenario in enumerate(["chunk=1", "chunk=3,segment=7", "chunk=5,eol=crlf"], 310):
            self.compare(self.streamed(scenario), seed)

    def test_function_calls(self):
        config = {"tools": [TOOL], "automatic_function_calling": types.AutomaticFunctionCallingConfig(disable=True)}
        for seed, scenario in enumerate(["tools=1", "tools=2,nested=1"], 320):
            self.compare(self.whole(scenario, **config), seed)
            self.compare(self.streamed(scenario + ",chunk=2", **config), seed + 10)

    def test_long_history(self):
        self.compare(self.streamed("chunk=9", make=lambda values: history(values, 60)), 340)

    def test_five_megabytes(self):
        self.compare(self.streamed("chunk=4000", make=lambda values: big(values, 5 << 20)), 341)
