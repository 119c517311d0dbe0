//! What the gateway's memory holds of a secret when the exchange is over: nothing that can be read, though it is
//! remembered as a hash, and sealed under the client's credential.
//!
//! The memory is read from outside, as a debugger would; only a privileged user may do that, since the gateway forbids
//! it to its own. For another user the test is skipped, and says so.

#![expect(clippy::cast_possible_truncation, reason = "the smaller of the two is a length in memory")]

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::FileExt;
use std::sync::Mutex;

use aegis_tests::client::{post_chunked, post_with};
use aegis_tests::secrets::Seeded;
use aegis_tests::{Gateway, Script, Upstream};
use serde_json::json;

/// Bytes that are read at once.
const STEP: usize = 1 << 20;

/// How often `needle` stands in the memory of process `id` that can be written to; none if it may not be read.
fn occurrences(id: u32, needle: &[u8]) -> Option<usize> {
    let memory = match File::open(format!("/proc/{id}/mem")) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return None,
        opened => opened.expect("the process runs"),
    };
    let maps = fs::read_to_string(format!("/proc/{id}/maps")).expect("its maps");
    let mut count = 0;
    for line in maps.lines() {
        let mut words = line.split_ascii_whitespace();
        let range = words.next().and_then(|range| range.split_once('-')).expect("a range of addresses");
        if !words.next().is_some_and(|rights| rights.starts_with("rw")) {
            continue;
        }
        let address = |digits| u64::from_str_radix(digits, 16).expect("an address");
        let (mut at, end) = (address(range.0), address(range.1));
        let mut bytes = vec![0; STEP + needle.len()];
        while at < end {
            let wanted = bytes.len().min((end - at) as usize);
            // Parts of a ring or of a guard cannot be read.
            let read = memory.read_at(&mut bytes[..wanted], at).unwrap_or_default();
            count += memchr::memmem::find_iter(&bytes[..read], needle)
                .filter(|found| *found < STEP || read < STEP)
                .count();
            at += STEP as u64;
        }
    }
    Some(count)
}

#[test]
fn nothing_of_a_secret_stays_in_memory() {
    // What the provider knows of the request before.
    let kept = Mutex::new(Vec::new());
    let upstream = Upstream::start(move |request, _| {
        let text = request.text();
        let mut tokens: Vec<_> =
            aegis_tests::oracle::tokens_in(&text).iter().map(|token| (*token).to_owned()).collect();
        tokens.dedup();
        let mut kept = kept.lock().expect("no panic");
        if text.contains("previous_response_id") {
            tokens.clone_from(&kept);
        } else if !tokens.is_empty() {
            kept.clone_from(&tokens);
        }
        let text = format!("{} is what you sent", tokens.join(" and "));
        let reply = json!({"choices": [{"message": {"role": "assistant", "content": text}}]});
        Script::reply("application/json", reply.to_string().as_bytes())
    });
    let gateway = Gateway::builder().all_upstreams(&upstream.url()).shards(1).start();
    let mut seeded = Seeded::new(77);
    let marker = "a text without any secret in it, for comparison 4711";
    let body = |secret: &str, password: &str, filler: usize| {
        let words = "words ".repeat(filler);
        let text =
            format!("{{\"a\\n\": {filler}}} my key is {secret}, DB_PASSWORD={password} {words} {password}");
        json!({"messages": [{"role": "user", "content": text}]}).to_string().into_bytes()
    };
    let credentials = [("authorization", "Bearer sk-proj-4fK9xQ2mZp7vLw8R7hT3nB6c")];
    let mut connection = gateway.connect();
    for (filler, chunked) in
        [(1, false), (3_000, false), (20_000, false), (3_000, true), (200_000, true), (900_000, false)]
    {
        let (secret, password) = (seeded.github(), seeded.password());
        let body = body(&secret, &password, filler);
        let request = if chunked {
            post_chunked("/v1/chat/completions", "application/json", &credentials, &body, 1_000)
        } else {
            post_with("/v1/chat/completions", "application/json", &credentials, &body)
        };
        let said = format!("{secret} and {password} is what you sent");
        let reply = connection.exchange(&request);
        assert!(reply.text().contains(&said), "{}", reply.text());
        // Both are kept sealed, and are opened for the reply to a request that holds neither.
        let on = br#"{"previous_response_id":"r","input":"which?"}"#;
        let on = post_with("/v1/responses", "application/json", &credentials, on);
        let reply = connection.exchange(&on);
        assert!(reply.text().contains(&said), "{}", reply.text());
        // The next request on the same connection begins when the one before has ended.
        let next = post_with(
            "/v1/chat/completions",
            "application/json",
            &credentials,
            format!("{{\"a\":\"{marker}\"}}").as_bytes(),
        );
        let _ = connection.exchange(&next);
        let Some(found) = occurrences(gateway.process.id(), secret.as_bytes()) else {
            assert!(!nix::unistd::Uid::effective().is_root(), "root may not read the memory of the gateway");
            // Past what captures a test's output: who reads the result must see that this was not tried.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED nothing_of_a_secret_stays_in_memory: only root may read the memory of the gateway"
            );
            return;
        };
        assert_eq!(found, 0, "{filler} {chunked}");
        // It is remembered, as a keyed hash and sealed.
        assert_eq!(occurrences(gateway.process.id(), password.as_bytes()), Some(0), "{filler} {chunked}");
    }
    let kept = occurrences(gateway.process.id(), marker.as_bytes());
    assert!(kept.is_some_and(|count| count > 0), "the search finds what is there");
}
