#!/usr/bin/env bash
# Installs what is missing and runs every test. Writes nothing outside the checkout.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1

if [ $# -gt 0 ]; then
    cat <<TEXT
Installs what is missing (Debian packages; the Python and Node SDKs and the coding agents inside tests/) and runs
every test: rules of the code, unit and property tests, end to end over real sockets, real SDKs, coding agents and curl,
SARIF, fuzz corpora, a short run of the load rig, and deploy/up.sh itself.

Usage: tests/run.sh        no options
TEXT
    case $1 in --help | -h) exit 0 ;; *) exit 2 ;; esac
fi

log=$(mktemp -d "${TMPDIR:-/tmp}/aegis-tests.XXXXXX")
trap 'rm -rf "$log"' EXIT
started=$SECONDS

section() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - started)); }

# part NAME COMMAND...: runs it, shows its output, and notes in $log/results how many tests it reports passed and failed.
part() {
    local name=$1 status passed failed out
    shift
    out=$(mktemp "$log/out.XXXXXX")
    section "$name"
    "$@" 2>&1 | tee "$out"
    status=${PIPESTATUS[0]}
    # cargo test: 'test result: ok. 10 passed; 0 failed; ...'; unittest: 'Ran 9 tests'; node: '# pass 9' or 'ℹ pass 9'.
    passed=$(sed -nE 's/^test result: .* ([0-9]+) passed; .*/\1/p; s/^Ran ([0-9]+) tests? in .*/\1/p;
        s/^(#|ℹ) pass ([0-9]+)$/\2/p; s/^([0-9]+) checks passed$/\1/p' "$out" | paste -sd+ -)
    failed=$(sed -nE 's/^test result: .* ([0-9]+) failed; .*/\1/p' "$out" | paste -sd+ -)
    failed=$((${failed:-0}))
    # A command that fails without counting failures is one.
    if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
    printf '%d %d %s\n' $((${passed:-0})) "$failed" "$name" >>"$log/results"
}

# must NAME COMMAND...: nothing after it makes sense if it fails.
must() {
    local name=$1
    shift
    section "$name"
    "$@" || { echo "$name failed"; exit 1; }
}

install() {
    # shellcheck source=deploy/need.sh
    . "$root/deploy/need.sh"
    need_build_tools
    need curl curl ca-certificates
    need git git
    need nginx nginx-light
    need haproxy haproxy
    need node nodejs
    need npm npm
    need openssl openssl
    need ssh-keygen openssh-client
    need gpg gnupg
    # Servers for the storage's tests, which start their own.
    [ -x /usr/lib/postgresql/15/bin/postgres ] || need_packages+=(postgresql-15)
    need pgbouncer pgbouncer
    need puttygen putty-tools
    need python3 python3
    python3 -c 'import ensurepip, venv' 2>/dev/null || need_packages+=(python3-venv)
    install_needed
}

# npm_ci FOLDER: the packages that its lock names, below it; made again only when the lock has changed.
npm_ci() {
    local modules=$1/node_modules
    cmp -s "$1/package-lock.json" "$modules/.installed.json" && return
    (cd "$1" && npm ci --silent --cache node_modules/.npm-cache) &&
        rm -rf "$modules/.npm-cache" && cp "$1/package-lock.json" "$modules/.installed.json"
}

# The SDKs, pinned, inside the checkout; made again only when the pins have changed.
sdks() {
    local venv=tests/.venv
    if ! cmp -s tests/requirements.txt $venv/installed.txt; then
        rm -rf $venv
        python3 -m venv $venv && $venv/bin/pip install --quiet --disable-pip-version-check --no-cache-dir \
            -r tests/requirements.txt && cp tests/requirements.txt $venv/installed.txt || return 1
    fi
    npm_ci tests/sdk/node
}

# The coding agents, likewise.
agents() { npm_ci tests/agents; }

# The names of the tests over real sockets, which wait more than they compute.
end_to_end() {
    local name
    for name in tests/tests/*; do
        name=$(basename "$name" .rs)
        # These start no gateway, or have a part of their own below.
        case $name in source_* | sarif | sdks | agents) ;; *) printf '%s\n' "$name" ;; esac
    done
}

# cargo_test ARGUMENT...: of the whole workspace always, since another choice of crates builds libraries anew, with other features.
cargo_test() { cargo test --locked --workspace --no-fail-fast "$@" -- --quiet; }

# What computes: unit tests, properties, fuzz corpora, rules of the code.
crates() {
    local tests=() name over_sockets
    over_sockets=$(end_to_end)
    for name in dataplane/*/tests/* controlplane/*/tests/* fuzz/tests/* tests/tests/source_*; do
        name=$(basename "$name" .rs)
        # Folders with data are no tests.
        case $name in proptest-regressions | support | cases) continue ;; esac
        # A name that tests of both kinds have runs with those over sockets.
        grep -qx -- "$name" <<<"$over_sockets" || tests+=(--test "$name")
    done
    cargo_test --lib --bins "${tests[@]}" && cargo test --locked --workspace --doc -- --quiet
}

# over_sockets [EXCEPT]: the end-to-end tests, but for one.
over_sockets() {
    local tests
    mapfile -t tests < <(end_to_end | grep -vx -- "${1:-}" | sed 's/^/--test=/')
    cargo_test "${tests[@]}"
}

# The same once more on epoll: without a choice they run on io_uring wherever the machine allows it.
other_driver() {
    local bin=${CARGO_TARGET_DIR:-$root/target}/debug version
    # Read to its end: a program whose reader leaves early fails.
    version=$("$bin/aegis-gateway" version) || return 1
    if ! grep -q 'io_uring available' <<<"$version"; then
        echo 'io_uring cannot be used here: the end-to-end tests ran on epoll, and on nothing else'
        return 0
    fi
    # These choose the driver themselves.
    AEGIS_TEST_DRIVER=epoll over_sockets drivers
}

# up.sh as a person runs it, with the programs built above.
up() {
    local state=$log/up out=$log/up.out bin=${CARGO_TARGET_DIR:-$root/target}/debug status=0
    AEGIS_BIN_DIR=$bin deploy/up.sh --state "$state" --port 18080 --admin-port 19901 >"$out" 2>&1 || status=1
    cat "$out"
    for line in 'what the tool sent' 'what the provider saw' 'what the tool got back' 'ANTHROPIC_BASE_URL=' 'OPENAI_BASE_URL=' \
        '"upstream":"demo","path":"/v1/chat/completions"' 'curl -s http' '--upstream anthropic=https://'; do
        grep -qF -- "$line" "$out" || { echo "missing in the output: $line"; status=1; }
    done
    AEGIS_BIN_DIR=$bin deploy/up.sh --state "$state" --port 18080 --admin-port 19901 >"$log/again" 2>&1 || status=1
    local first second
    first=$(grep -o 'OPENAI_BASE_URL=[^ ]*' "$out") second=$(grep -o 'OPENAI_BASE_URL=[^ ]*' "$log/again")
    [ "$first" = "$second" ] || { echo "a second run moved the gateway: $first, $second"; status=1; }
    # The line to paste, as a shell takes it: what comes back has the password, which the provider has not seen.
    local by_hand reply
    by_hand=$(grep -m 1 -o 'curl -s http.*' "$out") reply=$(sh -c "$by_hand")
    grep -qF 'Vq7mLz2xRt9w' <<<"$reply" || { echo "the printed line does not work: $by_hand: $reply"; status=1; }
    deploy/up.sh --state "$state" --stop || status=1
    [ $status -ne 0 ] || echo "1 checks passed"
    return $status
}

# The load rig for half a minute: every reply is checked, no figure is.
rig() {
    "${CARGO_TARGET_DIR:-$root/target}/debug/rig" --quick && echo "1 checks passed"
}

export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((2 * $(nproc)))}

# The parts that wait for sockets, clocks and other programs; they run beside those that compute.
waiting_parts() {
    part 'end to end' over_sockets
    part 'end to end on the other driver' other_driver
    part 'real SDKs through the gateway' cargo test --locked --workspace --test sdks -- --ignored --nocapture
    # What is skipped says in its reason what it waits for.
    part 'real agents through the gateway' cargo test --locked --workspace --test agents -- --ignored --skip further_
    part "SARIF against the standard's schema" cargo test --locked --workspace --test sarif -- --ignored
    part 'deploy/up.sh' up
    part 'load rig, quick' rig
}

must 'install what is missing' install
# The SDKs and agents come over the network while the compiler works.
section 'install the SDKs and agents, beside the build'
(sdks && agents) >"$log/installs" 2>&1 &
installs=$!
# With the tests in the same call: alone, the programs would be built with other features of the same libraries, and again.
must 'build programs and tests' cargo build --locked --profile test --workspace --bins --tests
wait $installs || { cat "$log/installs"; echo 'installing the SDKs and agents failed'; exit 1; }

waiting_parts >"$log/waiting" 2>&1 &
waiting=$!
trap 'kill $waiting 2>/dev/null; rm -rf "$log"' EXIT
part 'the crates and the rules of the code' crates
section 'what ran beside it, as soon as it has ended'
wait $waiting || echo '0 1 the parts that wait' >>"$log/results"
cat "$log/waiting"

section 'result'
awk '{ passed += $1; failed += $2; if ($2) { $1 = $2 = ""; print "failed:" $0 } }
    END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || passed == 0 }' "$log/results"
