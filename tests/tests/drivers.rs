//! Both drivers do the same; the one that was asked for is the one that runs.

#![expect(clippy::cast_possible_truncation, reason = "a small number")]

use std::collections::BTreeMap;
use std::process::Command;

use aegis_tests::client::post_with;
use aegis_tests::process::{binary, free_address};
use aegis_tests::secrets::Seeded;
use aegis_tests::{Gateway, Mock, sse};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

fn round_trips(driver: &'static str) -> Gateway {
    let mock = Mock::start();
    let gateway = Gateway::builder().all_upstreams(&mock.url()).driver(driver).shards(2).start();
    for number in 0..40 {
        let secret = Seeded::new(number).github();
        let prompt = format!("use {secret} {}", "and more ".repeat(number as usize * 500));
        let body = serde_json::json!({"stream": true, "messages": [{"role": "user", "content": prompt}]});
        let scenario = [("x-mock-scenario", "chunk=3,segment=11,reply_tokens=1")];
        let request =
            post_with("/v1/chat/completions", "application/json", &scenario, body.to_string().as_bytes());
        let reply = gateway.exchange(&request);
        assert_eq!(
            sse::joined(&reply.body, "/choices/0/delta/content"),
            secret,
            "{driver}, request {number}"
        );
    }
    gateway
}

/// The driver that the metrics name.
fn driver_of(gateway: &Gateway) -> &'static str {
    let page = gateway.metrics();
    let mut used = page.lines().filter(|line| line.contains("driver=") && !line.ends_with(" 0"));
    let line = used.next().unwrap_or_else(|| panic!("no driver in the metrics:\n{page}"));
    if line.contains("io_uring") { "io_uring" } else { "epoll" }
}

#[test]
fn epoll_when_asked_for() {
    assert_eq!(driver_of(&round_trips("epoll")), "epoll");
}

/// Where a sandbox forbids `io_uring`, the gateway must refuse to start instead of running on something else.
#[test]
fn io_uring_when_asked_for_or_a_clear_refusal() {
    let automatic = round_trips("auto");
    if driver_of(&automatic) == "io_uring" {
        assert_eq!(driver_of(&round_trips("io_uring")), "io_uring");
        return;
    }
    assert_io_uring_is_refused();
}

fn assert_io_uring_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let output = Command::new(binary("aegis-gateway"))
        .args(["run", "--driver", "io_uring", "--listen", &free_address().to_string()])
        .args(["--admin", &free_address().to_string(), "--state"])
        .arg(dir.path())
        .output()
        .expect("the gateway runs");
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("io_uring"), "{said}");
}

/// Some sandboxes let rings be made, and forbid to use them.
#[test]
fn a_ring_that_can_be_made_and_not_entered_is_not_chosen() {
    let sandboxed = std::thread::spawn(|| {
        forbid_entering_rings();
        assert_eq!(driver_of(&round_trips("auto")), "epoll");
        assert_io_uring_is_refused();
    });
    sandboxed.join().expect("no panic");
}

/// Has the system call fail for this thread and all that it starts.
fn forbid_entering_rings() {
    let rules = BTreeMap::from([(nix::libc::SYS_io_uring_enter, Vec::new())]);
    let forbidden = SeccompAction::Errno(nix::libc::EPERM.cast_unsigned());
    let arch = std::env::consts::ARCH.try_into().expect("a known processor");
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, forbidden, arch).expect("a filter");
    let program: BpfProgram = filter.try_into().expect("a program");
    seccompiler::apply_filter(&program).expect("a filter may be set");
}
