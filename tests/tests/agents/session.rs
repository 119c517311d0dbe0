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

impl Agent {
    /// Its name in the table of tools.
    pub(crate) fn name(self) -> &'static str {
        match self.tools {
            Tools::ClaudeCode => "Claude Code",
            Tools::Codex => "Codex",
            Tools::CodexPrograms => "Codex, code mode",
            Tools::OpenCode => "opencode",
            Tools::Gemini => "gemini-cli",
            Tools::Aider => "aider",
            Tools::Continue => "Continue's CLI",
        }
    }

    /// What its line begins with in the table of tools, in README or docs/commands.md.
    pub(crate) fn documented_line(self) -> &'static str {
        match self.tools {
            Tools::ClaudeCode => "| Claude Code,",
            Tools::Codex | Tools::CodexPrograms => "| Codex ",
            Tools::Gemini => "| gemini-cli,",
            Tools::Continue => "| Continue ",
            Tools::OpenCode | Tools::Aider => "| others ",
        }
    }
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
pub(crate) struct Workspace {
    dir: TempDir,
    /// Takes every connection to anywhere else, and refuses it.
    elsewhere: Upstream,
}

impl Workspace {
    pub(crate) fn new() -> Workspace {
        let dir = tempfile::Builder::new().prefix("aegis-agent-").tempdir().expect("a temporary folder");
        let elsewhere =
            Upstream::start(|_, _| Script::raw("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"));
        Workspace { dir, elsewhere }
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
            // aider counts tokens, and a token of the gateway is not as long as what it stands for.
            let lines = printed.lines().filter(|line| !line.starts_with("Tokens: "));
            answers.extend(lines.flat_map(|line| [line, "\n"]));
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
            Tools::Codex => {
                codex(&mut command, "gpt-5.5");
                codex_provider(&mut command, url);
            }
            Tools::CodexPrograms => {
                codex(&mut command, "gpt-6.2-sol");
                // OpenAI's own provider: the agent asks for a WebSocket first.
                command.env("CODEX_API_KEY", PROVIDER_KEY);
                command.arg("-c").arg(format!("openai_base_url=\"{url}/v1\""));
            }
            Tools::OpenCode => opencode(&mut command, url, home),
            Tools::Gemini => gemini(&mut command, url, home),
            Tools::Aider => aider(&mut command, url, home),
            Tools::Continue => continue_cli(&mut command, url, home),
        }
        command
    }
}

/// A program that was installed below this folder of the tests.
fn installed(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    assert!(
        path.exists(),
        "{} is missing: tests/run.sh installs Claude Code, Codex and opencode, tests/full.sh the others",
        path.display()
    );
    path
}

/// The prompt, in a new session or in the one before.
fn prompt_arguments(command: &mut Command, tools: Tools, prompt: &str, again: bool) {
    match tools {
        Tools::ClaudeCode => command.args(again.then_some("--continue")).arg("--print"),
        Tools::Codex | Tools::CodexPrograms => {
            command.args(again.then_some(["resume", "--last"]).iter().flatten())
        }
        Tools::OpenCode => command.args(again.then_some("--continue")),
        Tools::Gemini => {
            command.args(again.then_some(["--resume", "latest"]).iter().flatten()).arg("--prompt")
        }
        Tools::Aider => command.args(again.then_some("--restore-chat-history")).arg("--message"),
        Tools::Continue => command.args(again.then_some("--resume")).arg("--print"),
    };
    command.arg(prompt);
}

fn claude_code(command: &mut Command, url: &str) {
    command.env("ANTHROPIC_BASE_URL", url).env("ANTHROPIC_API_KEY", PROVIDER_KEY);
    command.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    // Without it the agent refuses to run every command unasked as root, as in a container.
    command.env("IS_SANDBOX", "1");
    command.arg(installed("agents/node_modules/.bin/claude")).arg("--dangerously-skip-permissions");
}

