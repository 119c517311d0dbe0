# Installs what is missing, by the system's package manager. Sourced by up.sh, tests/run.sh and .ci/run.
# shellcheck shell=bash

need_packages=()

# need COMMAND PACKAGE...: wants PACKAGE installed if COMMAND is not there.
need() {
    local command=$1
    shift
    command -v "$command" >/dev/null 2>&1 || need_packages+=("$@")
}

# The oldest Rust that builds this, from the workspace's manifest.
wanted_rust() {
    sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$(dirname "${BASH_SOURCE[0]}")/../Cargo.toml"
}

# Says so when cargo is older than that, instead of letting it fail over a manifest that it cannot read.
check_rust() {
    local wanted found
    wanted=$(wanted_rust)
    # In the workspace, where rustup may be set to another toolchain.
    found=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && cargo --version | sed -n 's/^cargo \([0-9.]*\).*/\1/p') || true
    if [ "$(printf '%s\n' "$wanted" "$found" | sort -V | head -n 1)" != "$wanted" ]; then
        echo "cargo ${found:-of unknown version} is too old: this needs Rust $wanted or newer." >&2
        echo "Install it with rustup (https://rustup.rs), or run 'rustup update' if you have it." >&2
        exit 1
    fi
}

# What building takes: a C compiler for the crypto and compression crates, and the scanning engine.
need_build_tools() {
    if ! command -v cargo >/dev/null 2>&1 && [ -x "$HOME/.cargo/bin/cargo" ]; then
        PATH="$HOME/.cargo/bin:$PATH"
    fi
    if ! command -v cargo >/dev/null 2>&1; then
        echo "cargo is missing: install Rust $(wanted_rust) or newer with rustup (https://rustup.rs) first." >&2
        exit 1
    fi
    check_rust
    need cc gcc libc6-dev
    need pkg-config pkg-config
    if ! command -v pkg-config >/dev/null 2>&1 || ! pkg-config --exists libhs; then
        case "$(uname -m)" in
            x86_64) need_packages+=(libhyperscan-dev) ;;
            *) need_packages+=(libvectorscan-dev) ;; # the same API for other processors
        esac
    fi
}

# Installs what the calls above asked for, as root or by sudo.
install_needed() {
    [ ${#need_packages[@]} -gt 0 ] || return 0
    echo "installing: ${need_packages[*]}"
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null 2>&1; then
            echo "missing packages, and neither root nor sudo: as root run" >&2
            echo "    apt-get install -y ${need_packages[*]}" >&2
            exit 1
        fi
        as_root=(sudo)
    fi
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "no apt-get here: install the equivalents of ${need_packages[*]} and run this again." >&2
        exit 1
    fi
    local quiet=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
    "${as_root[@]}" "${quiet[@]}" update
    # A service that a package brings is not started: the tests start their own on free ports.
    "${as_root[@]}" env RUNLEVEL=1 "${quiet[@]}" install -y --no-install-recommends "${need_packages[@]}" >/dev/null
    need_packages=()
}
