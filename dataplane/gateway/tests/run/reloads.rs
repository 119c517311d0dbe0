//! Reloads: when they may be asked for, what they may not take away, and what is no file to read again.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::{Running, certificate, exchange, provider, refused};

/// A supervisor that has just started it may well ask it to read its configuration again.
#[test]
fn reloads_asked_for_while_it_starts_are_not_its_end() {
    let mut it = Running::spawn("", provider(Duration::ZERO));
    it.until("SIGHUP waits", |it| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", it.child.id())).unwrap_or_default();
        let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
        blocked.is_some_and(|mask| mask.ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']))
    });
    it.until("it is ready", |it| {
        it.signal("HUP");
        it.get("/readyz").starts_with("HTTP/1.1 200")
    });
    it.until("it has reloaded", |it| !it.get("/metrics").contains("aegis_reloads_total 0"));
    assert!(it.ask().ends_with("helloworld"));
}

/// The configuration is a pipe, whose writer may take his time.
#[test]
fn a_reload_asked_for_before_the_configuration_is_read_is_not_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("aegis.toml");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    let mut it =
        Running::spawn_in(folder, &["--upstream", &format!("mine=http://{}", provider(Duration::ZERO))]);
    let writer = std::cell::OnceCell::new();
    it.until("it waits for its configuration", |_| {
        // Only a pipe with a reader can be opened so.
        let mut options = std::fs::OpenOptions::new();
        let opened = options.write(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits()).open(&pipe);
        opened.is_ok_and(|opened| writer.set(opened).is_ok())
    });
    it.signal("HUP");
    let mut writer = writer.into_inner().expect("opened");
    writer.write_all(b"[auth]\nmode = \"keys\"\n").expect("written");
    drop(writer);
    it.until("it is ready", |it| it.get("/readyz").starts_with("HTTP/1.1 200"));
    assert!(it.ask().starts_with("HTTP/1.1 401"), "it has read the pipe");
    it.until("it has heard the signal", |it| it.get("/metrics").contains("aegis_reload_failures_total 1\n"));
}

/// What a copy onto a full disk leaves, and what an editor's slip does.
#[test]
fn a_reload_takes_no_protection_away() {
    let keys = format!("[[auth.keys]]\nid = \"ci\"\nsha256 = \"{}\"\n", "0f".repeat(32));
    let cut = &keys[..keys.len() - 1];
    // Started with it, too: what is missing may be more by the next reload.
    let mut it = Running::start(cut, provider(Duration::ZERO));
    let warned = "the file's last line does not end: a reload would take it for cut off, and refuse it";
    assert!(it.log().contains(warned), "{}", it.log());
    for (refusals, (text, says)) in [
        ("", "it looks cut off: the file sets nothing"),
        ("# keys follow\n", "it looks cut off: the file sets nothing"),
        (cut, "it looks cut off: the file's last line does not end"),
        (
            "[policy]\nfail_mode = \"closed\"\n[auth]\n",
            "it looks cut off: the file ends with an empty section",
        ),
        ("[policy]\nfail_mode = \"closed\"\n", "there are gateway keys, and none would be left"),
        ("[auth]\nmode = \"keys\"\n", "there are gateway keys, and none would be left"),
    ]
    .into_iter()
    .enumerate()
    {
        let before = it.log().len();
        std::fs::write(it.path("aegis.toml"), text).expect("written");
        it.signal("HUP");
        let count = format!("aegis_reload_failures_total {}\n", refusals + 1);
        it.until("the reload is refused", |it| it.get("/metrics").contains(&count));
        it.until(says, |it| it.log()[before..].contains(says) && it.log()[before..].contains("ERROR"));
        assert!(it.ask().starts_with("HTTP/1.1 401"), "keys are demanded after {text:?}");
    }
    assert!(it.get("/metrics").contains("aegis_reload_weaker_refusals_total 2\n"), "{}", it.get("/metrics"));

    std::fs::write(it.path("aegis.toml"), "[reload]\nallow_weaker = true\n").expect("written");
    it.signal("HUP");
    it.until("the reload is published", |it| it.get("/metrics").contains("aegis_config_generation 2"));
    assert!(it.ask().ends_with("helloworld"));
}

