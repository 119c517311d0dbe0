#!/usr/bin/env bash
# Builds and starts the gateway on this machine and shows one round trip through it.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
state=$root/.state
listen_port=8080
admin_port=9901
upstreams=()

usage() {
    cat <<TEXT
Starts Aegis on this machine, shows one round trip, and leaves the gateway running.

Usage: deploy/up.sh [options]

  --upstream NAME=URL  provider behind the gateway, repeatable (names: openai, anthropic, google, or your own).
                       A mock on this machine stands in for these three, each unless it is named or its key is in
                       the environment (ANTHROPIC_API_KEY, OPENAI_API_KEY, GEMINI_API_KEY or GOOGLE_API_KEY).
                       The other built-in providers are the real ones. Subscribers of Claude (Pro or Max) have no key
                       and name the real one: --upstream anthropic=https://api.anthropic.com
                       (what comes with a ChatGPT login goes to an address of its own, not through the gateway)
  --port PORT          first port to try for traffic (default $listen_port)
  --admin-port PORT    first port to try for health and metrics (default $admin_port)
  --state DIR          folder for keys, logs and PID files (default .state in the checkout)
  --stop               stop what an earlier run started
  --help               this text

AEGIS_BIN_DIR=DIR uses finished programs from DIR and builds nothing.
TEXT
}

stop=false
while [ $# -gt 0 ]; do
    case $1 in
        --upstream=* | --port=* | --admin-port=* | --state=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
    esac
    case $1 in
        --upstream | --port | --admin-port | --state)
            [ $# -ge 2 ] || { echo "$1 needs a value; see --help" >&2; exit 2; } ;;
    esac
    case $1 in
        --upstream)
            [[ $2 =~ ^[A-Za-z0-9_-]+=https?://.+ ]] || { echo "--upstream wants NAME=URL, not '$2'" >&2; exit 2; }
            upstreams+=("$2"); shift 2 ;;
        --port) listen_port=$2; shift 2 ;;
        --admin-port) admin_port=$2; shift 2 ;;
        --state) state=$2; shift 2 ;;
        --stop) stop=true; shift ;;
        --help | -h) usage; exit 0 ;;
        *) echo "unknown option '$1'; see --help" >&2; exit 2 ;;
    esac
done

# --- programs of an earlier run ---------------------------------------------------------------------------------

# running NAME: prints the PID of our NAME if it still runs. A PID that was given to another program is not ours.
running() {
    local pid
    pid=$(cat "$state/$1.pid" 2>/dev/null) || return 1
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$(program_of "$1" | cut -c1-15)" ] && echo "$pid"
}

program_of() { [ "$1" = gateway ] && echo aegis-gateway || echo mock-provider; }

stop_one() {
    local pid
    if pid=$(running "$1"); then
        kill -TERM "$pid"
        for _ in $(seq 350); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null || true
        echo "stopped $(program_of "$1") ($pid)"
    fi
    rm -f "$state/$1.pid"
}

if $stop; then
    stop_one gateway
    stop_one mock
    exit 0
fi

# --- build ------------------------------------------------------------------------------------------------------

# shellcheck source=deploy/need.sh
. "$root/deploy/need.sh"
need curl curl ca-certificates
if [ -n "${AEGIS_BIN_DIR:-}" ]; then
    install_needed
    bin=$AEGIS_BIN_DIR
else
    need_build_tools
    install_needed
    echo "building (the first time takes a few minutes) ..."
    (cd "$root" && cargo build --release --locked --quiet --bin aegis-gateway --bin mock-provider)
    bin=${CARGO_TARGET_DIR:-$root/target}/release
fi

# --- start ------------------------------------------------------------------------------------------------------

umask 077
mkdir -p "$state"

taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
    local port=$1
    while taken "$port"; do
        port=$((port + 1))
        [ "$port" -lt $(($1 + 200)) ] || { echo "no free port from $1 on" >&2; exit 1; }
    done
    echo "$port"
}

# started NAME: whether the process that was just started lives, under whichever name: it has its own a moment later.
started() { kill -0 "$(cat "$state/$1.pid")" 2>/dev/null; }

# fail NAME: shows the end of its log.
fail() {
    echo "$(program_of "$1") did not start; the end of $state/$1.log:" >&2
    tail -n 20 "$state/$1.log" >&2
    exit 1
}

