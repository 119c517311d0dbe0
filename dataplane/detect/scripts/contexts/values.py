"""Makes secrets with true shapes and right check values, and harmless names to stand beside them.

A `Maker` remembers each secret it hands out, so that whoever builds a text with it knows what must be found there.
"""
import base64, hashlib, hmac, json, random, string, zlib

UPPER, LOWER, DIGITS = string.ascii_uppercase, string.ascii_lowercase, string.digits
ALNUM = DIGITS + UPPER + LOWER
LOWNUM = DIGITS + LOWER
HEX = "0123456789abcdef"
B64 = UPPER + LOWER + DIGITS + "+/"
B64URL = UPPER + LOWER + DIGITS + "-_"

# Everyday words, for passwords that people choose.
WORDS = """lantern river copper willow harbor velvet thunder meadow saddle orchid falcon pepper granite marble walnut
ribbon tundra cactus bronze glacier pirate mango violin rocket kettle anchor badger cobalt dagger ember fiddle garnet
hazel igloo jasper kayak ladder magnet nectar otter paddle quartz rafter salmon timber umber vortex wagon yonder zephyr
bramble cinder driftwood eagle fjord gopher hollow indigo juniper kelp lagoon mustard nutmeg oyster pumpkin quiver
raven sparrow thistle urchin viola walrus yarrow zircon acorn beacon clover dolphin elm ferret gravel hammer""".split()
USERS = "app svc_app deploy ann mkeller jlopez reporting backup etl carol rnair billing webuser ops readonly".split()
HOSTS = "db1 core-sw1 vault01 web-2 mail pg-main cache ldap1 edge-7 build3 nas warehouse".split()
# Some words of BIP-39's English list with their numbers.
BIP39 = """abstract:7 agent:39 angry:71 artefact:103 axis:135 belt:167 body:199 brother:231 can:263 ceiling:295
cigar:327 coconut:359 couch:391 crunch:423 decline:455 diagram:487 domain:519 eager:551 employ:583 erupt:615
extend:647 female:679 flight:711 friend:743 genius:775 gossip:807 happy:839 hollow:871 ill:903 insane:935
jump:967 language:999 liberty:1031 lumber:1063 material:1095 mind:1127 movie:1159 neutral:1191 ocean:1223
ostrich:1255 path:1287 pilot:1319 pottery:1351 provide:1383 rail:1415 reject:1447 rib:1479 rude:1511
science:1543 shaft:1575 similar:1607 smooth:1639 special:1671 stay:1703 suggest:1735 table:1767 thought:1799
top:1831 trophy:1863 undo:1895 valley:1927 visual:1959 wedding:1991 woman:2023"""