/// With fewer rules than were meant secrets pass, and nothing else tells.
#[test]
fn a_reload_with_a_rule_file_that_is_not_whole_is_refused() {
    let rule = "[[rule]]\nid = \"acme-key\"\nname = \"A key\"\ncategory = \"key\"\nseverity = \"high\"\nimpact = \"A\"\n\
                pattern = 'acme_[0-9a-f]{24}'\n";
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path().join("own.toml");
    std::fs::write(&own, rule).expect("written");
    std::fs::write(folder.path().join("aegis.toml"), "[rules]\ncustom = [\"own.toml\"]\n").expect("written");
    let mut it =
        Running::spawn_in(folder, &["--upstream", &format!("mine=http://{}", provider(Duration::ZERO))]);
    it.until("it is ready", |it| it.get("/readyz").starts_with("HTTP/1.1 200"));
    for (failures, (text, says)) in (1..).zip([
        ("", "own.toml looks cut off: there is no rule in it"),
        ("# rules follow\n", "own.toml looks cut off: there is no rule in it"),
        (rule.trim_end(), "own.toml looks cut off: the file's last line does not end"),
    ]) {
        let before = it.log().len();
        std::fs::write(&own, text).expect("written");
        it.signal("HUP");
        let count = format!("aegis_reload_failures_total {failures}\n");
        it.until("the reload is refused", |it| it.get("/metrics").contains(&count));
        it.until(says, |it| it.log()[before..].contains(says));
    }
    assert!(it.get("/metrics").contains("aegis_config_generation 1\n"), "the old one stays");
    std::fs::write(&own, rule.to_owned() + "\n").expect("written");
    it.signal("HUP");
    it.until("it is whole again", |it| it.get("/metrics").contains("aegis_config_generation 2\n"));

    std::fs::write(&own, "").expect("written");
    let file = it.path("aegis.toml").display().to_string();
    let (code, printed) = refused(&["--config", &file], &it.path("another"));
    assert_eq!(code, Some(2));
    assert!(printed.contains("own.toml looks cut off: there is no rule in it"), "{printed}");
}

