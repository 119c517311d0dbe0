//! `rig`: the gateway beside nginx and `HAProxy` on one core, before one backend.
#![forbid(unsafe_code)]

use aegis_bench::load::stats::Spread;
use aegis_bench::rig::cases::{self, RigCase};
use aegis_bench::rig::measure::{Figures, Load, Target, measure};
use aegis_bench::rig::memory::{self, InFlight};
use aegis_bench::rig::process::{Running, cpus, pin};
use aegis_bench::rig::proxies::{Proxy, RigPaths, check};
use aegis_bench::rig::report::{Row, table};
use clap::Parser;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// Runs gateway, nginx and `HAProxy` one after the other on one CPU, with backend and load generator on
/// another, in rounds, and prints CPU time per request, latency, rate and memory, and the ratios to nginx.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Rounds; the tables give the median and the spread over them.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Connections of the many-connection runs.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// One short round: shows whether everything runs, not how fast.
    #[arg(long)]
    quick: bool,
    /// Only these cases (see --list).
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// Only these proxies: nginx, nginx-memory, nginx-stream, haproxy, aegis, aegis-quiet.
    #[arg(long = "proxy", value_name = "NAME")]
    proxies: Vec<String>,
    /// The gateway's program [default: beside this one].
    #[arg(long, value_name = "FILE")]
    gateway: Option<PathBuf>,
    /// Further arguments for the gateway, for example --gateway-arg=--driver --gateway-arg=epoll.
    #[arg(long = "gateway-arg", value_name = "ARG", allow_hyphen_values = true)]
    extra: Vec<String>,
    /// CPU of the proxies [default: the first allowed one].
    #[arg(long)]
    proxy_cpu: Option<usize>,
    /// CPU of backend and load generator [default: the second allowed one].
    #[arg(long)]
    load_cpu: Option<usize>,
    /// Record the gateway with perf while it is measured: DIR/PROXY-CASE.data.
    #[arg(long, value_name = "DIR")]
    perf: Option<PathBuf>,
    /// Measure memory per request in flight instead, of 1 KB and of 1 MB.
    #[arg(long)]
    memory: bool,
    /// List the cases and stop.
    #[arg(long)]
    list: bool,
}

fn main() {
    let args = Args::parse();
    if args.list {
        for case in cases::all() {
            println!("{:12} {}", case.name, case.about);
        }
    } else if let Err(e) = run(&args) {
        eprintln!("rig: {e}");
        std::process::exit(1);
    }
}

/// What a run is made of once the arguments are understood.
struct Plan {
    proxies: Vec<Proxy>,
    cases: Vec<RigCase>,
    rounds: usize,
    connections: usize,
    share: usize,
}

fn plan(args: &Args) -> io::Result<Plan> {
    let mut proxies = Vec::new();
    for name in &args.proxies {
        let known = Proxy::ALL.into_iter().find(|p| p.name() == name);
        proxies.push(known.ok_or_else(|| io::Error::other(format!("no proxy is called {name}")))?);
    }
    if proxies.is_empty() {
        proxies = Proxy::ALL.to_vec();
    }
    let mut cases = cases::all();
    if let Some(wrong) = args.cases.iter().find(|name| !cases.iter().any(|c| c.name == **name)) {
        return Err(io::Error::other(format!("no case is called {wrong}; --list names them")));
    }
    cases.retain(|c| args.cases.is_empty() || args.cases.iter().any(|name| name == c.name));
    let (rounds, connections, share) =
        if args.quick { (1, 8, 120) } else { (args.rounds.max(1), args.connections.max(1), 1) };
    Ok(Plan { proxies, cases, rounds, connections, share })
}

