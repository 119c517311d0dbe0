//! Visitors: asynchronous clients, each with a secret of its own.

use std::net::SocketAddr;
use std::time::Duration;

use aegis_tests::client::post_with;
use aegis_tests::secrets::Seeded;
use aegis_tests::{Message, sse};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// No visitor stays longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// One client with one streaming request.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) number: usize,
    pub(crate) secret: String,
    scenario: String,
    leaves_after: Option<usize>,
}

/// What a visitor got.
#[derive(Debug)]
pub(crate) struct Outcome {
    reply: Option<Message>,
}

impl Visitor {
    pub(crate) fn new(number: usize, scenario: &str) -> Visitor {
        let secret = Seeded::new(1_000_000 + number as u64).github();
        Visitor { number, secret, scenario: scenario.to_owned(), leaves_after: None }
    }

    /// Breaks off after so many bytes.
    pub(crate) fn leaving_after(mut self, bytes: usize) -> Visitor {
        self.leaves_after = Some(bytes);
        self
    }

    pub(crate) fn prompt(&self) -> String {
        format!("visitor {} brings {} and takes {} home", self.number, self.secret, self.secret)
    }

    pub(crate) fn request(&self) -> Vec<u8> {
        let body = serde_json::json!({
            "model": "m", "stream": true, "messages": [{"role": "user", "content": self.prompt()}]
        });
        let fields = [("x-mock-scenario", self.scenario.as_str()), ("connection", "close")];
        post_with("/v1/chat/completions", "application/json", &fields, body.to_string().as_bytes())
    }

    async fn visit(self, address: SocketAddr) -> Outcome {
        let got = tokio::time::timeout(PATIENCE, self.talk(address)).await.unwrap_or_default();
        Outcome { reply: Message::read_reply(&mut got.as_slice(), false).ok() }
    }

    async fn talk(&self, address: SocketAddr) -> Vec<u8> {
        let mut got = Vec::new();
        let Ok(mut stream) = TcpStream::connect(address).await else { return got };
        if stream.write_all(&self.request()).await.is_err() {
            return got;
        }
        let limit = self.leaves_after.unwrap_or(usize::MAX);
        while got.len() < limit {
            match stream.read_buf(&mut got).await {
                Ok(count) if count > 0 => {}
                _ => break,
            }
        }
        got
    }
}

impl Outcome {
    /// The text of the stream.
    pub(crate) fn said(&self) -> String {
        let body = self.reply.as_ref().map(|reply| reply.body.as_slice()).unwrap_or_default();
        sse::joined(body, "/choices/0/delta/content")
    }

    /// Whether the reply reached its end, in HTTP and in the provider's terms.
    pub(crate) fn is_whole(&self) -> bool {
        self.reply.as_ref().is_some_and(|reply| reply.complete && reply.text().contains("data: [DONE]"))
    }
}

/// Lets all visitors in at once and waits for the last.
pub(crate) async fn run_all(address: SocketAddr, crowd: Vec<Visitor>) -> Vec<Outcome> {
    let visits: Vec<_> = crowd.into_iter().map(|visitor| tokio::spawn(visitor.visit(address))).collect();
    let mut outcomes = Vec::with_capacity(visits.len());
    for visit in visits {
        outcomes.push(visit.await.expect("a visit does not panic"));
    }
    outcomes
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// A thousand streams take four descriptors each; the programs started here inherit the limit.
pub(crate) fn raise_descriptor_limit() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit of descriptors");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("the limit can be raised to its maximum");
}
