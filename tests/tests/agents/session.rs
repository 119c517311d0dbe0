//! A session of an agent in a folder of its own, as a user without a terminal runs it: no network but the gateway or
//! the provider on loopback, no settings but those below.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aegis_tests::{Message, Script, Upstream};
use serde_json::json;
use tempfile::TempDir;

use crate::api::Api;
use crate::tools::Tools;

/// Seconds after which an agent is ended. On a busy machine opencode takes twenty.
const LIMIT_S: &str = "150";

/// The key that the agents show their provider.
const PROVIDER_KEY: &str = "sk-agents-of-the-tests";

/// An agent under test.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Agent {
    pub(crate) tools: Tools,
    pub(crate) api: Api,
}

/// What is left of a session.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The files of the working folder, by path.
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// What the agent printed as its answers.
    pub(crate) answers: String,
    /// What the provider received.
    pub(crate) requests: Vec<Message>,
}

/// A folder for sessions: they all run at the same paths, so that nothing but the way to the provider differs.
pub(crate) struct Desk {
    dir: TempDir,
    /// Takes every connection to anywhere else, and refuses it.
    elsewhere: Upstream,
}

impl Desk {
    pub(crate) fn new() -> Desk {
        let dir = tempfile::Builder::new().prefix("aegis-agent-").tempdir().expect("a temporary folder");
        let elsewhere =
            Upstream::start(|_, _| Script::raw("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"));
        Desk { dir, elsewhere }
    }

    /// The agent's working folder.
    pub(crate) fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// Runs the agent with each of `prompts`, in one session, among `files`. `url` is the gateway or the provider.
    ///
    /// # Panics
    /// If the agent fails, or asks anybody else.
    pub(crate) fn run(
        &self,
        agent: Agent,
        url: &str,
        files: &[(&str, String)],
        prompts: &[&str],
        provider: &Upstream,
    ) -> Outcome {
        let home = self.dir.path().join("home");
        for folder in [&home, &self.work()] {
            let _ = fs::remove_dir_all(folder);
            fs::create_dir_all(folder).expect("a folder");
        }
        for (name, text) in files {
            fs::write(self.work().join(name), text).expect("a file");
        }
        let mut answers = String::new();
        for (turn, prompt) in prompts.iter().enumerate() {
            let mut command = self.command(agent, url, &home);
            prompt_arguments(&mut command, agent.tools, prompt, turn > 0);
            let output = command.output().unwrap_or_else(|e| panic!("timeout: {e}"));
            let printed = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{agent:?}: {}\n{printed}\n{errors}", output.status);
            answers.push_str(&printed);
        }
        let asked: Vec<String> =
            self.elsewhere.records().iter().map(|request| request.start.clone()).collect();
        assert!(asked.is_empty(), "{agent:?} asked elsewhere: {asked:?}");
        let requests = std::mem::take(&mut *provider.records());
        Outcome { files: files_in(&self.work()), answers, requests }
    }

    /// The agent's program in its folder, with an environment that leads nowhere else.
    fn command(&self, agent: Agent, url: &str, home: &Path) -> Command {
        let mut command = Command::new("timeout");
        command.arg(LIMIT_S).current_dir(self.work()).env_clear().stdin(std::process::Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", home).env("TMPDIR", home).env("SHELL", "/bin/bash").env("TZ", "UTC");
        command.env("NO_PROXY", "127.0.0.1,localhost");
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env(name, self.elsewhere.url());
        }
        match agent.tools {
            Tools::ClaudeCode => claude_code(&mut command, url),
            Tools::Codex => codex(&mut command, url, "gpt-5.5"),
            Tools::CodexPrograms => codex(&mut command, url, "gpt-6.2-sol"),
            Tools::OpenCode => opencode(&mut command, url, home),
        }
        command
    }
}

fn installed(program: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("agents/node_modules/.bin").join(program);
    assert!(path.exists(), "{} is missing: run tests/run.sh, which installs the agents", path.display());
    path
}

/// The prompt, in a new session or in the one before.
fn prompt_arguments(command: &mut Command, tools: Tools, prompt: &str, again: bool) {
    match tools {
        Tools::ClaudeCode => {
            if again {
                command.arg("--continue");
            }
            command.arg("--print").arg(prompt);
        }
        Tools::Codex | Tools::CodexPrograms => {
            if again {
                command.args(["resume", "--last"]);
            }
            command.arg(prompt);
        }
        Tools::OpenCode => {
            if again {
                command.arg("--continue");
            }
            command.arg(prompt);
        }
    }
}

fn claude_code(command: &mut Command, url: &str) {
    command.env("ANTHROPIC_BASE_URL", url).env("ANTHROPIC_API_KEY", PROVIDER_KEY);
    command.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    // Without it the agent refuses to run every command unasked as root, as in a container.
    command.env("IS_SANDBOX", "1");
    command.arg(installed("claude")).arg("--dangerously-skip-permissions");
}

/// A provider of one's own is asked over HTTP at once; OpenAI's own would be asked for a WebSocket first.
fn codex(command: &mut Command, url: &str, model: &str) {
    command.env("OPENAI_API_KEY", PROVIDER_KEY);
    command.arg(installed("codex")).args(["exec", "--model", model]);
    command.args(["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]);
    // Both would be fetched from outside.
    command.args(["--disable", "plugins", "--disable", "apps"]);
    for setting in [
        "model_provider=\"aegis\"".to_owned(),
        "model_providers.aegis.name=\"aegis\"".to_owned(),
        format!("model_providers.aegis.base_url=\"{url}/v1\""),
        "model_providers.aegis.env_key=\"OPENAI_API_KEY\"".to_owned(),
        "model_providers.aegis.wire_api=\"responses\"".to_owned(),
        "check_for_update_on_startup=false".to_owned(),
        "analytics.enabled=false".to_owned(),
    ] {
        command.arg("-c").arg(setting);
    }
}

fn opencode(command: &mut Command, url: &str, home: &Path) {
    let settings = home.join(".config/opencode");
    // Without what its own package is in, it would fetch that first.
    fs::create_dir_all(settings.join("node_modules")).expect("a folder");
    let lock =
        json!({"lockfileVersion": 3, "packages": {"": {"dependencies": {"@opencode-ai/plugin": "*"}}}});
    fs::write(settings.join("package-lock.json"), lock.to_string()).expect("a file");
    let model = json!({"name": "m", "tool_call": true, "limit": {"context": 200_000, "output": 8_000}});
    let config = json!({
        "autoupdate": false, "share": "disabled", "permission": "allow",
        "model": "aegis/m", "small_model": "aegis/m", "enabled_providers": ["aegis"],
        "provider": {"aegis": {"npm": "@ai-sdk/openai-compatible", "name": "aegis",
            "options": {"baseURL": format!("{url}/v1"), "apiKey": PROVIDER_KEY}, "models": {"m": model}}}
    });
    fs::write(settings.join("opencode.json"), config.to_string()).expect("a file");
    command.env("OPENCODE_DISABLE_MODELS_FETCH", "1").env("OPENCODE_DISABLE_LSP_DOWNLOAD", "1");
    command.arg(installed("opencode")).args(["run", "--pure"]);
}

/// The files of a folder and what is below it.
fn files_in(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).expect("a folder can be read") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name =
                    path.strip_prefix(folder).expect("below the folder").to_string_lossy().into_owned();
                files.insert(name, fs::read(&path).expect("a file can be read"));
            }
        }
    }
    files
}
