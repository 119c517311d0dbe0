#!/usr/bin/env python3
"""Scores the gateway on kinds of text that coding tools send, made up on the spot.

    score.py BINARY [--seed N] [--values N] [--prefixed N] [--misses N] [--kind NAME] [--prefix NAME] [--plain]

Each kind of `kinds` is written with several values (`--values`, 4) and scanned by `scan --jsonl`, then, with fewer
(`--prefixed`, 2), behind each prefix of `prefixes`, and as a whole string of a JSON body through `tokenize`. A secret is
*covered* when one finding covers all of it, *tight* when that finding is no more than two bytes longer on either side;
*false* are harmless texts with any finding. Only findings of medium confidence count, as the policy has it by default.
The same seed gives the same texts. Nothing but Python's library is needed.
"""
import argparse
import collections
import concurrent.futures
import json
import re
import subprocess
import tempfile

from harmless import HARMLESS
from kinds import KINDS
from marks import mark, unmark
from prefixes import PREFIXES
from values import Maker

TOKEN = re.compile(r"AEGIS-[A-Z]+-[0-9A-HJKMNP-TV-Z]{21}")
# A finding may be so many bytes longer on either side.
SLACK = 2


class Case:
    """A text with its secrets, as lists of pieces in bytes."""

    def __init__(self, kind, marked):
        self.kind = kind
        self.text, secrets = unmark(marked)
        at = byte_offsets(self.text)
        self.secrets = [[(at[s], at[e]) for s, e in pieces] for pieces in secrets]


def byte_offsets(text):
    offsets, at = [0], 0
    for character in text:
        at += len(character.encode())
        offsets.append(at)
    return offsets


def marked_texts(seed, count, only=None):
    for kind, (_, make) in KINDS.items():
        for number in range(count):
            if only in (None, kind):
                maker = Maker(f"{seed}/{kind}/{number}")
                text = make(maker)
                yield kind, mark(text, maker.secrets)


