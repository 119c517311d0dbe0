"""Secrets in a text are marked while prefixes and colours are put around them; then the marks become spans of bytes."""
import re

OPEN, CLOSE = "\ue000", "\ue001"
# Colour codes in any writing: what stands inside a secret by the hand of a tool is no part of it.
CODE = re.compile(r"(?:\x1b|\\x1b|\\033|\\u001b)\[[0-9;]*[mK]")


def mark(text, secrets):
    """Marks every occurrence of the secrets."""
    whole = "|".join(re.escape(s) for s in sorted(set(secrets), key=len, reverse=True))
    return re.sub(whole, lambda found: OPEN + found[0] + CLOSE, text)


def unmark(marked):
    """Returns the text, and for each secret the list of its pieces, as spans of characters."""
    text, secrets, start = [], [], None
    length = 0
    for part in re.split(f"([{OPEN}{CLOSE}])", marked):
        if part == OPEN:
            start = length
        elif part == CLOSE:
            secrets.append((start, length))
        else:
            text.append(part)
            length += len(part)
    plain = "".join(text)
    return plain, [pieces(plain, start, end) for start, end in secrets]


def pieces(text, start, end):
    """The parts of a secret between colour codes."""
    spans, at = [], start
    for code in CODE.finditer(text, start, end):
        spans.append((at, code.start()))
        at = code.end()
    return [(s, e) for s, e in [*spans, (at, end)] if e > s]
