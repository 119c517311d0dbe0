//! One case against one proxy: a reply looked at closely, then many counted.

use super::cases::RigCase;
use super::process::Running;
use crate::corpus::SECRETS;
use crate::load::client::{Connection, Expect, LoadFailure};
use crate::load::{self, Shot};
use crate::mock::fast::STAND_IN;
use memchr::memmem;
use std::net::SocketAddr;
use std::sync::Arc;

/// What one round gave for one case and proxy. Times in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// CPU time of the proxy per request, over many connections.
    pub cpu_many: f64,
    /// The same over one connection.
    pub cpu_one: f64,
    /// Latency over one connection; for streams, to the first body byte over many connections.
    pub p50: f64,
    /// See `p50`.
    pub p99: f64,
    /// Requests per second over many connections.
    pub rate: f64,
    /// Peak resident memory during the run over many connections, KiB.
    pub peak_kib: f64,
}

/// Looks at one reply: its status, and that tokens were restored (or, behind a plain proxy, were none).
/// Gives what later replies must be.
async fn look(
    address: SocketAddr,
    case: &RigCase,
    request: &[u8],
    restores: bool,
) -> Result<Expect, LoadFailure> {
    let mut body = Vec::new();
    let mut connection = Connection::open(address).await?;
    connection.exchange(request, &Expect::default(), Some(&mut body)).await?;
    let has = |text: &str| memmem::find(&body, text.as_bytes()).is_some();
    if case.restored && restores && (has("AEGIS-") || !SECRETS.iter().any(|s| has(s))) {
        return Err(LoadFailure::Broken(format!("tokens not restored: {}", start_of(&body))));
    }
    if case.restored && !restores && !has(STAND_IN) {
        return Err(LoadFailure::Broken(format!("not the expected reply: {}", start_of(&body))));
    }
    Ok(Expect { length: Some(body.len()) })
}

fn start_of(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned()
}

/// Requests of one run, scaled down for a quick look.
fn scaled(count: usize, share: usize) -> usize {
    (count / share).max(2)
}

/// What is measured: a proxy or the backend itself.
#[derive(Clone, Copy)]
pub struct Target<'p> {
    /// The proxy's process; none for the backend.
    pub process: Option<&'p Running>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Whether it restores tokens in replies.
    pub is_restoring: bool,
}

/// How much load a measurement makes.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Connections at once.
    pub connections: usize,
    /// Divides the counts of requests.
    pub share: usize,
}

/// Measures one proxy, or the backend itself, in one case.
pub async fn measure(target: Target<'_>, case: &RigCase, load: Load) -> Result<Figures, LoadFailure> {
    let (Target { process, address, is_restoring }, Load { connections, share }) = (target, load);
    let request = Arc::new(case.request());
    let expect = look(address, case, &request, is_restoring).await?;
    let shot = Shot { request, expect };
    let many = scaled(case.many, share);
    let one = scaled(case.one, share);
    load::run(address, &shot, connections, scaled(many, 20)).await?;
    let cpu = || process.map_or(Ok(0), Running::cpu_ns);
    let mut figures = Figures::default();
    if let Some(process) = process {
        let _ = process.reset_peak(); // not permitted everywhere; the peak is then that of the whole run
    }
    let before = cpu()?;
    let mut outcome = load::run(address, &shot, connections, many).await?;
    figures.cpu_many = per_request(cpu()? - before, many);
    figures.rate = rate(many, outcome.elapsed.as_secs_f64());
    if case.stream {
        (figures.p50, figures.p99) = (outcome.first.percentile(50.0), outcome.first.percentile(99.0));
    }
    if let Some(process) = process {
        figures.peak_kib = kib(process.peak_kib()?);
    }
    let before = cpu()?;
    let mut outcome = load::run(address, &shot, 1, one).await?;
    figures.cpu_one = per_request(cpu()? - before, one);
    if !case.stream {
        (figures.p50, figures.p99) = (outcome.total.percentile(50.0), outcome.total.percentile(99.0));
    }
    Ok(figures)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn per_request(nanos: u64, count: usize) -> f64 {
    nanos as f64 / 1e3 / count as f64
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn rate(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds.max(1e-9)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn kib(value: u64) -> f64 {
    value as f64
}
