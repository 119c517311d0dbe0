//! `scan_jsonl scan --jsonl -`: reads lines `{"id":..,"text":..}`, writes lines `{"id":..,"findings":[..]}`.
//!
//! A stand-in for the gateway's `scan --jsonl`, to score the rules without building the gateway. The last argument may be
//! a file, and with `--min-confidence medium` findings of low confidence are left out.

use aegis_detect::{Confidence, Finding, Rules, Scanner, Window};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rules = Rules::builtin()?;
    let mut scanner = Scanner::new(rules.clone())?;
    let args: Vec<String> = std::env::args().collect();
    let floor = if args.iter().any(|arg| arg == "medium") { Confidence::Medium } else { Confidence::Low };
    let input: Box<dyn BufRead> = match args.last().filter(|arg| *arg != "-") {
        Some(path) => Box::new(BufReader::new(File::open(path)?)),
        None => Box::new(std::io::stdin().lock()),
    };
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in input.lines() {
        let row: serde_json::Value = serde_json::from_str(&line?)?;
        let text = row["text"].as_str().unwrap_or_default();
        let scan = scanner.scan(Window { text: text.as_bytes(), fresh: 0, last: true });
        let findings: Vec<_> = Finding::joined(scan.findings)
            .iter()
            .filter(|f| f.confidence >= floor)
            .map(|f| {
                let rule = rules.get(f.rule);
                serde_json::json!({"rule": rule.id, "category": rule.category.as_str(), "start": f.span.start, "end": f.span.end})
            })
            .collect();
        writeln!(out, "{}", serde_json::json!({"id": row["id"], "findings": findings}))?;
    }
    Ok(())
}
