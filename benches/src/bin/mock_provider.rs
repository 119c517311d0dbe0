//! `mock-provider`: stands in for the AI providers in tests and benchmarks.
#![forbid(unsafe_code)]

use aegis_bench::mock::{fast, quirk, record, scenario, server, tls};
use clap::Parser;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

/// Stands in for OpenAI, Anthropic and Gemini: replies as they do, records every byte it receives
/// (`GET`/`DELETE /__mock/records[?id=X-MOCK-ID]`), and misbehaves on request.
#[derive(Parser)]
#[command(version, after_help = scenario::HELP)]
struct Args {
    /// Address to listen on; port 0 picks a free one. The first line printed is `listening on ADDR`.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Serve TLS with this certificate chain (PEM).
    #[arg(long, requires = "tls_key", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM).
    #[arg(long, requires = "tls_cert", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Serve TLS with a fresh certificate; ca.pem, cert.pem and key.pem are written to DIR.
    #[arg(long, conflicts_with = "tls_cert", value_name = "DIR")]
    tls_self_signed: Option<PathBuf>,
    /// Also write each request's bytes to DIR/SEQ.head and DIR/SEQ.body.
    #[arg(long, value_name = "DIR")]
    record: Option<PathBuf>,
    /// Memory for records in MiB; beyond it the oldest are forgotten.
    #[arg(long, default_value_t = record::DEFAULT_LIMIT >> 20, value_name = "MIB")]
    record_limit: usize,
    /// Scenario for requests that bring none, and the base of those that do.
    #[arg(long, default_value = "", value_name = "LIST")]
    scenario: String,
    /// Backend of the load rig: prepared replies, no records, plain HTTP.
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_self_signed", "record"])]
    fast: bool,
    /// Worker threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Stop when standard input is closed.
    #[arg(long)]
    exit_with_parent: bool,
    /// List the malformed replies that `quirk=NAME` gives, and stop.
    #[arg(long)]
    quirks: bool,
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    if args.quirks {
        for (name, meaning) in quirk::LIST {
            println!("{name:14} {meaning}");
        }
        return Ok(());
    }
    let mut builder = if args.threads > 1 {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(args.threads);
        builder
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = builder.enable_all().build()?;
    let result = runtime.block_on(run(args));
    runtime.shutdown_background(); // a blocked read of standard input must not keep the process
    result
}

async fn run(args: Args) -> io::Result<()> {
    let mut defaults = scenario::Scenario::default();
    defaults.apply(&args.scenario).map_err(io::Error::other)?;
    let acceptor = match (&args.tls_self_signed, &args.tls_cert, &args.tls_key) {
        (Some(folder), ..) => {
            tls::make(folder)?;
            Some(tls::acceptor(&folder.join("cert.pem"), &folder.join("key.pem"))?)
        }
        (None, Some(cert), Some(key)) => Some(tls::acceptor(cert, key)?),
        _ => None,
    };
    if let Some(folder) = &args.record {
        std::fs::create_dir_all(folder)?;
    }
    let listener = TcpListener::bind(args.listen).await?;
    let address = listener.local_addr()?;
    writeln!(io::stdout(), "listening on {address}")?;
    io::stdout().flush()?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let serving = async {
        if args.fast {
            fast::serve(listener).await;
        } else {
            let recorder = record::Recorder::new(args.record_limit << 20, args.record);
            server::serve(listener, Arc::new(server::Mock { recorder, defaults, tls: acceptor })).await;
        }
    };
    tokio::select! {
        () = serving => {}
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
        () = parent_gone(), if args.exit_with_parent => {}
    }
    Ok(())
}

/// Returns when standard input is closed.
async fn parent_gone() {
    let mut stdin = tokio::io::stdin();
    let mut buf = [0; 256];
    while matches!(stdin.read(&mut buf).await, Ok(1..)) {}
}
