//! `tail` and `doctor` beside a running gateway.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

use aegis_tests::client::post;
use aegis_tests::oracle::assert_absent;
use aegis_tests::{Authority, Gateway, Script, Upstream};

use super::{TOKEN, program, shown, text};

fn provider() -> Upstream {
    Upstream::start(|request, _| Script::reply("application/json", &request.body))
}

fn send(gateway: &Gateway, text: &str) {
    let body = serde_json::json!({"messages": [{"role": "user", "content": text}]}).to_string();
    assert_eq!(gateway.exchange(&post("/v1/messages", "application/json", body.as_bytes())).status(), 200);
}

fn wait_for_events(gateway: &Gateway, count: usize) {
    let file = gateway.state().join("audit.jsonl");
    for _ in 0..1_000 {
        if fs::read_to_string(&file).is_ok_and(|text| text.lines().count() >= count) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("no {count} events in {}", file.display());
}

#[test]
fn events_are_shown_as_they_come() {
    let home = tempfile::tempdir().expect("a home");
    let gateway =
        Gateway::builder().state(&home.path().join("state")).all_upstreams(&provider().url()).start();
    for _ in 0..3 {
        send(&gateway, "hello");
    }
    wait_for_events(&gateway, 3);
    let output = program(home.path()).args(["tail", "-n", "2"]).output().expect("it runs");
    let lines: Vec<&str> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 2, "{}", shown(&output));
    assert!(
        lines[0].contains("  200  POST anthropic /v1/messages  ") && !lines[0].contains('\x1b'),
        "{}",
        lines[0]
    );
    let mut command = program(home.path());
    command.args(["tail", "--follow", "-n", "1", "--color", "always"]).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut next = || lines.next().expect("a line").expect("text");
    assert!(next().contains("\x1b[32m200\x1b[0m"));
    send(&gateway, &format!("my token is {TOKEN}"));
    let found = next();
    assert!(
        found.contains("1 found: ") && found.contains("github-pat tokenize") && found.contains("1 restored"),
        "{found}"
    );
    assert_absent(found.as_bytes(), TOKEN, "the line");
    // Set aside by somebody else; the gateway begins a new one when it is told.
    let file = gateway.state().join("audit.jsonl");
    fs::rename(&file, gateway.state().join("aside.jsonl")).expect("renamed");
    gateway.process.signal(nix::sys::signal::Signal::SIGHUP);
    wait_for_new_file(&file);
    send(&gateway, "after");
    assert!(next().contains("/v1/messages"));
    // The reader goes: the command ends by itself, without a word.
    drop(lines);
    let status = child.wait().expect("it ends");
    assert!(status.success(), "{status}");
}

