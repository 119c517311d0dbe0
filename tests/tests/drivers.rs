//! Both drivers do the same; the one that was asked for is the one that runs.

#![expect(clippy::cast_possible_truncation, reason = "a small number")]

use std::process::Command;

use aegis_tests::client::post_with;
use aegis_tests::process::{binary, free_address};
use aegis_tests::secrets::Seeded;
use aegis_tests::{Gateway, Mock, sse};

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
