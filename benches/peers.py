#!/usr/bin/env python3
"""Scans the same files with Aegis and with other secret scanners, side by side on one core.

    benches/peers.py [--gateway BIN] [--corpus DIR]... [--megabytes N] [--rounds N] [--tools DIR] [--install]

Each tool gets the same folder, pinned to the same core, one after the other in each round; the best round counts, by
the processor time (user and system) of the whole command: reading files, starting and printing included. Nothing is
verified online. `--install` fetches the peers that are missing into --tools: kingfisher and detect-secrets as Python
packages, ripsecrets as a crate. A peer that cannot be had is left out and named.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

CORPORA = ["/usr/include", os.path.dirname(os.__file__)]
ENDINGS = {".h", ".hpp", ".c", ".cc", ".rs", ".py", ".js", ".ts", ".go", ".java", ".toml", ".json", ".yaml", ".md", ".html"}
SLOW_SHARE = 10  # detect-secrets gets one file in so many: it takes minutes for what the others do in a second


def collect(folders, limit, into):
    """Copies text files below the folders, as many bytes of them as `limit`; how many bytes that were."""
    total = 0
    for folder in folders:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.suffix not in ENDINGS or not path.is_file() or path.is_symlink():
                continue
            size = path.stat().st_size
            if total + size > limit:
                return total
            target = into / f"{total:012}{path.suffix}"
            shutil.copyfile(path, target)
            total += size
    return total


def thin(corpus, into):
    """Every SLOW_SHAREth file of the corpus; how many bytes that are."""
    total = 0
    for path in sorted(corpus.iterdir())[::SLOW_SHARE]:
        shutil.copyfile(path, into / path.name)
        total += path.stat().st_size
    return total


def install(tools):
    subprocess.run([sys.executable, "-m", "venv", tools / "venv"], check=True)
    subprocess.run([tools / "venv/bin/pip", "-q", "install", "detect-secrets", "kingfisher-bin"], check=False)
    subprocess.run(["cargo", "install", "-q", "ripsecrets", "--root", tools], check=False)


def commands(gateway, tools, corpus, small):
    """Each tool with its command and the folder it is given."""
    venv = tools / "venv/bin"
    return {
        "aegis": ([gateway, "scan", "--format", "json", corpus], corpus),
        "ripsecrets": ([tools / "bin/ripsecrets", corpus], corpus),
        "kingfisher": (
            [venv / "kingfisher", "scan", "--no-validate", "--no-update-check", "--jobs", "1", "--format", "json", corpus],
            corpus,
        ),
        "detect-secrets": ([venv / "detect-secrets", "-C", small, "scan", "--all-files", small], small),
    }


def measure(command, core, log):
    """Processor seconds, wall seconds and the lines printed of one run on one core."""
    before, begin = os.times(), time.monotonic()
    with open(log, "wb") as out:
        done = subprocess.run(
            [str(c) for c in command],
            stdout=out,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            check=False,
        )
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return spent, time.monotonic() - begin, done.returncode


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateway", default="target/release/aegis-gateway", help="the binary under test")
    parser.add_argument("--corpus", action="append", help="folder of text files; /usr/include and Python's library if none")
    parser.add_argument("--megabytes", type=int, default=100, help="how much of them (default: 100)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tools", type=pathlib.Path, default=pathlib.Path("target/peers"), help="where the peers are")
    parser.add_argument("--install", action="store_true", help="install the peers there first")
    options = parser.parse_args()
    if options.install:
        install(options.tools)
    with tempfile.TemporaryDirectory() as scratch:
        corpus, small = pathlib.Path(scratch, "all"), pathlib.Path(scratch, "some")
        corpus.mkdir()
        small.mkdir()
        size = {corpus: collect(options.corpus or CORPORA, options.megabytes * 1_000_000, corpus)}
        size[small] = thin(corpus, small)
        files = sum(1 for _ in corpus.iterdir())
        print(f"{size[corpus] / 1e6:.0f} MB in {files} files; one core; best of {options.rounds} rounds")
        best, wall = {}, {}
        every = commands(options.gateway, options.tools, corpus, small)
        for name, (command, _) in every.items():
            if not os.access(command[0], os.X_OK):
                print(f"{name}: not at {command[0]}, left out (--install fetches it)")
        present = {n: c for n, c in every.items() if os.access(c[0][0], os.X_OK)}
        for _ in range(options.rounds):
            for name, (command, _) in present.items():
                spent, took, code = measure(command, min(os.sched_getaffinity(0)), os.path.join(scratch, name + ".out"))
                if code not in (0, 1, 200):
                    sys.exit(f"{name} failed with exit code {code}: {' '.join(map(str, command))}")
                best[name] = min(spent, best.get(name, spent))
                wall[name] = min(took, wall.get(name, took))
        speed = {n: size[present[n][1]] / best[n] / 1e6 for n in best}
        print(f"\n{'tool':16} {'MB/s':>8} {'CPU s':>8} {'wall s':>8}  Aegis is faster by")
        for name in best:
            ratio = speed["aegis"] / speed[name] if "aegis" in speed else float("nan")
            print(f"{name:16} {speed[name]:8.1f} {best[name]:8.2f} {wall[name]:8.2f}  {ratio:.1f}")


if __name__ == "__main__":
    main()
