#!/usr/bin/env bash
# What is too large for every change and is run before a release. What cannot be had here is skipped, aloud.
# Writes below target/ and to cargo's and rustup's own folders.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target}
logs=$CARGO_TARGET_DIR/full
parts=(gate everywhere storage restart reloads blocked frozen agents fuzz-lints deny advisories msrv miri fuzz benches rig rig-epoll peers)

usage() {
    cat <<TEXT
Runs what is too large for the gate, hours in all, and keeps each part's output in target/full/PART.log.

Usage: tests/full.sh [PART...]      all parts without a name

  gate        .ci/run
  everywhere  random conversations that no run had before, 5,000; AEGIS_DOCUMENTS says otherwise
  storage     200,000 audit events into PostgreSQL and SQLite, and each filter over them
  restart     gateways that take over from each other under load, on both drivers
  reloads     memory over many reloads of fifty thousand keys
  blocked     all logs blocked to the end of the gateway, on both drivers
  frozen      a file system that is frozen, on both drivers (needs root and a loop device)
  agents      gemini-cli, aider and Continue's CLI through the gateway, beside the agents of the gate (needs package indexes)
  fuzz-lints  clippy over the libFuzzer targets (needs a C++ compiler)
  deny        cargo-deny: licences, banned and doubled crates, sources
  advisories  cargo-deny: known holes in dependencies (needs the advisory database)
  msrv        libraries and programs on the oldest compiler that Cargo.toml promises
  miri        small tests of shield and wire under Miri (needs a nightly compiler)
  fuzz        a million mutations of every corpus; AEGIS_FUZZ_RUNS says otherwise
  benches     criterion: scanning, tokenizing, restoring, wire
  rig         the gateway beside nginx and HAProxy, 9 rounds
  rig-epoll   the same on the other driver, 3 rounds
  peers       other scanners beside ours (needs a package index)
TEXT
}

skip() { echo "SKIPPED: $*"; return 77; }

gate() { .ci/run; }

everywhere() {
    AEGIS_DOCUMENTS=${AEGIS_DOCUMENTS:-5000} cargo test --locked --profile test -p aegis-shield --test everywhere
}

storage() { cargo test --locked --profile test -p aegis-coordinator --test storage -- --ignored --nocapture large; }

restart() {
    cargo build --locked --profile test -p aegis-gateway --bins &&
        cargo test --locked --profile test -p aegis-tests --test restart -- --ignored
}

reloads() {
    cargo build --locked --release -p aegis-gateway &&
        AEGIS_BIN_DIR=$CARGO_TARGET_DIR/release cargo test --locked --profile test -p aegis-tests --test reloads -- --ignored --nocapture
}

# blocked_on_both TEST: runs ignored tests of logs that are blocked, on io_uring where it can be used, and on epoll.
blocked_on_both() {
    local driver
    cargo build --locked --profile test -p aegis-gateway --bins || return
    for driver in auto epoll; do
        echo "driver: $driver"
        AEGIS_TEST_DRIVER=$driver cargo test --locked --profile test -p aegis-tests --test blocked -- --ignored "$1" || return
    done
}

blocked() { blocked_on_both one_signal; }

frozen() {
    [ "$(id -u)" -eq 0 ] && [ -e /dev/loop-control ] && command -v fsfreeze >/dev/null 2>&1 ||
        { skip 'no root, no loop device or no fsfreeze'; return; }
    blocked_on_both a_frozen
}

# The agents that the gate has no time for, pinned, inside the checkout; made again only when the pins have changed.
agents() {
    local folder=tests/agents/full
    local modules=$folder/node_modules venv=$folder/venv
    if ! cmp -s $folder/package-lock.json $modules/.installed.json; then
        (cd $folder && npm ci --silent --omit=optional --cache node_modules/.npm-cache) &&
            rm -rf $modules/.npm-cache && cp $folder/package-lock.json $modules/.installed.json ||
            { skip 'gemini-cli or Continue cannot be had'; return; }
    fi
    if ! cmp -s $folder/requirements.txt $venv/installed.txt; then
        rm -rf $venv
        python3 -m venv $venv && $venv/bin/pip install --quiet --disable-pip-version-check --no-cache-dir \
            -r $folder/requirements.txt && cp $folder/requirements.txt $venv/installed.txt ||
            { skip 'aider cannot be had'; return; }
    fi
    cargo build --locked --profile test -p aegis-gateway --bins &&
        cargo test --locked -p aegis-tests --test agents -- --ignored further_
}

