//! A load generator for HTTP/1.1: keep-alive connections, a bounded number of requests, every reply checked.
//! It stops at the first wrong reply: a proxy that answers fast and wrong must not look good.

pub mod client;
pub mod stats;

use client::{Connection, DEADLINE, Expect, LoadFailure, Timing};
use stats::Samples;
use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One request, ready to be written, and what must come back.
#[derive(Clone, Debug)]
pub struct Shot {
    /// The request's bytes.
    pub request: Arc<Vec<u8>>,
    /// What the reply must be.
    pub expect: Expect,
}

/// A `POST` of `body` with the headers of a JSON API call.
pub fn post(path: &str, scenario: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: bench.test\r\ncontent-type: application/json\r\naccept: */*\r\n\
         authorization: Bearer bench\r\nuser-agent: aegis-bench\r\nx-mock-scenario: {scenario}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// What a run of requests came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Time from the first byte sent to the last byte received.
    pub total: Samples,
    /// Time to the first byte of the reply's body.
    pub first: Samples,
    /// Wall time of the run.
    pub elapsed: Duration,
}

/// Sends `count` requests over `connections` connections from the calling thread (needs a `LocalSet`).
pub async fn run(
    address: SocketAddr,
    shot: &Shot,
    connections: usize,
    count: usize,
) -> Result<Outcome, LoadFailure> {
    let left = Rc::new(Cell::new(count));
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        open.push(Connection::open(address).await?);
    }
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for connection in open {
        tasks.spawn_local(work(connection, shot.clone(), Rc::clone(&left)));
    }
    let mut outcome = Outcome::default();
    while let Some(done) = tasks.join_next().await {
        for timing in done.map_err(|e| LoadFailure::Broken(e.to_string()))?? {
            outcome.total.push(timing.total);
            outcome.first.push(timing.first);
        }
    }
    outcome.elapsed = start.elapsed();
    Ok(outcome)
}

async fn work(
    mut connection: Connection,
    shot: Shot,
    left: Rc<Cell<usize>>,
) -> Result<Vec<Timing>, LoadFailure> {
    let mut timings = Vec::new();
    while left.get() > 0 {
        left.set(left.get() - 1);
        let one = connection.exchange(&shot.request, &shot.expect, None);
        timings.push(tokio::time::timeout(DEADLINE, one).await.map_err(|_| LoadFailure::Late)??);
    }
    Ok(timings)
}
