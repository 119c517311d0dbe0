#!/usr/bin/env python3
"""Prints the token vectors of tokens.tsv, from the format's description and Python's own hmac alone.

Columns: master key (hex), organisation, epoch number, category, secret (hex), token.
"""

import hashlib
import hmac

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CATEGORIES = ["KEY", "SECRET", "TOKEN", "CONN", "PKEY", "USER", "HOST", "PII"]


def sha256_mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def hkdf(salt: bytes, master: bytes, info: bytes) -> bytes:
    """RFC 5869 for the 32 bytes of one block."""
    return sha256_mac(sha256_mac(salt, master), info + b"\x01")


def base32(digest: bytes, characters: int) -> str:
    bits = int.from_bytes(digest, "big") >> (8 * len(digest) - 5 * characters)
    return "".join(ALPHABET[bits >> 5 * (characters - 1 - at) & 31] for at in range(characters))


def token(master: bytes, organisation: str, epoch: int, category: str, secret: bytes) -> str:
    info = organisation.encode() + b"\0" + bytes([epoch])
    digest_key = hkdf(b"aegis token key v1", master, info)
    check_key = hkdf(b"aegis token check v1", master, info)
    code = ALPHABET[epoch] + base32(sha256_mac(digest_key, category.encode() + b"\0" + secret), 16)
    check = base32(sha256_mac(check_key, category.encode() + code.encode()), 4)
    return f"AEGIS-{category}-{code}{check}"


def main() -> None:
    secrets = [b"", b"hunter2Qx9", "p\u00f6\u0000\U0001f511".encode(), bytes(range(256)) * 9]
    masters = [bytes([7]) * 32, bytes(range(32))]
    for number, (category, secret) in enumerate((c, s) for c in CATEGORIES for s in secrets):
        for master, organisation in zip(masters, ["acme", "Z\u00fcrich 2"]):
            epoch = number % 32
            fields = [master.hex(), organisation, str(epoch), category, secret.hex()]
            print("\t".join([*fields, token(master, organisation, epoch, category, secret)]))


if __name__ == "__main__":
    main()
