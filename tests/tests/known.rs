//! Secrets that an organisation handed over: no shape, no name beside them, and yet none reaches the provider.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use aegis_tests::client::post;
use aegis_tests::process::binary;
use aegis_tests::{Gateway, Mock};
use nix::sys::signal::Signal;

/// Made up; nothing about it says what it is.
const PASSWORD: &str = "Kamin und Regen, 7";
const LATER: &str = "wintergruen/Ost-4";

/// Puts a value on the list, as an administrator would.
fn add(list: &Path, state: &Path, value: &str) {
    let mut child = Command::new(binary("aegis-gateway"))
        .args(["known", "add", "--file"])
        .arg(list)
        .arg("--state")
        .arg(state)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(value.as_bytes()).expect("it reads");
    assert!(child.wait().expect("it ends").success());
}

fn body(text: &str) -> Vec<u8> {
    serde_json::json!({"model": "m", "messages": [{"role": "user", "content": text}]})
        .to_string()
        .into_bytes()
}

#[test]
fn a_known_password_is_replaced_and_restored_and_the_list_is_reloaded() {
    let folder = tempfile::tempdir().expect("a folder");
    let (list, state) = (folder.path().join("known.list"), folder.path().join("state"));
    add(&list, &state, PASSWORD);
    let mock = Mock::start();
    let config = format!("[known_values]\nfile = \"{}\"\n", list.display());
    let gateway = Gateway::builder().all_upstreams(&mock.url()).state(&state).config(&config).start();
    let exchange = |text: &str| {
        let reply = gateway.exchange(&post("/v1/chat/completions", "application/json", &body(text)));
        assert_eq!(reply.status(), 200, "{}", reply.text());
        let sent = mock
            .records(None)
            .last()
            .map(|r| String::from_utf8_lossy(&r.payload).into_owned())
            .expect("a request");
        (sent, reply.text())
    };

    let (sent, reply) = exchange(&format!("open the door with x={PASSWORD}; please repeat, not {LATER}"));
    assert!(!sent.contains(PASSWORD) && sent.contains("x=AEGIS-SECRET-"), "{sent}");
    assert!(sent.contains(LATER), "only listed values are known");
    assert!(reply.contains(PASSWORD) && !reply.contains("AEGIS-SECRET-"), "{reply}");

    add(&list, &state, LATER);
    gateway.process.signal(Signal::SIGHUP);
    let mut gone = false;
    for _ in 0..100 {
        let (sent, reply) = exchange(&format!("and now {LATER}?"));
        assert!(reply.contains(LATER), "{reply}");
        gone = !sent.contains(LATER);
        if gone {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(gone, "the new list is not used");

    for (path, text) in gateway.everything_written() {
        assert!(memchr::memmem::find(&text, PASSWORD.as_bytes()).is_none(), "{} holds it", path.display());
    }
    let text = fs::read_to_string(&list).expect("UTF-8");
    assert!(!text.contains("Kamin") && !text.contains("wintergruen"));
}
