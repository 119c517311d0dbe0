//! What reloads leave behind: memory that grows with each would end a gateway that is reloaded for every new key.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use aegis_tests::client::post_with;
use aegis_tests::{Gateway, Script, Upstream};
use nix::sys::signal::Signal;
use sha2::{Digest, Sha256};

/// Longest time that one reload may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// A configuration with so many keys, none of which is in that of another `generation`, but the first.
fn keys(count: u32, generation: u32) -> String {
    let mut text = String::new();
    for number in 0..count {
        let name = if number == 0 { "first".to_owned() } else { format!("{generation}-{number}") };
        let hash = Sha256::digest(&name).iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let _ = writeln!(text, "[[auth.keys]]\nid = \"{name}\"\nsha256 = \"{hash}\"");
    }
    text
}

/// Reloads a gateway with `count` keys so often. From the second one on, each takes its memory where those before have left it;
/// the allocator may keep `keep_kib` more.
fn reload(count: u32, reloads: u32, keep_kib: u64) {
    let upstream = Upstream::start(|_, _| Script::reply("application/json", b"{}"));
    let builder = Gateway::builder().all_upstreams(&upstream.url());
    let gateway = builder.config(&keys(count, 0)).start();
    let asked = post_with(
        "/v1/chat/completions",
        "application/json",
        &[("x-aegis-key", "first")],
        b"{\"messages\":[]}",
    );
    let mut resident = vec![gateway.process.resident_kib()];
    for generation in 1..=reloads {
        assert_eq!(gateway.exchange(&asked).status(), 200);
        fs::write(gateway.config_file(), keys(count, generation)).expect("a configuration");
        gateway.process.signal(Signal::SIGHUP);
        // A build for tests reads a file of ten thousand keys for some seconds.
        let begun = Instant::now();
        while gateway.metric("aegis_config_generation", "") < f64::from(generation + 1) {
            assert!(begun.elapsed() < PATIENCE, "no reload: {}", gateway.process.output());
            assert!(gateway.metric("aegis_reload_failures_total", "") < 1.0, "{}", gateway.process.output());
            std::thread::sleep(Duration::from_millis(20));
        }
        resident.push(gateway.process.resident_kib());
    }
    println!("{count} keys, KiB after the start and after each reload: {resident:?}");
    let (settled, last) = (resident[2], resident[resident.len() - 1]);
    // A quarter, or what the allocator may keep here and there.
    assert!(last < settled + (settled / 4).min(keep_kib), "KiB after each reload: {resident:?}");
}

#[test]
fn memory_does_not_grow_with_reloads() {
    reload(1_000, 6, 3 << 10);
}

#[test]
#[ignore = "needs a release build; tests/full.sh runs it"]
fn memory_does_not_grow_with_reloads_of_fifty_thousand_keys() {
    reload(50_000, 16, u64::MAX);
}
