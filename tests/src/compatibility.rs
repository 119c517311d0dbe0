//! The table of tools in `docs/compatibility.md`: which version of what was tested through the gateway, and when.
//!
//! The tests of the tools write it: each that passes puts its version and the day into its own line, so that the
//! table cannot say more than was tested. Without `UPDATE_DOCS` nothing is written, and a test compares the versions
//! with those that are pinned.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

/// Set by those who want the table written anew.
const UPDATE: &str = "UPDATE_DOCS";

const HEAD: &str = "# Compatibility

Tools that are run, as their makers ship them, once with a provider and once through the gateway before it; what they do must be the same.
Written by `UPDATE_DOCS=1 cargo test -p aegis-tests --test agents --test sdks -- --ignored deployments _sdks` after `tests/run.sh` and
`tests/full.sh agents` have installed the tools; do not edit.

";

const TAIL: &str = "
**A session** has eleven turns in two prompts, the second in a new process that goes on with the first: the model reads a file with secrets, runs
commands with them, edits the file, writes others, prints them as they are and in base64, and answers. Every word of the model
comes in pieces of seven characters. Files, commands and answers are those of the same session without the gateway; the provider
gets no secret that a rule can recognise, in any writing; what the model wrote, signed thinking and sealed reasoning too, comes back as it was; and
the tool asks nobody but the gateway. aider's model calls no tools: it writes edits and is told what the tests print.

In another session the model reads, copies, edits inside, patches and writes anew a private key of each kind: RSA, EC and Ed25519 in PEM, OpenSSH,
OpenPGP, PuTTY, SSH2 and JWK; the shell copies them too. Files are the same as without the gateway, and no line of a key that says something of it reaches the provider.

## Worth knowing

- Codex does not read `OPENAI_BASE_URL`: with nothing but that variable it goes on talking to OpenAI itself. Put `openai_base_url` into
  `~/.codex/config.toml`, or a provider of your own with `base_url` and `wire_api = \"responses\"`.
- Codex asks OpenAI's provider for a WebSocket first. The gateway refuses it (426), and Codex goes on over HTTP at once.
- Newer models of Codex write programs in which a secret is part of a JavaScript string. It comes back as it is, so a value with a
  quotation mark or a backslash needs the escapes that the model did not know of.
- gemini-cli with `GOOGLE_GEMINI_BASE_URL` and no login chosen before ends with \"Invalid auth method selected\": choose \"Gemini API key\" under `/auth`, or
  write `{\"security\": {\"auth\": {\"selectedType\": \"gemini-api-key\"}}}` into `~/.gemini/settings.json`.
- Continue's own tools neither read nor edit files whose names promise secrets (`.env`, `.pem`): its model reads and edits them by the shell,
  here too.
- Claude Code with `ANTHROPIC_BASE_URL` and a key asks nothing but the Messages API there; its own telemetry and updates go past the gateway unless
  `CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1` is set.
";

/// Where a tool's version is pinned, from the folder of the tests.
#[derive(Debug, Clone, Copy)]
enum Pin {
    /// A package in `package-lock.json` of this folder.
    Npm(&'static str, &'static str),
    /// A package in this file of requirements.
    Pip(&'static str, &'static str),
}

/// A line of the table.
struct Tool {
    name: &'static str,
    pin: Pin,
    protocol: &'static str,
    setting: &'static str,
    tested: &'static str,
}

const SDK: &str =
    "replies whole and streamed, tools, five megabytes, plain and over TLS, and by their variables alone";
const SESSION: &str = "a session";

const TOOLS: &[Tool] = &[
    Tool {
        name: "Claude Code",
        pin: Pin::Npm("agents", "@anthropic-ai/claude-code"),
        protocol: "Anthropic Messages",
        setting: "`ANTHROPIC_BASE_URL`",
        tested: SESSION,
    },
    Tool {
        name: "Codex",
        pin: Pin::Npm("agents", "@openai/codex"),
        protocol: "OpenAI Responses",
        setting: "`model_providers.NAME.base_url`",
        tested: "a session, with patches as free text",
    },
    Tool {
        name: "Codex, code mode",
        pin: Pin::Npm("agents", "@openai/codex"),
        protocol: "OpenAI Responses",
        setting: "`openai_base_url`",
        tested: "a session, with programs as free text",
    },
    Tool {
        name: "opencode",
        pin: Pin::Npm("agents", "opencode-ai"),
        protocol: "OpenAI chat completions",
        setting: "`provider.NAME.options.baseURL`",
        tested: SESSION,
    },
    Tool {
        name: "gemini-cli",
        pin: Pin::Npm("agents/full", "@google/gemini-cli"),
        protocol: "Google generateContent",
        setting: "`GOOGLE_GEMINI_BASE_URL`",
        tested: SESSION,
    },
    Tool {
        name: "aider",
        pin: Pin::Pip("agents/full/requirements.txt", "aider-chat"),
        protocol: "OpenAI chat completions",
        setting: "`OPENAI_API_BASE`",
        tested: "six turns in three prompts, with edits as text",
    },
    Tool {
        name: "Continue's CLI",
        pin: Pin::Npm("agents/full", "@continuedev/cli"),
        protocol: "OpenAI chat completions",
        setting: "`models[].apiBase`",
        tested: SESSION,
    },
    Tool {
        name: "Anthropic SDK, Node",
        pin: Pin::Npm("sdk/node", "@anthropic-ai/sdk"),
        protocol: "Anthropic",
        setting: "`baseURL`, `ANTHROPIC_BASE_URL`",
        tested: SDK,
    },
    Tool {
        name: "OpenAI SDK, Node",
        pin: Pin::Npm("sdk/node", "openai"),
        protocol: "OpenAI",
        setting: "`baseURL`, `OPENAI_BASE_URL`",
        tested: SDK,
    },
    Tool {
        name: "Google SDK, Node",
        pin: Pin::Npm("sdk/node", "@google/genai"),
        protocol: "Google",
        setting: "`httpOptions.baseUrl`, `GOOGLE_GEMINI_BASE_URL`",
        tested: SDK,
    },
    Tool {
        name: "Anthropic SDK, Python",
        pin: Pin::Pip("requirements.txt", "anthropic"),
        protocol: "Anthropic",
        setting: "`base_url`, `ANTHROPIC_BASE_URL`",
        tested: SDK,
    },
    Tool {
        name: "OpenAI SDK, Python",
        pin: Pin::Pip("requirements.txt", "openai"),
        protocol: "OpenAI",
        setting: "`base_url`, `OPENAI_BASE_URL`",
        tested: SDK,
    },
    Tool {
        name: "Google SDK, Python",
        pin: Pin::Pip("requirements.txt", "google-genai"),
        protocol: "Google",
        setting: "`http_options`, `GOOGLE_GEMINI_BASE_URL`",
        tested: SDK,
    },
];

