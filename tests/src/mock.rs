//! The mock provider as a process of its own, and what it recorded.

#![expect(clippy::cast_possible_truncation, reason = "the lowest eight bits are what is wanted")]

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::client::{Client, get};
use crate::process::{Process, binary};

/// A running mock provider.
#[derive(Debug)]
pub struct Mock {
    /// Where it listens.
    pub address: SocketAddr,
    /// The program itself.
    pub process: Process,
    _dir: TempDir,
}

/// One request as the mock received it.
#[derive(Debug, Clone)]
pub struct Record {
    /// Request target as written.
    pub target: String,
    /// The head's bytes.
    pub head: Vec<u8>,
    /// The body without chunk framing and content coding.
    pub payload: Vec<u8>,
    /// Whether the body's end was seen.
    pub complete: bool,
    /// What became of the reply: `pending`, `sent`, `broken` or `cut`.
    pub reply_state: String,
}

impl Mock {
    /// Starts it on plain HTTP.
    pub fn start() -> Mock {
        Mock::launch(&[])
    }

    /// Starts it on TLS with this certificate.
    pub fn start_tls(certificate: &Path, key: &Path) -> Mock {
        let [certificate, key] = [certificate, key].map(|path| path.to_string_lossy().into_owned());
        Mock::launch(&["--tls-cert", &certificate, "--tls-key", &key])
    }

    fn launch(arguments: &[&str]) -> Mock {
        let dir = tempfile::Builder::new().prefix("aegis-mock-").tempdir().expect("a temporary folder");
        let mut command = Command::new(binary("mock-provider"));
        command.args(["--listen", "127.0.0.1:0"]).args(arguments);
        let mut process = Process::start(command, &dir.path().join("output.log"));
        let address = process.wait_until(|output| {
            let line = output.lines().next().filter(|_| output.contains('\n'))?;
            line.strip_prefix("listening on ")?.trim().parse().ok()
        });
        Mock { address, process, _dir: dir }
    }

    /// `http://` and the address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests that carried `x-mock-id: id`, or all. Only for a mock on plain HTTP.
    pub fn records(&self, id: Option<&str>) -> Vec<Record> {
        let query = id.map(|id| format!("?id={id}")).unwrap_or_default();
        let page = Client::connect(self.address).exchange(&get(&format!("/__mock/records{query}"))).json();
        let list = page["records"].as_array().expect("a list of records").iter();
        list.map(|record| {
            let text = |key: &str| record[key].as_str().unwrap_or_default().to_owned();
            Record {
                target: text("target"),
                head: from_base64(&text("head")),
                payload: from_base64(&text("payload")),
                complete: record["complete"] == Value::Bool(true),
                reply_state: text("reply_state"),
            }
        })
        .collect()
    }
}

fn from_base64(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_comes_back() {
        for text in ["", "a", "ab", "abc", "abcd\u{ff}"] {
            let padded = crate::oracle::base64(&[text.as_bytes(), &[0, 0]].concat());
            assert!(from_base64(&padded).starts_with(&text.as_bytes()[..text.len() / 3 * 3]), "{text}");
        }
        assert_eq!(from_base64("aGVsbG8="), b"hello");
    }
}
