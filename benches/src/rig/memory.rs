//! What a proxy's memory holds for each request in flight: while the request comes, and while its reply does.

use super::process::Running;
use crate::corpus;
use crate::load::post;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The reply's second event comes so late that memory can be read before.
const REPLY: &str = "reply=Done.,events=2,delay_ms=4000";
/// How long a proxy has to take what was sent, and to pass it on.
const SETTLED: Duration = Duration::from_millis(1500);

/// Resident memory over that of the idle proxy, divided by the requests, in KiB.
#[derive(Clone, Copy, Debug)]
pub struct InFlight {
    /// All of the request but its last byte has come.
    pub arriving: f64,
    /// The request was sent on, and the first event of its reply has come back.
    pub replying: f64,
}

/// Sends `count` requests of `size` bytes at once, each over a connection of its own, and reads memory twice.
pub fn measure(process: &Running, size: usize, secrets: bool, count: usize) -> io::Result<InFlight> {
    let request = post("/v1/messages", REPLY, &corpus::chat(size, true, secrets, 1));
    let (last, most) = request.split_last().ok_or(io::ErrorKind::InvalidInput)?;
    let idle = process.resident_kib()?;
    let more = |now: u64| per_request(now.saturating_sub(idle), count);
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let mut connection = TcpStream::connect(process.address)?;
        connection.write_all(most)?;
        connections.push(connection);
    }
    std::thread::sleep(SETTLED);
    let arriving = more(process.resident_kib()?);
    for connection in &mut connections {
        connection.write_all(&[*last])?;
    }
    std::thread::sleep(SETTLED);
    let replying = more(process.resident_kib()?);
    for connection in &mut connections {
        // A wrong reply must not pass for a small one.
        let mut start = [0; 12];
        connection.read_exact(&mut start)?;
        if start != *b"HTTP/1.1 200" {
            return Err(io::Error::other(String::from_utf8_lossy(&start).into_owned()));
        }
    }
    Ok(InFlight { arriving, replying })
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn per_request(kib: u64, count: usize) -> f64 {
    kib as f64 / count as f64
}
