//! `exec`: a tool runs through the gateway, and nothing is left behind.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use aegis_tests::{Gateway, Script, Upstream, wait_until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{TOKEN, program, shown, text};

/// A provider that nobody is, so that no name is waited for.
const NOBODY: &str = "openai=http://127.0.0.1:9";

/// Asks the provider that the variables point at, and prints what it answers.
const ASK: &str =
    r#"curl -sS "$OPENAI_BASE_URL/chat/completions" -H 'content-type: application/json' --data-binary @-"#;

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a home")
}

fn exec(home: &Path, arguments: &[&str]) -> Output {
    program(home).arg("exec").args(arguments).output().expect("it runs")
}

/// The files by which gateways are found.
fn instances(state: &Path) -> Vec<String> {
    let names = fs::read_dir(state).into_iter().flatten().flatten();
    names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with("gateway-"))
        .collect()
}

/// Starts a tool that says `ready` once it runs, and waits for that line.
fn start(home: &Path, arguments: &[&str]) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut command = program(home);
    command.arg("exec").args(arguments).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
    (child, output)
}

fn rest(mut output: BufReader<std::process::ChildStdout>) -> String {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut output, &mut text).expect("text");
    text
}

#[test]
fn a_tool_runs_through_a_gateway_of_its_own_that_ends_with_it() {
    let home = home();
    let upstream = Upstream::start(|request, _| Script::reply("application/json", &request.body));
    let route = format!("openai={}", upstream.url());
    let mut command = program(home.path());
    command.args(["exec", "--upstream", &route, "--", "sh", "-c", &format!("{ASK}; exit 37")]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let body = format!(r#"{{"messages":[{{"role":"user","content":"my token is {TOKEN}"}}]}}"#);
    child.stdin.take().expect("a pipe").write_all(body.as_bytes()).expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(37), "{}", shown(&output));
    assert_eq!((text(&output.stdout), text(&output.stderr)), (body.as_str(), ""));
    assert_eq!(upstream.records().len(), 1);
    let sent = String::from_utf8_lossy(&upstream.last().raw).into_owned();
    assert!(!sent.contains(TOKEN) && sent.contains("AEGIS-TOKEN-"), "{sent}");
    let state = home.path().join("state");
    assert!(instances(&state).is_empty() && state.join("master.key").exists());
    let again = program(home.path())
        .args(["exec", "--upstream", &route, "--", "sh", "-c", &format!("echo '{body}' | {ASK}")])
        .output()
        .expect("it runs");
    assert!(again.status.success(), "{}", shown(&again));
    let token = |index: usize| {
        let sent = String::from_utf8_lossy(&upstream.records()[index].raw).into_owned();
        let start = sent.find("AEGIS-TOKEN-").expect("a token");
        sent[start..start + 32].to_owned()
    };
    assert_eq!(token(0), token(1), "the usual state folder gives the same token in every session");
}

#[test]
fn the_exit_code_is_that_of_the_tool() {
    let home = home();
    let missing = home.path().join("no-such-tool").display().to_string();
    let no_program = home.path().join("plain");
    fs::write(&no_program, "text").expect("written");
    let no_program = no_program.display().to_string();
    let bad = home.path().join("bad.toml");
    fs::write(&bad, "[server]\nlissten = 1\n").expect("written");
    let bad = bad.display().to_string();
    for (arguments, code, said) in [
        (&["--upstream", NOBODY, "--", "true"][..], 0, ""),
        (&["--upstream", NOBODY, "--", "sh", "-c", "exit 255"], 255, ""),
        (&["--upstream", NOBODY, "--", "sh", "-c", "kill -TERM $$"], 143, ""),
        (&["--upstream", NOBODY, "--", "sh", "-c", "kill -KILL $$"], 137, ""),
        (&["--upstream", NOBODY, "--", &missing], 127, "no such program"),
        (&["--upstream", NOBODY, "--", &no_program], 126, "cannot be run"),
        (&["--config", &bad, "--", "true"], 125, "lissten"),
        (&["--gateway", "nonsense", "--", "true"], 2, "no scheme"),
        (&["--"], 2, "COMMAND"),
    ] {
        let output = exec(home.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {}", shown(&output));
        assert!(text(&output.stderr).contains(said), "{arguments:?} {}", shown(&output));
    }
    assert!(instances(&home.path().join("state")).is_empty());
}

#[test]
fn a_gateway_that_runs_is_used() {
    let home = home();
    let upstream = Upstream::start(|request, _| Script::reply("application/json", &request.body));
    let gateway = Gateway::builder().state(&home.path().join("state")).all_upstreams(&upstream.url()).start();
    wait_until("the gateway can be found", || !instances(gateway.state()).is_empty());
    let print = r#"printf '%s %s %s' "$ANTHROPIC_BASE_URL" "$OPENAI_BASE_URL" "$GOOGLE_GEMINI_BASE_URL""#;
    let output = exec(home.path(), &["--verbose", "--", "sh", "-c", print]);
    let url = format!("http://{}", gateway.address);
    assert_eq!(text(&output.stdout), format!("{url} {url}/v1 {url}"), "{}", shown(&output));
    assert!(text(&output.stderr).contains("found running"), "{}", shown(&output));
    assert_eq!(instances(gateway.state()).len(), 1, "it goes on");
    // One that a flag describes differently is not taken for it.
    let route = format!("openai={}", upstream.url());
    let other = exec(home.path(), &["--upstream", &route, "--", "sh", "-c", print]);
    assert!(!text(&other.stdout).contains(&url), "{}", shown(&other));
    let output = exec(
        home.path(),
        &["--gateway", "http://127.0.0.1:9/x/", "--tool", "claude", "--", "sh", "-c", print],
    );
    assert_eq!(text(&output.stdout), "http://127.0.0.1:9/x  ", "{}", shown(&output));
    gateway.terminate();
    wait_until("its file goes with it", || instances(gateway.state()).is_empty());
}

#[test]
fn signals_of_others_reach_the_tool() {
    let home = home();
    let script = "trap 'echo got; exit 5' TERM; echo ready; while :; do sleep 0.05; done";
    let (mut child, output) = start(home.path(), &["--upstream", NOBODY, "--", "sh", "-c", script]);
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).expect("sent");
    assert_eq!(child.wait().expect("it ends").code(), Some(5));
    assert_eq!(rest(output), "got\n");
    assert!(instances(&home.path().join("state")).is_empty());
}

#[test]
fn a_tool_that_stops_itself_stops_the_command_and_goes_on_with_it() {
    let home = home();
    let (mut child, output) =
        start(home.path(), &["--upstream", NOBODY, "--", "sh", "-c", "echo ready; kill -STOP $$; echo on"]);
    let pid = child.id();
    let state = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().and_then(|rest| rest.chars().next())
    };
    wait_until("the command stops", || state() == Some('T'));
    kill(Pid::from_raw(pid.cast_signed()), Signal::SIGCONT).expect("sent");
    assert!(child.wait().expect("it ends").success());
    assert_eq!(rest(output), "on\n");
}