fn wait_for_new_file(file: &std::path::Path) {
    for _ in 0..1_000 {
        if file.exists() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("no new {}", file.display());
}

#[test]
fn json_is_shown_as_the_file_has_it_and_what_is_missing_is_said() {
    let home = tempfile::tempdir().expect("a home");
    let file = home.path().join("events.jsonl");
    fs::write(&file, "{\"v\":1}\nno event \x1b[2J\n{\"v\":2}\n").expect("written");
    let run =
        |arguments: &[&str]| program(home.path()).arg("tail").args(arguments).output().expect("it runs");
    let name = file.display().to_string();
    let output = run(&["--file", &name, "--json", "-n", "1"]);
    assert_eq!(text(&output.stdout), "{\"v\":2}\n", "{}", shown(&output));
    let output = run(&["--file", &name, "-n", "2"]);
    assert!(text(&output.stdout).starts_with("no event \\u{1b}[2J\n"), "{}", shown(&output));
    let output = run(&["--file", "no/such/file"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("no/such/file") && text(&output.stderr).contains("help:"),
        "{}",
        shown(&output)
    );
    let output = run(&["--file", "/dev/null"]);
    assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
}

#[test]
fn the_doctor_says_what_is_wrong_and_what_to_do() {
    let home = tempfile::tempdir().expect("a home");
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        let mut command = program(home.path());
        command.arg("doctor").args(arguments).envs(variables.iter().copied()).output().expect("it runs")
    };
    // Nothing runs, and a port is taken.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").to_string();
    let free = aegis_tests::process::free_address().to_string();
    let output = run(&[], &[("AEGIS_SERVER_LISTEN", &port), ("AEGIS_ADMIN_LISTEN", &free)]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    for part in [
        "no gateway runs",
        &format!("PROBLEM  {port} (server.listen) cannot be used"),
        "--listen ADDR",
        "--online",
    ] {
        assert!(text(&output.stdout).contains(part), "{part}: {}", shown(&output));
    }
    assert!(!home.path().join("state").exists(), "nothing is made");
    // A wrong configuration is named with its line.
    let bad = home.path().join("bad.toml");
    fs::write(&bad, "[server]\nlissten = 1\n").expect("written");
    let output = run(&["--config", &bad.display().to_string()], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("bad.toml:2"), "{}", shown(&output));
    // All is well.
    let upstream = provider();
    let gateway = Gateway::builder().state(&home.path().join("state")).all_upstreams(&upstream.url()).start();
    send(&gateway, &format!("my token is {TOKEN}"));
    wait_for_events(&gateway, 1);
    wait_for_instance(&gateway);
    let base = format!("http://localhost:{}/v1", gateway.address.port());
    fs::create_dir_all(home.path().join(".codex")).expect("a folder");
    fs::write(home.path().join(".codex/config.toml"), format!("openai_base_url = \"{base}\"\n"))
        .expect("written");
    let output = run(&["--color", "never"], &[("OPENAI_BASE_URL", "https://api.example.com/v1")]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    for part in [
        format!("listens on {}", gateway.address),
        "has answered 1 requests, with 1 findings".to_owned(),
        "last request: ".to_owned(),
        format!("config.toml) points here: http://localhost:{}", gateway.address.port()),
        "OPENAI_BASE_URL points elsewhere: https://api.example.com".to_owned(),
        "is private and can be written".to_owned(),
    ] {
        assert!(text(&output.stdout).contains(&part), "{part}: {}", shown(&output));
    }
    assert_absent(&output.stdout, TOKEN, "the report");
    assert_eq!(upstream.records().len(), 1, "nobody was asked");
    // Permissions that the gateway refuses.
    let key = home.path().join("state/master.key");
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).expect("changed");
    let output = run(&[], &[]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    assert!(text(&output.stdout).contains(&format!("chmod 600 {}", key.display())), "{}", shown(&output));
}

fn wait_for_instance(gateway: &Gateway) {
    let name = format!("gateway-{}.json", gateway.process.id());
    wait_for_new_file(&gateway.state().join(name));
}

#[test]
fn going_online_looks_at_names_connections_and_certificates() {
    let home = tempfile::tempdir().expect("a home");
    let authority = Authority::new(home.path(), "doctor");
    let dead = aegis_tests::process::free_address();
    let certificate = authority.sign("upstream", &["localhost"]);
    let mock = aegis_tests::Mock::start_tls(&certificate.cert, &certificate.key);
    let port = mock.address.port();
    let config = home.path().join("aegis.toml");
    let text_of = format!(
        "[upstreams.good]\nurl = \"https://localhost:{port}\"\nroots = \"file\"\nca = \"{}\"\n\
         [upstreams.untrusted]\nurl = \"https://localhost:{port}\"\n\
         [upstreams.dead]\nurl = \"http://{dead}\"\n[upstreams.plain]\nurl = \"{}\"\n",
        home.path().join("doctor.pem").display(),
        provider().url()
    );
    fs::write(&config, text_of).expect("written");
    let output = program(home.path())
        .args(["doctor", "--online", "--config", &config.display().to_string()])
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    for part in [
        format!("good (localhost:{port}) can be reached, and its certificate is right"),
        format!("untrusted (localhost:{port}): no TLS: "),
        format!("dead ({dead}): cannot be reached"),
        "can be reached, without TLS".to_owned(),
    ] {
        assert!(text(&output.stdout).contains(&part), "{part}: {}", shown(&output));
    }
}
