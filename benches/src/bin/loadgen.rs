//! `loadgen`: the rig's load generator by hand, against any one address.
#![forbid(unsafe_code)]

use aegis_bench::load::client::{Connection, Expect, LoadFailure};
use aegis_bench::load::{Shot, post, run};
use aegis_bench::{corpus, rig::process::pin};
use clap::Parser;
use std::net::SocketAddr;
use std::sync::Arc;

/// Sends a bounded number of chat requests over keep-alive connections, checks every reply's status and
/// length against the first one's, and prints rate and latencies.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address of the proxy or backend.
    address: SocketAddr,
    /// API path.
    #[arg(long, default_value = "/v1/chat/completions")]
    path: String,
    /// Scenario for the mock (see `mock-provider --help`).
    #[arg(long, default_value = "reply=Done.")]
    scenario: String,
    /// Bytes of the request body.
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// Put made-up secrets into the request.
    #[arg(long)]
    secrets: bool,
    /// Ask for a stream.
    #[arg(long)]
    stream: bool,
    /// Connections.
    #[arg(short, long, default_value_t = 1)]
    connections: usize,
    /// Requests in all.
    #[arg(short = 'n', long, default_value_t = 1000)]
    requests: usize,
    /// Pin to this CPU.
    #[arg(long)]
    cpu: Option<usize>,
}

fn main() {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime.map_err(LoadFailure::from).and_then(|runtime| {
        args.cpu.map_or(Ok(()), pin)?;
        let local = tokio::task::LocalSet::new();
        runtime.block_on(local.run_until(load(&args)))
    });
    if let Err(e) = result {
        eprintln!("loadgen: {e}");
        std::process::exit(1);
    }
}

async fn load(args: &Args) -> Result<(), LoadFailure> {
    let body = corpus::chat(args.size, args.stream, args.secrets, 1);
    let request = Arc::new(post(&args.path, &args.scenario, &body));
    let mut reply = Vec::new();
    Connection::open(args.address).await?.exchange(&request, &Expect::default(), Some(&mut reply)).await?;
    let shot = Shot { request, expect: Expect { length: Some(reply.len()) } };
    let mut outcome = run(args.address, &shot, args.connections.max(1), args.requests).await?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let rate = outcome.total.len() as f64 / outcome.elapsed.as_secs_f64();
    println!("{} requests of {} bytes, replies of {} bytes", outcome.total.len(), body.len(), reply.len());
    println!("{rate:.0} requests/s");
    for (name, samples) in [("total", &mut outcome.total), ("first byte", &mut outcome.first)] {
        let [p50, p90, p99, max] = [50.0, 90.0, 99.0, 100.0].map(|p| samples.percentile(p));
        println!("{name:10} p50 {p50:.0} us, p90 {p90:.0} us, p99 {p99:.0} us, max {max:.0} us");
    }
    Ok(())
}