fn run(args: &Args) -> io::Result<()> {
    let plan = plan(args)?;
    let here = std::env::current_exe()?;
    let beside = |name: &str| here.with_file_name(name);
    let gateway = args.gateway.clone().unwrap_or_else(|| beside("aegis-gateway"));
    check(&plan.proxies, &gateway)?;
    let allowed = cpus()?;
    let cpu = args.proxy_cpu.or(allowed.first().copied()).unwrap_or(0);
    let home = args.load_cpu.or(allowed.get(1).copied()).unwrap_or(cpu);
    if cpu == home {
        eprintln!("rig: one CPU for everything: latencies and rates mean little, CPU times still do");
    }
    pin(home)?;
    let folder = Folder::make()?;
    let mut mock = Command::new(beside("mock-provider"));
    mock.args(["--fast", "--exit-with-parent"]);
    let backend = Running::start_announced(mock, home, home)?;
    let place = RigPaths {
        gateway,
        gateway_args: &args.extra,
        folder: &folder.0,
        backend: backend.address,
        cpu,
        home,
    };
    let mut running = Vec::new();
    for proxy in &plan.proxies {
        running.push(place.start(*proxy)?);
    }
    println!(
        "{} rounds, {} connections, proxies on CPU {cpu}, backend and load on CPU {home}",
        plan.rounds, plan.connections
    );
    for (proxy, process) in plan.proxies.iter().zip(&running) {
        println!("{}: {} KiB resident when idle", proxy.name(), process.resident_kib()?);
    }
    if args.memory {
        return in_flight(&plan, &running);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let local = tokio::task::LocalSet::new();
    let started = Started { proxies: &running, backend: &backend, perf: args.perf.as_deref() };
    runtime.block_on(local.run_until(rounds(&plan, started)))
}

/// The table of memory per request in flight. Each size is measured in turn with all proxies.
fn in_flight(plan: &Plan, running: &[Running]) -> io::Result<()> {
    println!(
        "\n| {} requests at once | KiB each while they come | while the reply comes |\n|---|---:|---:|",
        plan.connections
    );
    for (about, size, secrets) in
        [("1 KB", 1 << 10, false), ("1 MB", 1 << 20, false), ("1 MB, 3 secrets", 1 << 20, true)]
    {
        for (proxy, process) in plan.proxies.iter().zip(running) {
            let rounds: io::Result<Vec<InFlight>> =
                (0..plan.rounds).map(|_| memory::measure(process, size, secrets, plan.connections)).collect();
            let rounds = rounds?;
            let cell = |pick: fn(&InFlight) -> f64| {
                let spread = Spread::of(&rounds.iter().map(pick).collect::<Vec<_>>());
                format!("{:.0} ({:.0}-{:.0})", spread.median, spread.low, spread.high)
            };
            println!("| {about}, {} | {} | {} |", proxy.name(), cell(|m| m.arriving), cell(|m| m.replying));
        }
    }
    Ok(())
}

/// The processes of a run.
#[derive(Clone, Copy)]
struct Started<'p> {
    /// In the order of the plan.
    proxies: &'p [Running],
    backend: &'p Running,
    /// The folder for recordings of `perf`, if some are wanted.
    perf: Option<&'p std::path::Path>,
}

/// Case by case; within a case, round by round; within a round, every proxy once, the order rotating.
async fn rounds(plan: &Plan, started: Started<'_>) -> io::Result<()> {
    for case in &plan.cases {
        let mut rows: Vec<Row> = plan
            .proxies
            .iter()
            .map(|p| Row { name: p.name(), base: p.is_base(), rounds: Vec::new() })
            .collect();
        rows.push(Row { name: "no proxy", base: false, rounds: Vec::new() });
        for round in 0..plan.rounds {
            for turn in 0..rows.len() {
                let index = (round + turn) % rows.len();
                let figures = one(plan, case, started, index).await;
                let row = &mut rows[index];
                let said = |e| io::Error::other(format!("{} in case {}: {e}", row.name, case.name));
                row.rounds.push(figures.map_err(said)?);
            }
        }
        print!("{}", table(case, plan.connections, &rows));
    }
    Ok(())
}

async fn one(
    plan: &Plan,
    case: &RigCase,
    started: Started<'_>,
    index: usize,
) -> Result<Figures, aegis_bench::load::client::LoadFailure> {
    let load = Load { connections: plan.connections, share: plan.share };
    let Some(process) = started.proxies.get(index) else {
        let backend = Target { process: None, address: started.backend.address, is_restoring: false };
        return measure(backend, case, load).await;
    };
    let is_restoring = plan.proxies[index].is_restoring();
    let _recorder = started
        .perf
        .filter(|_| is_restoring)
        .map(|folder| PerfRecorder::start(process, folder, plan.proxies[index].name(), case.name));
    let target = Target { process: Some(process), address: process.address, is_restoring };
    measure(target, case, load).await
}

/// `perf record` on a process, ended when dropped.
struct PerfRecorder(Option<Child>);

impl PerfRecorder {
    fn start(process: &Running, folder: &std::path::Path, proxy: &str, case: &str) -> Self {
        let _ = std::fs::create_dir_all(folder);
        let child = Command::new("perf")
            .args(["record", "-q", "-F", "997", "-g", "-p", &process.pid().to_string(), "-o"])
            .arg(folder.join(format!("{proxy}-{case}.data")))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        if let Err(e) = &child {
            eprintln!("rig: perf: {e} (apt-get install linux-perf)");
        }
        Self(child.ok())
    }
}

impl Drop for PerfRecorder {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT);
            let _ = child.wait();
        }
    }
}

/// A temporary folder, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn make() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("aegis-rig-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