fn codex(command: &mut Command, model: &str) {
    command.arg(installed("agents/node_modules/.bin/codex")).args(["exec", "--model", model]);
    command.args(["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]);
    // Both would be fetched from outside.
    command.args(["--disable", "plugins", "--disable", "apps"]);
    command.args(["-c", "check_for_update_on_startup=false", "-c", "analytics.enabled=false"]);
}

/// A provider of one's own, asked over HTTP at once.
fn codex_provider(command: &mut Command, url: &str) {
    command.env("OPENAI_API_KEY", PROVIDER_KEY);
    for setting in [
        "model_provider=\"aegis\"".to_owned(),
        "model_providers.aegis.name=\"aegis\"".to_owned(),
        format!("model_providers.aegis.base_url=\"{url}/v1\""),
        "model_providers.aegis.env_key=\"OPENAI_API_KEY\"".to_owned(),
        "model_providers.aegis.wire_api=\"responses\"".to_owned(),
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
    command.arg(installed("agents/node_modules/.bin/opencode")).args(["run", "--pure"]);
}

fn gemini(command: &mut Command, url: &str, home: &Path) {
    let settings = json!({
        "security": {"auth": {"selectedType": "gemini-api-key"}}, "privacy": {"usageStatisticsEnabled": false},
        "telemetry": {"enabled": false}, "tools": {"useRipgrep": false},
        "general": {"enableAutoUpdate": false, "enableAutoUpdateNotification": false}
    });
    let folder = home.join(".gemini");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("settings.json"), settings.to_string()).expect("a file");
    command.env("GEMINI_API_KEY", PROVIDER_KEY).env("GOOGLE_GEMINI_BASE_URL", url);
    command.env("GEMINI_CLI_TRUST_WORKSPACE", "true");
    command.arg(installed("agents/full/node_modules/.bin/gemini")).args([
        "--yolo",
        "--model",
        "gemini-2.5-pro",
    ]);
}

fn aider(command: &mut Command, url: &str, home: &Path) {
    // The list of models and prices would be fetched from outside.
    let prices = home.join(".aider/caches");
    fs::create_dir_all(&prices).expect("a folder");
    let model = json!({"openai/m": {"max_input_tokens": 200_000, "max_output_tokens": 8_000, "mode": "chat",
        "litellm_provider": "openai", "input_cost_per_token": 0, "output_cost_per_token": 0}});
    fs::write(prices.join("model_prices_and_context_window.json"), model.to_string()).expect("a file");
    command.env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
    // The order in which it tells of edits is that of a set.
    command.env("PYTHONHASHSEED", "0");
    command.env("OPENAI_API_KEY", PROVIDER_KEY).env("OPENAI_API_BASE", format!("{url}/v1"));
    command.arg(installed("agents/full/venv/bin/aider")).args([
        "--model",
        "openai/m",
        "--edit-format",
        "diff",
    ]);
    command.args(["--yes-always", "--no-git", "--no-pretty", "--auto-test", "--test-cmd", "sh check.sh"]);
    command.args(["--no-check-update", "--analytics-disable", "--no-show-release-notes"]);
    command.args(["--no-show-model-warnings", "--file", "deploy.env"]);
}

fn continue_cli(command: &mut Command, url: &str, home: &Path) {
    let config = home.join("config.yaml");
    let text = format!(
        "name: aegis\nversion: 0.0.1\nschema: v1\nmodels:\n  - name: m\n    provider: openai\n    model: m\n    \
         apiKey: {PROVIDER_KEY}\n    apiBase: {url}/v1\n"
    );
    fs::write(&config, text).expect("a file");
    command.env("CONTINUE_TELEMETRY_ENABLED", "0");
    command.arg(installed("agents/full/node_modules/.bin/cn")).arg("--auto").arg("--config").arg(config);
}

/// The files of a folder and what is below it, but for the logs that aider keeps beside them, with their times.
fn files_in(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).expect("a folder can be read") {
            let path = entry.expect("an entry").path();
            let is_log = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(".aider"));
            if path.is_dir() {
                open.push(path);
            } else if !is_log {
                let name =
                    path.strip_prefix(folder).expect("below the folder").to_string_lossy().into_owned();
                files.insert(name, fs::read(&path).expect("a file can be read"));
            }
        }
    }
    files
}
