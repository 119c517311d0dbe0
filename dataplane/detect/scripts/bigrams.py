#!/usr/bin/env python3
"""Writes src/plausibility/bigrams.rs: how surprising each pair of letters is in words that people write.

    scripts/bigrams.py FOLDER... > src/plausibility/bigrams.rs

Reads the text and source files below the folders (Python's library and /usr/include serve well), splits them into
words at everything that is not a letter and at humps (fooBar), counts each distinct word once per file and prints
-log2 P(second | first) in sixteenths of a bit, first and second from "start of word", a..z.
"""
import collections, math, pathlib, re, sys

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
LIMIT = 400_000  # bytes of one file

counts = collections.Counter()
files = sorted(p for folder in sys.argv[1:] for p in pathlib.Path(folder).rglob("*")
               if p.suffix in {".py", ".h", ".txt", ".rst", ".md"} and p.is_file())
for path in files:
    words = {w.lower() for w in WORD.findall(path.read_bytes()[:LIMIT].decode("utf-8", "replace")) if len(w) > 2}
    for word in words:
        counts.update(zip("^" + word, word))

letters = "abcdefghijklmnopqrstuvwxyz"
print("//! Surprise of letter pairs; made by `scripts/bigrams.py`, do not edit.\n")
print("/// Sixteenths of a bit of the second letter after the first; row 0 is the start of a word.")
print("pub(crate) const SURPRISE: [[u8; 26]; 27] = [")
for first in "^" + letters:
    total = sum(counts[first, x] for x in letters) + 26
    row = [min(255, round(-16 * math.log2((counts[first, x] + 1) / total))) for x in letters]
    print("    [" + ", ".join(map(str, row)) + "],")
print("];")