def scan(binary, texts):
    """Returns the findings of each text as spans of bytes, with their rules."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for number, text in enumerate(texts):
            file.write(json.dumps({"id": str(number), "text": text}) + "\n")
        file.flush()
        run = subprocess.run([binary, "scan", "--jsonl", "--min-confidence", "medium", "--no-project", file.name],
                             capture_output=True, text=True)
    found = {}
    for line in run.stdout.splitlines():
        answer = json.loads(line)
        found[int(answer["id"])] = [(f["start"], f["end"], f["rule"]) for f in answer["findings"]]
    if len(found) != len(texts):
        raise SystemExit(f"scan answered {len(found)} of {len(texts)} texts: {run.stderr[-400:]}")
    return [found[number] for number in range(len(texts))]


def tokenize(binary, texts):
    """Returns what the gateway replaces in each text as a string of a JSON body."""
    with tempfile.TemporaryDirectory() as state:
        run = subprocess.run([binary, "tokenize", "--format", "json", "--state", state], input=json.dumps(texts),
                             capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"tokenize: {run.stderr[-400:]}")
    return [replaced(text, sent) for text, sent in zip(texts, json.loads(run.stdout))]


def replaced(text, sent):
    """The spans, in bytes, that tokens stand for."""
    if text == sent:
        return []
    literals = TOKEN.split(sent)
    pattern = "(.+?)".join(map(re.escape, literals))
    match = re.fullmatch(pattern, text, re.S)
    if not match:
        raise SystemExit(f"tokenize changed more than secrets: {text[:200]!r} {sent[:200]!r}")
    at = byte_offsets(text)
    return [(at[match.start(i)], at[match.end(i)], "") for i in range(1, len(literals))]


def judge(case, findings):
    """For each secret whether it is covered and whether tightly."""
    verdicts = []
    for pieces in case.secrets:
        by_piece = [[f for f in findings if f[0] <= s and f[1] >= e] for s, e in pieces]
        covered = all(by_piece)
        start, end = pieces[0][0] - SLACK, pieces[-1][1] + SLACK
        tight = covered and all(any(f[0] >= start and f[1] <= end for f in fs) for fs in by_piece)
        verdicts.append((covered, tight))
    return verdicts


class Tally:
    """Secrets, and how many are covered and tight, by kind."""

    def __init__(self):
        self.count = collections.defaultdict(collections.Counter)
        self.missed = []

    def add(self, cases, found):
        for case, findings in zip(cases, found):
            counter = self.count[case.kind]
            for pieces, (covered, tight) in zip(case.secrets, judge(case, findings)):
                counter.update(secrets=1, covered=covered, tight=tight)
                if not covered:
                    self.missed.append((case, pieces, findings))
        return self

    def share(self, what, family=None):
        """Percent of all secrets, or of those of a family."""
        kinds = [c for kind, c in self.count.items() if family in (None, KINDS[kind][0])]
        total = sum(c["secrets"] for c in kinds)
        return 100 * sum(c[what] for c in kinds) / total if total else float("nan")

    def mean(self, family=None):
        """The mean over kinds of what is covered, in percent."""
        kinds = [c for kind, c in self.count.items() if family in (None, KINDS[kind][0])]
        return 100 * sum(c["covered"] / c["secrets"] for c in kinds) / len(kinds)


def table(head, rows):
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, ["-" * w for w in widths], *rows]:
        print("| " + " | ".join(str(c).ljust(w) if i == 0 else str(c).rjust(w) for i, (c, w) in enumerate(zip(row, widths))) + " |")
    print()


def smallest(case, pieces):
    """The line of the secret, and where it stands alone the line before it."""
    raw = case.text.encode()
    start = raw.rfind(b"\n", 0, pieces[0][0]) + 1
    end = raw.find(b"\n", pieces[-1][1])
    return raw[start:end if end >= 0 else None].decode("utf-8", "replace").strip()


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("binary")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--values", type=int, default=4)
    args.add_argument("--prefixed", type=int, default=2)
    args.add_argument("--misses", type=int, default=0, help="list so many missed kinds and false hits")
    args.add_argument("--kind", help="only this kind")
    args.add_argument("--prefix", help="list the misses behind this prefix")
    args.add_argument("--plain", action="store_true", help="no prefixes, no JSON bodies")
    args = args.parse_args()

    plain = [Case(kind, text) for kind, text in marked_texts(args.seed, args.values, args.kind)]
    few = list(marked_texts(args.seed, args.prefixed, args.kind))
    sets = {"": [Case(kind, text) for kind, text in few]}
    if not args.plain:
        sets |= {name: [Case(kind, change(text)) for kind, text in few] for name, (_, change) in PREFIXES.items()}
    harmless = [(kind, make(Maker(f"{args.seed}/{kind}/{n}"))) for kind, (make, count) in HARMLESS.items() for n in range(count)]

    texts = [c.text for c in plain] + [c.text for cases in sets.values() for c in cases] + [text for _, text in harmless]
    found = iter(scan(args.binary, texts))
    take = lambda count: [next(found) for _ in range(count)]
    whole = Tally().add(plain, take(len(plain)))
    tallies = {name: Tally().add(cases, take(len(cases))) for name, cases in sets.items()}
    false = [(kind, text, fs) for (kind, text), fs in zip(harmless, take(len(harmless))) if fs]

    bodies = {}
    if not args.plain:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            jobs = {name: pool.submit(tokenize, args.binary, [c.text for c in cases]) for name, cases in sets.items()}
            bodies = {name: Tally().add(sets[name], job.result()) for name, job in jobs.items()}
    report(args, whole, tallies, bodies, harmless, false)


def report(args, whole, tallies, bodies, harmless, false):
    percent = lambda value: f"{value:.1f} %"
    prefixes = [name for name in tallies if name]
    families = list(dict.fromkeys(family for family, _ in KINDS.values()))
    rows = []
    for family in [*families, None]:
        counters = [c for kind, c in whole.count.items() if family in (None, KINDS[kind][0])]
        if not counters:
            continue
        row = [family or "all", len(counters), sum(c["secrets"] for c in counters), percent(whole.share("covered", family)),
               percent(whole.mean(family)), percent(whole.share("tight", family))]
        if bodies:
            behind = sum(tallies[p].share("covered", family) for p in prefixes) / len(prefixes)
            row += [percent(bodies[""].share("covered", family)), percent(behind)]
        rows.append(row)
    table(["kinds of", "kinds", "secrets", "covered", "mean", "tight", *(["as a JSON string", "behind prefixes"] if bodies else [])], rows)
    if bodies:
        base, base_body = tallies[""].share("covered"), bodies[""].share("covered")
        table(["prefix", "group", "covered", "than plain", "tight", "as a JSON string"],
              [[p, PREFIXES[p][0], percent(tallies[p].share("covered")), f"{tallies[p].share('covered') - base:+.1f}",
                percent(tallies[p].share("tight")), percent(bodies[p].share("covered"))] for p in prefixes]
              + [["plain", "", percent(base), "", percent(tallies[''].share("tight")), percent(base_body)]])
    kinds = len({kind for kind, _ in harmless})
    print(f"harmless: {len(harmless)} texts of {kinds} kinds, {len(false)} false ({100 * len(false) / len(harmless):.1f} %)\n")
    show(args, whole, tallies, false)


def show(args, whole, tallies, false):
    """Lists missed kinds, the worst first, each with its shortest text, and false hits."""
    tally = tallies[args.prefix] if args.prefix else whole
    cases = collections.defaultdict(list)
    for case, pieces, findings in tally.missed:
        cases[case.kind].append((case, pieces, findings))
    worst = sorted(cases, key=lambda kind: -len(cases[kind]) / tally.count[kind]["secrets"])
    for kind in worst[:args.misses]:
        case, pieces, findings = min(cases[kind], key=lambda item: len(item[0].text))
        secret = " ".join(case.text.encode()[s:e].decode() for s, e in pieces)
        print(f"MISS {KINDS[kind][0]}: {kind}, {len(cases[kind])} of {tally.count[kind]['secrets']}: {secret!r} in "
              f"{smallest(case, pieces)[:160]!r} {findings[:2] or ''}")
    for kind, text, findings in false[:args.misses]:
        start, end, rule = findings[0]
        print(f"FALSE {kind}: {rule} {text.encode()[start:end].decode('utf-8', 'replace')[:90]!r} in {text[:140]!r}")


if __name__ == "__main__":
    main()