stop_one gateway >/dev/null
stop_one mock >/dev/null

# There before it is read: on a busy machine the program starts later than the next line.
: >"$state/mock.log"
setsid "$bin/mock-provider" --listen 127.0.0.1:0 >"$state/mock.log" 2>&1 </dev/null &
echo $! >"$state/mock.pid"
mock=
for _ in $(seq 100); do
    mock=$(sed -n 's/^listening on //p' "$state/mock.log" | head -n 1)
    [ -z "$mock" ] || break
    started mock || fail mock
    sleep 0.1
done
[ -n "$mock" ] || fail mock

named() {
    local entry
    for entry in "${upstreams[@]}"; do [ "${entry%%=*}" != "$1" ] || return 0; done
    return 1
}

# choose NAME KEY...: the mock stands in for NAME unless it was named or a key for it is there.
choose() {
    local name=$1 key
    shift
    named "$name" && return
    for key in "$@"; do [ -z "${!key:-}" ] || { real+=("$name"); return; }; done
    upstreams+=("$name=http://$mock")
    mocked+=("$name")
}
real=()
mocked=()
for entry in "${upstreams[@]}"; do real+=("${entry%%=*}"); done
choose anthropic ANTHROPIC_API_KEY
choose openai OPENAI_API_KEY
choose google GEMINI_API_KEY GOOGLE_API_KEY
upstreams+=("demo=http://$mock")

listen_port=$(free_port "$listen_port")
admin_port=$(free_port "$admin_port")
arguments=(run --listen "127.0.0.1:$listen_port" --admin "127.0.0.1:$admin_port" --state "$state/gateway")
for entry in "${upstreams[@]}"; do arguments+=(--upstream "$entry"); done
mkdir -p "$state/gateway"
setsid "$bin/aegis-gateway" "${arguments[@]}" >"$state/gateway.log" 2>&1 </dev/null &
echo $! >"$state/gateway.pid"
ready=false
for _ in $(seq 300); do
    if curl -fsS -o /dev/null "http://127.0.0.1:$admin_port/readyz" 2>/dev/null; then ready=true; break; fi
    started gateway || fail gateway
    sleep 0.1
done
$ready || fail gateway

# --- one round trip ---------------------------------------------------------------------------------------------

gateway=http://127.0.0.1:$listen_port
. "$root/deploy/round-trip.sh"
round_trip "$gateway/demo" "http://$mock"

# audit_line FILE: the newest event of the demonstration. The gateway writes it a moment after the reply.
audit_line() {
    local line
    for _ in $(seq 30); do
        line=$(grep -F '"upstream":"demo"' "$1" 2>/dev/null | tail -n 1) && break
        sleep 0.1
    done
    printf '%s' "${line:-(not written yet)}"
}

# --- what to do with it -----------------------------------------------------------------------------------------

if [ ${#mocked[@]} -gt 0 ]; then
    echo "Answered by the mock on this machine: ${mocked[*]}."
    for name in "${mocked[@]}"; do
        [ "$name" != anthropic ] ||
            echo "With a subscription and no API key: ${BASH_SOURCE[0]} --upstream anthropic=https://api.anthropic.com"
    done
fi
if [ ${#real[@]} -gt 0 ]; then echo "Sent to the real provider: ${real[*]}."; fi
cat <<TEXT

The line of that round trip in $state/gateway/audit.jsonl:

    $(audit_line "$state/gateway/audit.jsonl")

The same by hand:

    curl -s $gateway/demo/v1/chat/completions -H 'content-type: application/json' -d '{"model":"demo","messages":[{"role":"user","content":"password=Vq7m''Lz2xRt9w"}]}'

Point your tools at it:

    export ANTHROPIC_BASE_URL=$gateway          # Claude Code and other Anthropic clients
    export OPENAI_BASE_URL=$gateway/v1          # OpenAI clients
    openai_base_url = "$gateway/v1"             # Codex, in ~/.codex/config.toml: it ignores the variable

Running: gateway (PID $(running gateway)) and mock (PID $(running mock)).
Logs:    $state/gateway.log, audit: $state/gateway/audit.jsonl
Health:  http://127.0.0.1:$admin_port/readyz, metrics: http://127.0.0.1:$admin_port/metrics
Stop:    ${BASH_SOURCE[0]} --stop$([ "$state" = "$root/.state" ] || printf ' --state %q' "$state")
TEXT
