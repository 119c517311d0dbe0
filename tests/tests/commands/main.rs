//! Commands that stand beside the gateway, as people use them: `exec`, `tail`, `doctor`, and the preview over HTTP.

mod exec;
mod live;
mod preview;

use std::process::{Command, Output, Stdio};

use aegis_tests::process::binary;

/// A made-up GitHub token with a right check value.
const TOKEN: &str = "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";

/// The program, with a home, a state folder and a place for compiled rules that are none of the person's who runs the
/// tests.
fn program(home: &std::path::Path) -> Command {
    let mut program = Command::new(binary("aegis-gateway"));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.ends_with("_BASE_URL")
            || name.ends_with("_API_BASE")
            || name.to_lowercase().ends_with("_proxy")
        {
            program.env_remove(name);
        }
    }
    program.env("HOME", home).env_remove("XDG_STATE_HOME").env_remove("AEGIS_CONFIG");
    program.env("AEGIS_STATE_DIR", home.join("state"));
    program.env("AEGIS_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/rules"));
    program.stdin(Stdio::null());
    program
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

/// Exit code and both outputs, for a message.
fn shown(output: &Output) -> String {
    format!("{}\n--- stdout\n{}\n--- stderr\n{}", output.status, text(&output.stdout), text(&output.stderr))
}