#[test]
fn the_keys_of_the_terminal_are_pressed_once() {
    let home = home();
    // Python's own terminal: it waits for the tool, presses Ctrl-C, and prints what the tool says.
    let terminal = r#"
import os, pty, signal, sys
pid, fd = pty.fork()
if pid == 0:
    # A job in the background of a script is started to ignore it, and `exec` would leave it so.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
pressed = False
while True:
    try:
        part = os.read(fd, 4096)
    except OSError:
        break
    if not part:
        break
    seen += part
    if b"ready" in seen and not pressed:
        pressed = True
        os.write(fd, b"\x03")
_, status = os.waitpid(pid, 0)
sys.stdout.write(seen.decode())
sys.exit(os.waitstatus_to_exitcode(status))
"#;
    // A second press, if there is one, comes at once.
    let tool = r#"n=0; trap 'n=$((n+1))' INT; stty -echo; echo ready
        left=600; while [ $n = 0 ] && [ $left -gt 0 ]; do sleep 0.05; left=$((left-1)); done
        for i in 1 2 3 4 5; do sleep 0.1; done
        echo "pressed $n"; exit 9"#;
    let command = program(home.path());
    let mut python = Command::new("python3");
    python.args(["-c", terminal]).arg(command.get_program()).args([
        "exec",
        "--upstream",
        NOBODY,
        "--",
        "sh",
        "-c",
        tool,
    ]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => python.env(name, value),
            None => python.env_remove(name),
        };
    }
    let output = python.stdin(Stdio::null()).output().expect("python3 runs");
    assert_eq!(output.status.code(), Some(9), "{}", shown(&output));
    assert!(text(&output.stdout).contains("pressed 1"), "{}", shown(&output));
}

