//! `scan_jsonl scan --jsonl -`: reads lines `{"id":..,"text":..}`, writes lines `{"id":..,"findings":[..]}`.
//!
//! A stand-in for the gateway's `scan --jsonl`, to score the rules without building the gateway.

use aegis_detect::{Finding, Rules, Scanner, Window};
use std::io::{BufRead, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rules = Rules::builtin()?;
    let mut scanner = Scanner::new(rules.clone())?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let row: serde_json::Value = serde_json::from_str(&line?)?;
        let text = row["text"].as_str().unwrap_or_default();
        let scan = scanner.scan(Window { text: text.as_bytes(), fresh: 0, last: true });
        let findings: Vec<_> = Finding::joined(scan.findings)
            .iter()
            .map(|f| {
                let rule = rules.get(f.rule);
                serde_json::json!({"rule": rule.id, "category": rule.category.as_str(), "start": f.span.start, "end": f.span.end})
            })
            .collect();
        writeln!(out, "{}", serde_json::json!({"id": row["id"], "findings": findings}))?;
    }
    Ok(())
}