/// Version and day of each tool that was tested.
type Tested = BTreeMap<String, (String, String)>;

/// Notes that the tests of a tool passed today, if the table is to be written. `Node` and `Python` name all SDKs of
/// that language.
///
/// # Panics
/// If the table names no such tool.
pub fn passed(name: &str) {
    static WRITING: Mutex<()> = Mutex::new(());
    let tools = TOOLS.iter().filter(|tool| tool.name == name || tool.name.ends_with(&format!(", {name}")));
    let tools: Vec<&Tool> = tools.collect();
    assert!(!tools.is_empty(), "the table has no {name}");
    if std::env::var_os(UPDATE).is_none() {
        return;
    }
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut tested = read(&fs::read_to_string(table()).unwrap_or_default());
    let today = Command::new("date").args(["-u", "+%F"]).output().expect("date runs").stdout;
    let today = String::from_utf8(today).expect("a day is text").trim().to_owned();
    tested.extend(tools.iter().map(|tool| (tool.name.to_owned(), (pinned(tool.pin), today.clone()))));
    fs::write(table(), write(&tested)).expect("the table can be written");
}

fn tests() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn table() -> PathBuf {
    tests().join("../docs/compatibility.md")
}

fn pinned(pin: Pin) -> String {
    let read =
        |path: PathBuf| fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let version = match pin {
        Pin::Npm(folder, package) => {
            let lock = read(tests().join(folder).join("package-lock.json"));
            let lock: Value = serde_json::from_str(&lock).expect("a lock is JSON");
            lock["packages"][format!("node_modules/{package}")]["version"].as_str().map(str::to_owned)
        }
        Pin::Pip(file, package) => {
            let pin = format!("{package}==");
            read(tests().join(file)).lines().find_map(|line| line.strip_prefix(&pin).map(str::to_owned))
        }
    };
    version.unwrap_or_else(|| panic!("{pin:?} is not pinned"))
}

/// Version and day in each line of the table.
fn read(text: &str) -> Tested {
    let lines = text.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    lines
        .filter_map(|line| {
            let cells: Vec<&str> = line.split(" | ").collect();
            let (name, version, day) = (cells.first()?, cells.get(1)?, cells.get(5)?);
            TOOLS
                .iter()
                .any(|tool| tool.name == *name)
                .then(|| ((*name).to_owned(), ((*version).to_owned(), (*day).to_owned())))
        })
        .collect()
}

/// The whole document. Tools that were never tested have no line.
fn write(tested: &Tested) -> String {
    let mut text = format!(
        "{HEAD}| tool | version | protocol | address set by | what was tested | last on |\n|---|---|---|---|---|---|\n"
    );
    for tool in TOOLS {
        let Some((version, day)) = tested.get(tool.name) else { continue };
        let Tool { name, protocol, setting, tested, .. } = tool;
        let _ = writeln!(text, "| {name} | {version} | {protocol} | {setting} | {tested} | {day} |");
    }
    text + TAIL
}

#[cfg(test)]
mod tests_of_the_table {
    use super::*;

    #[test]
    fn the_table_is_up_to_date() {
        let text = fs::read_to_string(table()).expect("docs/compatibility.md can be read");
        let tested = read(&text);
        for tool in TOOLS {
            let (version, day) = tested.get(tool.name).unwrap_or_else(|| panic!("{} has no line", tool.name));
            assert_eq!(
                *version,
                pinned(tool.pin),
                "{}: tested and pinned; run its test with {UPDATE}=1",
                tool.name
            );
            let is_day = day.len() == 10 && day.split('-').all(|number| number.parse::<u16>().is_ok());
            assert!(is_day, "{}: {day}", tool.name);
        }
        assert!(text == write(&tested), "docs/compatibility.md was edited: run the tests with {UPDATE}=1");
    }
}
