"""What the SDK tests share: addresses, made-up secrets, and the provider's record."""

import base64
import json
import os
import random
import ssl
import string
import unittest
import urllib.request
import zlib

MOCK = os.environ["AEGIS_TEST_MOCK"]
GATEWAYS = {"plain": os.environ["AEGIS_TEST_GATEWAY"], "tls": os.environ["AEGIS_TEST_GATEWAY_TLS"]}
MOCKS = {"plain": MOCK, "tls": os.environ["AEGIS_TEST_MOCK_TLS"]}
CA = os.environ["AEGIS_TEST_CA"]

ALNUM = string.ascii_letters + string.digits
BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase

# Shortest run of a secret that counts as seen.
RUN = 12


def trust():
    """A TLS context that trusts the authority of this run and nothing else."""
    return ssl.create_default_context(cafile=CA)


def secrets(seed):
    """A GitHub token with a valid check value, a Stripe key and a PEM block, made up from `seed`."""
    rng = random.Random(seed)

    def text(alphabet, length):
        return "".join(rng.choice(alphabet) for _ in range(length))

    body = text(ALNUM, 30)
    number, check = zlib.crc32(body.encode()), ""
    while number:
        number, digit = divmod(number, 62)
        check = BASE62[digit] + check
    kind = " ".join(["RSA", "PRIVATE", "KEY"])
    lines = "\n".join(text(ALNUM + "+/", 64) for _ in range(10))
    return [
        "ghp_" + body + check.rjust(6, "0"),
        "sk_" + "live_" + text(ALNUM, 24),
        f"-----BEGIN {kind}-----\nMII{lines}\n-----END {kind}-----",
    ]


def records(kind, marker):
    """Everything the provider of that kind received under `marker`."""
    context = trust() if kind == "tls" else None
    with urllib.request.urlopen(f"{MOCKS[kind]}/__mock/records?id={marker}", context=context) as reply:
        return json.load(reply)["records"]


class SdkCase(unittest.TestCase):
    """Runs the same calls against the provider and through each gateway, and compares what the SDK made of them."""

    maxDiff = 2000

    def compare(self, call, seed):
        """`call(url, kind, headers, secrets)` must give the same through the gateway as without it."""
        values = secrets(seed)
        name = f"{self.id()}-{seed}"
        expected = call(MOCK, "plain", {"x-mock-id": name + "-direct"}, values)
        self.assertIn(values[0], json.dumps(expected), "the mock says the prompt back")
        for kind, gateway in GATEWAYS.items():
            marker = f"{name}-{kind}"
            with self.subTest(kind=kind):
                got = call(gateway, kind, {"x-mock-id": marker}, values)
                self.assertEqual(expected, got)
                self.assert_unseen(kind, marker, values)

    def assert_unseen(self, kind, marker, values):
        seen = records(kind, marker)
        self.assertGreater(len(seen), 0, "the provider got the request")
        for record in seen:
            everything = base64.b64decode(record["head"]) + base64.b64decode(record["payload"])
            for value in values:
                line = max(value.split("\n"), key=len)
                for form in (line, base64.b64encode(line.encode()).decode().rstrip("=")):
                    for start in range(0, len(form) - RUN + 1):
                        self.assertNotIn(form[start : start + RUN].encode(), everything)


def prompt(values):
    """A prompt that uses every secret, the way people paste them."""
    github, stripe, pem = values
    return (
        f"Clone with {github}, then put STRIPE_KEY={stripe} into .env and this into key.pem:\n{pem}\n"
        f"Grüße — 日本 🦀. Once more: {github}"
    )


def history(values, turns):
    """A long conversation as (role, text) pairs; its last message is the prompt."""
    pairs = []
    for turn in range(turns):
        pairs.append(("user", f"Turn {turn}: what does {values[turn % 2]} open? \"quoted\" \\ back\tslash"))
        pairs.append(("assistant", f"Turn {turn}: {values[turn % 2]} opens the door."))
    return pairs + [("user", prompt(values))]


def big(values, size):
    """About `size` bytes of code-like text with the prompt at its end."""
    line = 'def handler_{0}(request):\n    return {{"id": {0}, "path": request.path, "note": "line {0}"}}\n'
    lines, length, number = [], 0, 0
    while length < size:
        lines.append(line.format(number))
        length += len(lines[-1])
        number += 1
    return "".join(lines) + prompt(values)