#[test]
fn a_command_that_is_killed_takes_its_gateway_and_its_folder_with_it() {
    let home = home();
    let temporary = home.path().join("tmp");
    fs::create_dir(&temporary).expect("a folder");
    let mut command = program(home.path());
    command.env_remove("AEGIS_STATE_DIR").env("TMPDIR", &temporary);
    command.args([
        "exec",
        "--temporary-state",
        "--upstream",
        NOBODY,
        "--",
        "sh",
        "-c",
        r#"echo "$OPENAI_BASE_URL"; sleep 60"#,
    ]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
    let address = line.trim().trim_start_matches("http://").trim_end_matches("/v1").to_owned();
    assert!(TcpStream::connect(&address).is_ok(), "{address}");
    assert_eq!(fs::read_dir(&temporary).expect("a folder").count(), 1);
    child.kill().expect("killed");
    child.wait().expect("it ends");
    wait_until("the gateway ends", || TcpStream::connect(&address).is_err());
    wait_until("its folder goes", || fs::read_dir(&temporary).expect("a folder").count() == 0);
    assert!(!home.path().join(".local").exists(), "no other state was made");
    // And in order: nothing is left either.
    let mut command = program(home.path());
    command.env_remove("AEGIS_STATE_DIR").env("TMPDIR", &temporary);
    let output = command
        .args(["exec", "--temporary-state", "--upstream", NOBODY, "--", "true"])
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", shown(&output));
    assert_eq!(fs::read_dir(&temporary).expect("a folder").count(), 0);
}

#[test]
fn tools_get_what_they_read() {
    let home = home();
    let url = "http://127.0.0.1:9";
    let bin = home.path().join("bin");
    fs::create_dir(&bin).expect("a folder");
    for tool in ["codex", "opencode"] {
        let path = bin.join(tool);
        fs::write(&path, "#!/bin/sh\nprintf '%s|' \"$@\" \"$OPENCODE_CONFIG_CONTENT\" \"$no_proxy\"\n")
            .expect("written");
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a program");
    }
    let run = |tool: &str, variables: &[(&str, &str)]| {
        let mut command = program(home.path());
        command.envs(variables.iter().copied()).args(["exec", "--gateway", url, "--"]);
        command.arg(bin.join(tool)).arg("a b").output().expect("it runs")
    };
    let codex = run("codex", &[]);
    assert_eq!(
        text(&codex.stdout),
        "-c|openai_base_url=\"http://127.0.0.1:9/v1\"|a b|||",
        "{}",
        shown(&codex)
    );
    let proxy = [("HTTP_PROXY", "http://proxy.example"), ("no_proxy", "intern.example")];
    let codex = run("codex", &proxy);
    assert!(text(&codex.stdout).ends_with("|intern.example,127.0.0.1,::1,localhost|"), "{}", shown(&codex));
    let opencode = run("opencode", &[("OPENCODE_CONFIG_CONTENT", r#"{"theme":"x"}"#)]);
    assert!(
        text(&opencode.stdout)
            .starts_with(r#"a b|{"provider":{"anthropic":{"options":{"baseURL":"http://127.0.0.1:9/v1"}}"#)
    );
    assert!(text(&opencode.stdout).contains(r#""theme":"x""#), "{}", shown(&opencode));
    let wrong = run("opencode", &[("OPENCODE_CONFIG_CONTENT", "{ // mine")]);
    assert_eq!((wrong.status.code(), wrong.stdout.len()), (Some(125), 0), "{}", shown(&wrong));
    assert!(text(&wrong.stderr).contains("OPENCODE_CONFIG_CONTENT"));
}