def base62(number, alphabet, width):
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, len(alphabet))
        digits = alphabet[digit] + digits
    return digits


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Maker:
    """A source of values of one text; the same seed gives the same values."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.secrets = []

    def secret(self, value):
        """Remembers a value as one that must be found."""
        self.secrets.append(value)
        return value

    def chars(self, alphabet, count):
        return "".join(self.random.choice(alphabet) for _ in range(count))

    def pick(self, choices):
        return self.random.choice(choices)

    def number(self, low, high):
        return self.random.randint(low, high)

    # Harmless values.

    def user(self):
        return self.pick(USERS)

    def host(self):
        return self.pick(HOSTS)

    def ip(self):
        return f"10.{self.number(0, 200)}.{self.number(0, 250)}.{self.number(2, 250)}"

    def sha(self, digits=64):
        return self.chars(HEX, digits)

    def plain_uuid(self):
        h = self.chars(HEX, 32)
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{self.pick('89ab')}{h[17:20]}-{h[20:]}"

    def date(self):
        return f"2026-{self.number(1, 12):02}-{self.number(1, 28):02}"

    def time(self):
        return f"{self.date()}T{self.number(0, 23):02}:{self.number(0, 59):02}:{self.number(0, 59):02}Z"

    # Secrets without a shape of their own.

    def human(self):
        """A password as people choose them: two words, a number, a sign."""
        words = self.random.sample(WORDS, 2)
        sign = self.pick("!?#%*+=")
        number = self.number(10, 9999)
        return self.secret(self.pick([
            f"{words[0]}{words[1].title()}{number}{sign}", f"{words[0].title()}{words[1].title()}{number}",
            f"{words[0]}-{words[1]}-{number}", f"{words[0].title()}{sign}{number}{words[1]}",
            f"{words[0]}{number}{words[1]}"]))

    def simple(self):
        """A word and digits."""
        return self.secret(f"{self.pick(WORDS)}{self.number(1000, 99999)}")

    def random_password(self, length=None):
        """A password of a manager, of letters and digits."""
        length = length or self.number(14, 24)
        body = self.chars(ALNUM, length - 3)
        return self.secret(self.pick(LOWER) + self.pick(UPPER) + self.pick(DIGITS) + body)

    def symbols(self, signs="!#%*+=?@^_.~-", length=None):
        """A password of a manager, with signs in it."""
        length = length or self.number(12, 20)
        body = list(self.chars(ALNUM, length - 5) + self.chars(signs, 2))
        self.random.shuffle(body)
        return self.secret(self.pick(UPPER) + "".join(body) + self.pick(DIGITS) + self.pick(LOWER))

    def phrase(self, words=4, join="-"):
        return self.secret(join.join(self.random.sample(WORDS, words)))

    def password(self):
        """Any of the passwords that need no quoting anywhere."""
        return self.pick([self.human, self.random_password, self.simple, self.symbols])()

    def hex(self, digits=32):
        return self.secret(self.chars(HEX, digits))

    def base64(self, size=32):
        return self.secret(base64.b64encode(self.random.randbytes(size)).decode())

    def base64url(self, size=32):
        return self.secret(b64url(self.random.randbytes(size)))

    def alnum(self, length=32):
        return self.secret(self.chars(ALNUM, length))

    def uuid(self):
        return self.secret(self.plain_uuid())

    def mnemonic(self):
        """Twelve words of BIP-39 with the right check value."""
        table = [entry.split(":") for entry in BIP39.split()]
        while True:
            picks = [self.pick(table) for _ in range(12)]
            bits = "".join(f"{int(number):011b}" for _, number in picks)
            entropy = int(bits[:128], 2).to_bytes(16, "big")
            if f"{hashlib.sha256(entropy).digest()[0]:08b}"[:4] == bits[128:]:
                return self.secret(" ".join(word for word, _ in picks))

    def totp(self):
        return self.secret(base64.b32encode(self.random.randbytes(20)).decode())

    # Tokens of vendors.

    def github(self):
        body = self.chars(ALNUM, 30)
        return self.secret(self.pick(["ghp_", "gho_", "ghs_"]) + body + base62(zlib.crc32(body.encode()), ALNUM, 6))

    def npm(self):
        body = self.chars(ALNUM, 30)
        return self.secret("npm_" + body + base62(zlib.crc32(body.encode()), ALNUM, 6))

    def gitlab(self):
        return self.secret("glpat-" + self.chars(B64URL[:-2], 20))

    def gitlab_routable(self):
        front = f"glpat-{self.chars(B64URL[:-2], 27)}.01.{base62(self.number(400, 1200), LOWNUM, 2)}"
        return self.secret(front + base62(zlib.crc32(front.encode()), LOWNUM, 7))

    def aws_id(self):
        """A key id whose account has twelve digits."""
        account = self.number(10**11, 10**12 - 1)
        number = 1 << 79 | account << 39 | self.random.getrandbits(39)
        return self.secret("AKIA" + base64.b32encode(number.to_bytes(10, "big")).decode())

    def aws_secret(self):
        return self.secret(self.chars(B64, 40))

    def aws_session(self):
        return self.secret("IQoJb3JpZ2luX2VjE" + self.chars(B64, 319) + "==")

    def google(self):
        return self.secret("AIzaSy" + self.chars(B64URL, 33))

    def google_access(self):
        return self.secret(self.pick(["ya29.a0", "ya29.c.c0", "ya29.c.b0"]) + self.chars(B64URL, 180))

    def stripe(self):
        return self.secret("sk_live_51" + self.chars(ALNUM, 97))

    def slack(self):
        return self.secret(f"xoxb-{self.chars(DIGITS, 12)}-{self.chars(DIGITS, 13)}-{self.chars(ALNUM, 24)}")

    def openai(self):
        return self.secret("sk-proj-" + self.chars(B64URL, 74) + "T3BlbkFJ" + self.chars(B64URL, 74))

    def anthropic(self):
        return self.secret("sk-ant-api03-" + self.chars(B64URL, 93) + "AA")

    def sendgrid(self):
        return self.secret(f"SG.{self.chars(B64URL, 22)}.{self.chars(B64URL, 43)}")

    def huggingface(self):
        return self.secret("hf_" + self.chars(UPPER + LOWER, 34))

    def digitalocean(self):
        return self.secret("dop_v1_" + self.chars(HEX, 64))

    def databricks(self):
        return self.secret("dapi" + self.chars(HEX, 32))

    def doppler(self):
        return self.secret("dp.pt." + self.chars(ALNUM, 43))

    def vault_token(self):
        return self.secret("hvs.CAES" + self.chars(B64URL, 87))

    def grafana(self):
        front = "glsa_" + self.chars(ALNUM, 32)
        return self.secret(front + "_" + zlib.crc32(front.encode()).to_bytes(4, "little").hex())

    def linear(self):
        return self.secret("lin_api_" + self.chars(ALNUM, 40))

    def notion(self):
        return self.secret("ntn_" + self.chars(DIGITS, 11) + self.chars(ALNUM, 35))

    def replicate(self):
        return self.secret("r8_" + self.chars(ALNUM, 37))

    def groq(self):
        return self.secret("gsk_" + self.chars(ALNUM, 52))

    def xai(self):
        return self.secret("xai-" + self.chars(ALNUM, 80))

    def shopify(self):
        return self.secret("shpat_" + self.chars(HEX, 32))

    def pulumi(self):
        return self.secret("pul-" + self.chars(HEX, 40))

    def pypi(self):
        return self.secret("pypi-AgEIcHlwaS5vcmc" + self.chars(B64URL, 150))

    def rubygems(self):
        return self.secret("rubygems_" + self.chars(HEX, 48))

    def dockerhub(self):
        return self.secret("dckr_pat_" + self.chars(B64URL, 27))

    def telegram(self):
        return self.secret(f"{self.number(10**9, 8 * 10**9)}:AA{self.chars(B64URL, 33)}")

    def mailgun(self):
        return self.secret("key-" + self.chars(HEX, 32))

    def newrelic(self):
        return self.secret("NRAK-" + self.chars(UPPER + DIGITS, 27))

    def tailscale(self):
        return self.secret(f"tskey-auth-k{self.chars(ALNUM, 11)}CNTRL-{self.chars(ALNUM, 32)}")

    def azure_storage(self):
        """A key of a storage account, with its mark `+ASt`."""
        head = self.chars(B64, 76) + "+ASt" + self.chars(B64, 5)
        return self.secret(head + self.pick("AQgw") + "==")

    def entra(self):
        return self.secret(self.chars(ALNUM, 3) + "8Q~" + self.chars(ALNUM + "-_.", 34))

    def jwt(self):
        head = b64url(json.dumps({"alg": "HS256", "typ": "JWT"}, separators=(",", ":")).encode())
        claims = {"sub": str(self.number(1, 99999)), "iat": 1764500000 + self.number(0, 99999), "scope": "admin"}
        body = b64url(json.dumps(claims, separators=(",", ":")).encode())
        sign = hmac.new(self.random.randbytes(16), f"{head}.{body}".encode(), "sha256").digest()
        return self.secret(f"{head}.{body}.{b64url(sign)}")

    def composio(self):
        return self.secret(self.pick(["oak_", "uak_", "ak_"]) + self.chars(B64URL[:-2], 20))

    def token(self):
        """A token of any vendor."""
        return self.pick([
            self.github, self.npm, self.gitlab, self.gitlab_routable, self.google, self.stripe, self.slack, self.openai,
            self.anthropic, self.sendgrid, self.huggingface, self.digitalocean, self.databricks, self.doppler,
            self.vault_token, self.grafana, self.linear, self.notion, self.replicate, self.groq, self.xai,
            self.shopify, self.pulumi, self.pypi, self.rubygems, self.dockerhub, self.newrelic, self.tailscale])()

    def opaque(self):
        """A key that only its name identifies."""
        return self.pick([
            lambda: self.alnum(32), lambda: self.alnum(40), lambda: self.hex(32), lambda: self.hex(40),
            lambda: self.hex(64), lambda: self.base64(32), lambda: self.base64url(32)])()

    def opaque_url(self):
        """A key that only its name identifies, of bytes that stand in an address as they are."""
        return self.pick([lambda: self.alnum(32), lambda: self.hex(40), lambda: self.base64url(32)])()

    def human_plain(self):
        """A password as people choose them, without a sign that a sentence may end with."""
        words = self.random.sample(WORDS, 2)
        number = self.number(10, 9999)
        return self.secret(self.pick([
            f"{words[0]}{words[1].title()}{number}", f"{words[0].title()}-{number}-{words[1]}",
            f"{words[0].title()}{number}{words[1]}#x", self.chars(ALNUM, 7) + f"K{number}q"]))

    def basic(self):
        """What stands behind `Basic` in a header."""
        return self.secret(base64.b64encode(f"svc:{self.chars(LOWNUM, 16)}".encode()).decode())

    def encoded(self):
        """A short password under base64, as `.npmrc` and mail sessions have it."""
        return self.secret(base64.b64encode(self.chars(LOWNUM + "!", 16).encode()).decode())

    def public_key(self):
        return base64.b64encode(self.random.randbytes(32)).decode()