fuzz-lints() {
    command -v c++ >/dev/null 2>&1 || { skip 'no C++ compiler'; return; }
    cargo clippy --locked -p aegis-fuzz --all-features --all-targets -- -D warnings
}

# cargo-deny takes minutes to build; it is kept below target/.
deny_tool() {
    command -v cargo-deny 2>/dev/null && return
    local tools=$CARGO_TARGET_DIR/tools
    [ -x "$tools/bin/cargo-deny" ] || cargo install --quiet --locked --root "$tools" cargo-deny >&2 || return
    echo "$tools/bin/cargo-deny"
}

deny() {
    local tool
    tool=$(deny_tool) || { skip 'cargo-deny cannot be installed'; return; }
    "$tool" --locked --all-features check --hide-inclusion-graph licenses bans sources
}

advisories() {
    local tool
    tool=$(deny_tool) || { skip 'cargo-deny cannot be installed'; return; }
    "$tool" fetch db || { skip 'the advisory database is out of reach'; return; }
    "$tool" --locked check --disable-fetch --hide-inclusion-graph advisories
}

# with_toolchain NAME: installs it by rustup if it is missing and can be had.
with_toolchain() {
    cargo "+$1" --version >/dev/null 2>&1 || rustup toolchain install "$1" --profile minimal
}

msrv() {
    local version
    version=$(sed -nE 's/^rust-version = "([0-9.]+)"$/\1/p' Cargo.toml)
    with_toolchain "$version" || { skip "Rust $version cannot be had"; return; }
    CARGO_TARGET_DIR=$CARGO_TARGET_DIR/msrv cargo "+$version" check --locked --workspace
}

# miri_tests CRATE FILTER...: runs the tests of a crate that match. A filter that matches none is an error.
miri_tests() {
    local crate=$1 filter names
    shift
    names=$(cargo +nightly miri test --locked -p "$crate" --lib -- --list) || return
    for filter in "$@"; do
        grep -q "^$filter.*: test$" <<<"$names" || { echo "no test of $crate matches $filter"; return 1; }
    done
    cargo +nightly miri test --locked -p "$crate" --lib -- "$@"
}

# Code in C and assembly is out of Miri's reach, and tests at every cut would take days: these modules are plain Rust and quick.
miri() {
    with_toolchain nightly && { cargo +nightly miri --version >/dev/null 2>&1 ||
        rustup component add --toolchain nightly miri rust-src; } || { skip 'no nightly compiler with Miri'; return; }
    export CARGO_TARGET_DIR=$CARGO_TARGET_DIR/miri MIRIFLAGS=-Zmiri-disable-isolation
    miri_tests aegis-wire head:: target:: &&
        miri_tests aegis-shield format:: json::escape::tests::depth_is_limited json::find:: documents:: request::splice::
}

fuzz() {
    AEGIS_FUZZ_RUNS=${AEGIS_FUZZ_RUNS:-1000000} \
        cargo test --release --locked -p aegis-fuzz
}

benches() { cargo bench --locked -p aegis-bench && cargo bench --locked -p aegis-wire; }

rig_on() {
    cargo build --locked --release -p aegis-gateway -p aegis-bench && "$CARGO_TARGET_DIR/release/rig" "$@"
}

rig() { rig_on --rounds 9; }

rig-epoll() { rig_on --rounds 3 --gateway-arg=--driver --gateway-arg=epoll; }

peers() {
    cargo build --locked --release -p aegis-gateway || return
    benches/peers.py --install --megabytes 60 --rounds 2 || skip 'the other scanners cannot be had, or failed (see above)'
}

case ${1:-} in -h | --help) usage; exit 0 ;; esac
for part in "$@"; do
    case " ${parts[*]} " in *" $part "*) ;; *) usage >&2; exit 2 ;; esac
done
[ $# -gt 0 ] || set -- "${parts[@]}"

mkdir -p "$logs"
result=()
failed=0
for part in "$@"; do
    printf '\n== %s\n' "$part"
    started=$SECONDS
    ("$part") 2>&1 | tee "$logs/$part.log"
    case ${PIPESTATUS[0]} in
        0) word=passed ;;
        77) word=SKIPPED ;;
        *) word=FAILED failed=1 ;;
    esac
    result+=("$(printf '%-10s  %-7s  %6d s' "$part" "$word" $((SECONDS - started)))")
done
printf '\n== result\n'
printf '%s\n' "${result[@]}"
exit $failed
