//! The tables, in Markdown, ready for `RESULTS.md`.

use super::cases::{EVENTS, RigCase};
use super::measure::Figures;
use crate::load::stats::Spread;
use std::fmt::Write as _;

/// All rounds of one proxy in one case.
pub struct Row {
    /// As printed.
    pub name: &'static str,
    /// Whether the other rows' CPU time is given as a ratio to this one's.
    pub base: bool,
    /// One entry a round.
    pub rounds: Vec<Figures>,
}

/// One case's table. Rows without CPU figures (the backend itself) have latencies only.
pub fn table(case: &RigCase, connections: usize, rows: &[Row]) -> String {
    let mut out = format!("\n### {}: {}\n\n", case.name, case.about);
    let bases: Vec<&Row> = rows.iter().filter(|row| row.base).collect();
    let latency = if case.stream { "first byte" } else { "latency, 1 conn" };
    let _ = writeln!(
        out,
        "| | CPU us/req, {connections} conn |{} CPU us/req, 1 conn | {latency} p50 us | p99 us | req/s, \
         {connections} conn | peak RSS MiB |{}",
        bases.iter().map(|base| format!(" x {} |", base.name)).collect::<Vec<_>>().concat(),
        if case.stream { " CPU us/event |" } else { "" }
    );
    let columns = 7 + bases.len() + usize::from(case.stream);
    let _ = writeln!(out, "|---|{}", "---:|".repeat(columns - 1));
    for row in rows {
        let of = |pick: fn(&Figures) -> f64| -> Spread {
            Spread::of(&row.rounds.iter().map(pick).collect::<Vec<_>>())
        };
        let many = of(|f| f.cpu_many);
        let measured = many.median > 0.0;
        let cell = |text: String| if measured { text } else { "-".to_owned() };
        let ratio = |base: &&Row| {
            let pairs = row.rounds.iter().zip(&base.rounds);
            let each: Vec<f64> = pairs.map(|(own, base)| own.cpu_many / base.cpu_many).collect();
            let spread = Spread::of(&each);
            format!(" {} |", cell(format!("{:.2} ({:.2}-{:.2})", spread.median, spread.low, spread.high)))
        };
        let _ = write!(
            out,
            "| {} | {} |{} {} | {:.0} | {:.0} | {:.0} | {} |",
            row.name,
            cell(format!("{:.1} ({:.1}-{:.1})", many.median, many.low, many.high)),
            bases.iter().map(ratio).collect::<Vec<_>>().concat(),
            cell(format!("{:.1}", of(|f| f.cpu_one).median)),
            of(|f| f.p50).median,
            of(|f| f.p99).median,
            of(|f| f.rate).median,
            cell(format!("{:.1}", of(|f| f.peak_kib).high / 1024.0)),
        );
        if case.stream {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let per_event = many.median / EVENTS as f64;
            let _ = write!(out, " {} |", cell(format!("{per_event:.2}")));
        }
        out.push('\n');
    }
    out
}