#[test]
fn a_reload_takes_neither_tls_nor_client_certificates_nor_the_last_upstream_away() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cert, key) = certificate(folder.path(), (2020, 1, 1), (2120, 1, 1));
    let upstream = format!("[upstreams.mine]\nurl = \"http://{}\"\n", provider(Duration::ZERO));
    let tls = format!("{upstream}[[server.tls.certificates]]\ncert = {cert:?}\nkey = {key:?}\n");
    let clients = format!("{tls}[server.tls]\nclient_auth = \"required\"\nclient_ca = {cert:?}\n");
    let mut it = Running::spawn_with(&clients, &[]);
    it.until("it is ready", |it| it.get("/readyz").starts_with("HTTP/1.1 200"));
    for (refusals, (text, says)) in [
        (&*upstream, "server.tls.certificates: TLS towards clients is on, and would be off"),
        (&*tls, "server.tls.client_auth: certificates of clients are checked, and would no longer be"),
        (
            &*clients.replace(&upstream, ""),
            "upstreams: there are upstreams, and none would be left but the built-in ones",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let before = it.log().len();
        std::fs::write(it.path("aegis.toml"), text).expect("written");
        it.signal("HUP");
        for name in ["aegis_reload_failures_total", "aegis_reload_weaker_refusals_total"] {
            let count = format!("{name} {}\n", refusals + 1);
            it.until("the reload is refused", |it| it.get("/metrics").contains(&count));
        }
        it.until(says, |it| it.log()[before..].contains(says));
        assert!(it.log()[before..].contains("set reload.allow_weaker = true, or restart the gateway"));
        assert!(it.get("/metrics").contains("aegis_config_generation 1\n"), "the old one stays");
        let plain = exchange(it.traffic, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        assert!(!plain.is_ok_and(|reply| reply.starts_with("HTTP")), "TLS is still on");
    }
    let allowed = format!("{upstream}[reload]\nallow_weaker = true\n");
    std::fs::write(it.path("aegis.toml"), allowed).expect("written");
    it.signal("HUP");
    it.until("the reload is published", |it| it.get("/metrics").contains("aegis_config_generation 2\n"));
    assert!(it.ask().ends_with("helloworld"));
}

/// Opening a pipe waits for whoever writes: the next reload would wait with it.
#[test]
fn a_pipe_is_no_configuration_and_ends_no_reloading() {
    let mut it = Running::start("", provider(Duration::ZERO));
    let file = it.path("aegis.toml");
    std::fs::remove_file(&file).expect("removed");
    assert!(Command::new("mkfifo").arg(&file).status().expect("mkfifo runs").success());
    it.signal("HUP");
    it.until("the pipe is refused", |it| it.get("/metrics").contains("aegis_reload_failures_total 1\n"));
    it.until("the log says why", |it| it.log().contains("it is a pipe"));
    std::fs::remove_file(&file).expect("removed");
    let key = it.path("key.pem");
    assert!(Command::new("mkfifo").arg(&key).status().expect("mkfifo runs").success());
    let text = format!("[[server.tls.certificates]]\ncert = {key:?}\nkey = {key:?}\n");
    std::fs::write(&file, text).expect("written");
    it.signal("HUP");
    it.until("that pipe, too", |it| it.get("/metrics").contains("aegis_reload_failures_total 2\n"));
    std::fs::write(&file, "[auth]\nmode = \"keys\"\n").expect("written");
    it.signal("HUP");
    it.until("a file is read", |it| it.get("/metrics").contains("aegis_config_generation 2"));
    assert!(it.ask().starts_with("HTTP/1.1 401"));
}

/// Without an end they would fill the memory, and the process that serves would be killed.
#[test]
fn files_without_an_end_are_refused() {
    const MAX_BYTES: u64 = 16 << 20;
    let mut it = Running::start("", provider(Duration::ZERO));
    let (file, other) = (it.path("aegis.toml"), it.path("other"));
    let key = format!("[[server.tls.certificates]]\ncert = {other:?}\nkey = {other:?}\n");
    let to_zeros = |path: &Path| std::os::unix::fs::symlink("/dev/zero", path).expect("a link");
    let overlong = |path: &Path| {
        std::fs::File::create(path).and_then(|file| file.set_len(MAX_BYTES + 1)).expect("a sparse file");
    };
    to_zeros(&other);
    let steps: [(&dyn Fn(), &str); 4] = [
        (&|| to_zeros(&file), "aegis.toml: it is a device or a socket: a reload needs a file"),
        (&|| overlong(&file), "aegis.toml: cannot read the configuration: it is longer than 16 MiB"),
        (
            &|| std::fs::write(&file, &key).expect("written"),
            "other: it is a device or a socket, and must be a file",
        ),
        (
            &|| {
                std::fs::remove_file(&other).expect("removed");
                overlong(&other);
                std::fs::write(&file, &key).expect("written");
            },
            "other: it is longer than 16 MiB",
        ),
    ];
    for (failures, (prepare, says)) in (1..).zip(steps) {
        std::fs::remove_file(&file).expect("removed");
        prepare();
        it.signal("HUP");
        let count = format!("aegis_reload_failures_total {failures}\n");
        it.until(says, |it| it.get("/metrics").contains(&count) && it.log().contains(says));
    }
    std::fs::write(&file, "[auth]\nmode = \"keys\"\n").expect("written");
    it.signal("HUP");
    it.until("a file is read", |it| it.get("/metrics").contains("aegis_config_generation 2"));

    overlong(&other);
    for path in [Path::new("/dev/zero"), &other] {
        let (code, printed) = refused(&["--config", &path.display().to_string()], it.folder.path());
        assert_eq!(code, Some(2));
        let says =
            format!("error: {}: cannot read the configuration: it is longer than 16 MiB", path.display());
        assert!(printed.contains(&says), "{printed}");
    }
}
