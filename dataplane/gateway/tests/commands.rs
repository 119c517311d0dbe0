//! Commands that need no provider: `env`, `tokenize`, `completions`, `man`, and how all of them meet a closed pipe.

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use support::feed;

/// A made-up GitHub token with a right check value.
const TOKEN: &str = "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";

/// The program, with a state folder of the test's.
fn program(state: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_aegis-gateway"));
    program.env("AEGIS_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/rules"));
    program.env("AEGIS_STATE_DIR", state).env_remove("AEGIS_CONFIG").env_remove("OPENCODE_CONFIG_CONTENT");
    program
}

fn run(state: &Path, arguments: &[&str], input: &[u8]) -> Output {
    feed(program(state).args(arguments), input)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn env_prints_what_a_shell_can_take() {
    let state = folder();
    let env = |arguments: &[&str]| {
        let output = run(state.path(), &[&["env"], arguments].concat(), b"");
        assert!(output.status.success(), "{}", text(&output.stderr));
        output
    };
    let output = env(&["claude", "--shell", "sh"]);
    assert!(text(&output.stdout).starts_with("export ANTHROPIC_BASE_URL='http://127.0.0.1:8080'\n# "));
    assert!(text(&output.stderr).starts_with("note: no gateway runs"), "{}", text(&output.stderr));
    let gate = ["--gateway", "https://gate.example/x/"];
    for (tool, shell, line) in [
        ("openai", "bash", "export OPENAI_BASE_URL='https://gate.example/x/v1'"),
        ("anthropic", "fish", "set -gx ANTHROPIC_BASE_URL 'https://gate.example/x'"),
        ("gemini", "powershell", "$env:GOOGLE_GEMINI_BASE_URL = 'https://gate.example/x'"),
        ("google", "zsh", "export GOOGLE_GEMINI_BASE_URL='https://gate.example/x'"),
        ("aider", "sh", "export ANTHROPIC_API_BASE='https://gate.example/x'"),
        ("codex", "sh", "#     openai_base_url = \"https://gate.example/x/v1\""),
    ] {
        let output = env(&[&[tool, "--shell", shell][..], &gate].concat());
        assert!(text(&output.stdout).lines().any(|one| one == line), "{line}: {}", text(&output.stdout));
        assert!(output.stderr.is_empty());
    }
    // What is printed does what it says in a shell, quoted or not.
    let script = format!(
        "eval \"$({exe} env opencode --gateway http://h:1)\" && eval $({exe} env claude --gateway http://h:1) && \
         printf '%s %s' \"$OPENCODE_CONFIG_CONTENT\" \"$ANTHROPIC_BASE_URL\"",
        exe = env!("CARGO_BIN_EXE_aegis-gateway")
    );
    let output = Command::new("sh").args(["-c", &script]).env("SHELL", "/bin/sh").output().expect("a shell");
    let expected = r#"{"provider":{"anthropic":{"options":{"baseURL":"http://h:1/v1"}},"#;
    assert!(text(&output.stdout).starts_with(expected), "{}", text(&output.stdout));
    assert!(text(&output.stdout).ends_with("} http://h:1"), "{}", text(&output.stdout));
    assert_eq!(run(state.path(), &["env", "emacs"], b"").status.code(), Some(2));
    assert_eq!(std::fs::read_dir(state.path()).expect("a folder").count(), 0, "nothing is made");
}

#[test]
fn tokenize_writes_what_would_be_sent() {
    let state = folder();
    let body = format!(r#"{{"messages":[{{"role":"user","content":"a {TOKEN} b"}}]}}"#);
    let output = run(state.path(), &["tokenize", "--explain"], body.as_bytes());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let sent = text(&output.stdout);
    assert!(
        sent.starts_with(r#"{"messages":[{"role":"user","content":"a AEGIS-TOKEN-"#)
            && sent.ends_with(r#" b"}]}"#)
    );
    let stderr = text(&output.stderr);
    assert!(stderr.contains("holds no master key yet"), "{stderr}");
    assert!(stderr.contains("github-pat  TOKEN  tokenize  messages[0].content  AEGIS-TOKEN-"), "{stderr}");
    assert!(stderr.ends_with("1 found\n") && !stderr.contains(TOKEN), "{stderr}");
    assert_eq!(std::fs::read_dir(state.path()).expect("a folder").count(), 0, "nothing is made");

    // With a key the tokens stay the same, and a text has lines.
    std::fs::write(state.path().join("master.key"), "ab".repeat(32)).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(state.path().join("master.key"), mode).expect("changed");
    let input = format!("one\ntwo {TOKEN}\n");
    let first = run(state.path(), &["tokenize", "--format", "text", "--explain"], input.as_bytes());
    let second = run(state.path(), &["tokenize"], input.as_bytes());
    assert!(first.stdout == second.stdout && text(&first.stdout).starts_with("one\ntwo AEGIS-TOKEN-"));
    assert!(
        text(&first.stderr).contains("  line 2  ") && second.stderr.is_empty(),
        "{}",
        text(&first.stderr)
    );
    // Twice is once.
    let again = run(state.path(), &["tokenize"], &second.stdout);
    assert_eq!(text(&again.stdout), text(&second.stdout));
    // Over many windows.
    let long = format!("{}{TOKEN}", "word\n".repeat(50_000));
    let output = run(state.path(), &["tokenize"], long.as_bytes());
    assert!(text(&output.stdout).starts_with("word\nword\n") && !text(&output.stdout).contains(TOKEN));
    assert_eq!(text(&output.stdout).lines().count(), 50_001);
}

#[test]
fn tokenize_meets_odd_inputs() {
    let state = folder();
    let config = state.path().join("aegis.toml");
    let rules =
        "[limits]\nmax_body = \"64 KiB\"\nhold = \"64 KiB\"\n[policy.rules]\ngithub-pat = \"block\"\n";
    std::fs::write(&config, rules).expect("written");
    let config = config.display().to_string();
    let with = |arguments: &[&str], input: &[u8]| {
        run(state.path(), &[&["tokenize", "--config", &config], arguments].concat(), input)
    };
    let blocked = with(&["--explain"], format!("a {TOKEN}").as_bytes());
    assert_eq!((blocked.status.code(), blocked.stdout.len()), (Some(1), 0));
    for part in
        ["error: the gateway's policy forbids", "rule github-pat (TOKEN)", "policy.rules.github-pat", "block"]
    {
        assert!(text(&blocked.stderr).contains(part), "{}", text(&blocked.stderr));
    }
    assert!(!text(&blocked.stderr).contains(TOKEN));
    let empty = with(&[], b"");
    assert_eq!((empty.status.code(), empty.stdout.len()), (Some(0), 0));
    let binary = with(&[], b"\0\xff\xfe\x01");
    assert_eq!((binary.status.code(), &binary.stdout[..]), (Some(0), &b"\0\xff\xfe\x01"[..]));
    let broken = with(&["--format", "json"], b"{\"a\":");
    assert_eq!((broken.status.code(), broken.stdout.len()), (Some(2), 0), "{}", text(&broken.stderr));
    let edge = with(&[], &vec![b'x'; 64 << 10]);
    assert_eq!((edge.status.code(), edge.stdout.len()), (Some(0), 64 << 10));
    let over = with(&[], &vec![b'x'; (64 << 10) + 1]);
    assert_eq!(over.status.code(), Some(2));
    assert!(text(&over.stderr).contains("limits.max_body"), "{}", text(&over.stderr));
}

#[test]
fn completions_and_manual_pages_know_all_commands() {
    let state = folder();
    for (shell, part) in [
        ("bash", "complete -F"),
        ("zsh", "#compdef aegis-gateway"),
        ("fish", "complete -c aegis-gateway"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let output = run(state.path(), &["completions", shell], b"");
        let script = text(&output.stdout);
        assert!(script.contains(part), "{shell}");
        for command in ["tokenize", "doctor", "temporary-state"] {
            assert!(script.contains(command), "{shell} {command}");
        }
    }
    let page = run(state.path(), &["man", "exec"], b"");
    assert!(text(&page.stdout).contains(".TH aegis-gateway-exec 1"), "{}", text(&page.stdout));
    assert!(text(&page.stdout).contains("Examples:"));
    let own = run(state.path(), &["man"], b"");
    assert!(text(&own.stdout).contains(".TH aegis-gateway 1"));
    let none = run(state.path(), &["man", "nothing"], b"");
    assert_eq!(none.status.code(), Some(2));
    let pages = state.path().join("man/man1");
    let output = run(state.path(), &["man", "--dir", &pages.display().to_string()], b"");
    assert!(output.status.success(), "{}", text(&output.stderr));
    for page in
        ["aegis-gateway.1", "aegis-gateway-exec.1", "aegis-gateway-rules-test.1", "aegis-gateway-man.1"]
    {
        assert!(pages.join(page).exists(), "{page}");
    }
}

#[test]
fn a_reader_that_goes_is_no_fault() {
    let state = folder();
    std::fs::write(state.path().join("in.txt"), format!("{TOKEN}\n").repeat(2_000)).expect("written");
    let commands: [(&[&str], i32); 12] = [
        (&["version"], 0),
        (&["--help"], 0),
        (&["scan", "--help"], 0),
        (&["check"], 0),
        (&["key", "new"], 0),
        (&["rules", "list"], 0),
        (&["completions", "bash"], 0),
        (&["man"], 0),
        (&["env", "claude"], 0),
        (&["doctor"], 0),
        (&["tokenize"], 0),
        (&["scan", "in.txt"], 1),
    ];
    for (arguments, code) in commands {
        let mut command = program(state.path());
        // A port that nobody has, so that the doctor is content.
        command.env("AEGIS_SERVER_LISTEN", "127.0.0.1:0").env("AEGIS_ADMIN_LISTEN", "127.0.0.1:0");
        command.args(arguments).current_dir(state.path());
        command.stdin(std::fs::File::open(state.path().join("in.txt")).expect("a file"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        assert!(!text(&output.stderr).contains("panicked"), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn check_names_everything_that_is_wrong_with_its_line() {
    let folder = folder();
    let file = folder.path().join("aegis.toml");
    let configuration = "[policy.rules]\nno-such-rule = \"block\"\n\n[upstreams.openai]\n\
        api_key_env = \"AEGIS_TEST_VARIABLE_THAT_IS_NOT_SET\"\n\n[upstreams.mine]\nurl = \"https://x.example\"\nca = \"missing.pem\"\n\
        roots = \"file\"\n\n[audit]\nfile = \"no/such/folder/audit.jsonl\"\n\n[log]\nlevel = \"inof\"\n\n\
        [[server.tls.certificates]]\ncert = \"no-cert.pem\"\nkey = \"no-key.pem\"\n\n\
        [timeouts]\nconect = 1\n\n[cache]\ndir = 5\n";
    std::fs::write(&file, configuration).expect("written");
    let at = |line: u32| format!("error: {}:{line}:1: ", file.display());
    let check = || {
        let mut command = program(folder.path());
        command.env("AEGIS_SERVER_LISTEN", "127.0.0.1:0").env("AEGIS_ADMIN_LISTEN", "127.0.0.1:0");
        feed(command.arg("check").arg("--config").arg(&file), b"")
    };
    let output = check();
    let said = text(&output.stderr);
    for (line, what) in [
        (2, "policy.rules.no-such-rule: there is no rule `no-such-rule`"),
        (5, "upstreams.openai.api_key_env: the variable AEGIS_TEST_VARIABLE_THAT_IS_NOT_SET is not set"),
        (9, "upstreams.mine.ca: cannot read "),
        (13, "audit.file: cannot create "),
        (16, "log.level: `inof` is not a level"),
        (19, "server.tls.certificates[0].cert: cannot read "),
        (20, "server.tls.certificates[0].key: cannot read "),
        (23, "timeouts.conect: unknown key"),
    ] {
        assert!(said.contains(&format!("{}{what}", at(line))), "{line}: {what}\n{said}");
    }
    assert!(said.contains(":26:7: cache.dir: integer 5 cannot stand here"), "{said}");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).ends_with("wrong, 9 errors\n"), "{}", text(&output.stdout));
    let run = feed(program(folder.path()).arg("run").arg("--config").arg(&file), b"");
    assert_eq!(run.status.code(), Some(2));
    assert_eq!(text(&run.stderr).matches("error: ").count(), 9, "{}", text(&run.stderr));
    // Once each, although reading them and building of them meet the same.
    std::fs::write(&file, "[upstreams.one]\nurl = \"foo\"\n[upstreams.two]\nurl = \"ftp://h\"\n")
        .expect("written");
    let output = check();
    let said = text(&output.stderr);
    for (line, what) in [
        (2, "upstreams.one.url: `foo` has no scheme"),
        (4, "upstreams.two.url: `ftp` is not a scheme that can be used"),
    ] {
        assert_eq!(said.matches(&format!("{}{what}\n  help: write it like", at(line))).count(), 1, "{said}");
    }
    assert!(text(&output.stdout).ends_with("wrong, 2 errors\n"), "{}", text(&output.stdout));
    std::fs::write(&file, "[rules]\ncustom = [\"a.toml\", \"b.toml\"]\n").expect("written");
    let output = check();
    assert_eq!(
        text(&output.stderr).matches(&format!("{}rules.custom[", at(2))).count(),
        2,
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn an_address_that_is_none_is_told_what_one_looks_like() {
    let folder = folder();
    for (flag, value) in [("--listen", "8080"), ("--listen", "localhost:8080"), ("--admin", ":9901")] {
        let output = run(folder.path(), &["check", flag, value], b"");
        let said = text(&output.stderr);
        assert!(
            output.status.code() == Some(2) && said.contains("like 127.0.0.1:8080 or [::1]:8080"),
            "{said}"
        );
    }
    let output = run(folder.path(), &["check", "--config", "/"], b"");
    let said = text(&output.stderr);
    assert!(
        said.contains("Is a directory") && said.contains("help: name the file in it with --config"),
        "{said}"
    );
}

#[test]
fn check_tries_the_addresses_that_run_would_open() {
    let folder = folder();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let check = |listen: &str| {
        let mut command = program(folder.path());
        command.env("AEGIS_SERVER_LISTEN", listen).env("AEGIS_ADMIN_LISTEN", "127.0.0.1:0");
        feed(command.arg("check"), b"")
    };
    let output = check(&address);
    assert_eq!(output.status.code(), Some(0), "it may be the gateway itself");
    assert!(text(&output.stderr).contains(&format!("{address} is in use now")), "{}", text(&output.stderr));
    // An address for documentation: no machine has it.
    let output = check("192.0.2.1:8080");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("AEGIS_SERVER_LISTEN: server.listen: cannot listen on 192.0.2.1:8080"), "{said}");
}

/// Makes a pipe that nobody writes.
fn pipe(path: &Path) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success());
}

/// What `timeout` ends with when it had to end its program.
const TOOK_TOO_LONG: i32 = 124;

#[test]
fn pipes_in_place_of_files_hold_no_command_up() {
    let (state, home) = (folder(), folder());
    pipe(&state.path().join("gateway-1.json"));
    for place in [".codex/config.toml", ".claude/settings.json", ".env"] {
        pipe(&home.path().join(place));
    }
    let bounded = |arguments: &[&str]| {
        let mut bounded = Command::new("timeout");
        bounded.arg("20").arg(env!("CARGO_BIN_EXE_aegis-gateway")).args(arguments);
        bounded.env("AEGIS_CACHE_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/rules"));
        bounded.env("AEGIS_STATE_DIR", state.path()).env("HOME", home.path());
        bounded.env_remove("AEGIS_CONFIG").env_remove("OPENCODE_CONFIG_CONTENT").env_remove("CODEX_HOME");
        let output = feed(&mut bounded, b"");
        assert_ne!(output.status.code(), Some(TOOK_TOO_LONG), "{arguments:?}");
        output
    };
    assert!(bounded(&["env", "claude", "--shell", "sh"]).status.success());
    let report = bounded(&["doctor"]);
    let expected = "config.toml) cannot be read: it is a pipe, and must be a file";
    assert!(text(&report.stdout).contains(expected), "{}", text(&report.stdout));
}

#[test]
fn an_empty_variable_is_named() {
    let state = folder();
    let said = |arguments: &[&str], variable: &str| {
        let output = feed(program(state.path()).args(arguments).env(variable, ""), b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        text(&output.stderr).to_owned()
    };
    for arguments in [&["check"][..], &["env", "claude"], &["doctor"]] {
        let said = said(arguments, "AEGIS_CONFIG");
        assert!(said.starts_with("error: the variable AEGIS_CONFIG is set, and is empty\n"), "{said}");
    }
    let said = said(&["rules", "list"], "AEGIS_STATE_DIR");
    assert!(said.contains("AEGIS_STATE_DIR is set, and is empty"), "{said}");
}
