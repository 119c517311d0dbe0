//! `scan --jsonl`: every line `{"id":..,"text":..}` gives a line `{"id":..,"findings":[..]}`, in order.
//!
//! Offsets are bytes of the text in UTF-8. A lone surrogate escape (`\ud800`), which JSON allows and UTF-8 does not,
//! counts as the three bytes it has in WTF-8. A line that is wrong is answered too, with `"error"`, named on standard
//! error, and makes the exit code 2.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use aegis_detect::{Carry, Confidence, Finding, LEFT_CONTEXT, Scanner, Window};
use serde::de::{Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;

use crate::cli::outcome::{CliFailure, CliOutcome, failure};

/// Longest line; a longer one looks like a stream that is no JSON lines at all.
const MAX_LINE: u64 = 1 << 30;
/// Bytes read at once; more than the standard library's own buffer, which is then passed by.
const READ_AHEAD: usize = 64 << 10;

/// An input line. Other fields may be there.
#[derive(serde::Deserialize)]
struct Case {
    #[serde(default)]
    id: Option<Box<RawValue>>,
    text: Text,
}

/// A JSON string as bytes: UTF-8, lone surrogates as WTF-8.
struct Text(Vec<u8>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(bytes.to_vec()))
            }

            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Text, E> {
                Ok(Text(bytes))
            }
        }
        source.deserialize_byte_buf(TextVisitor)
    }
}

/// Answers every line of every source.
pub(super) fn run(
    mut scanner: Scanner,
    least: Confidence,
    paths: &[PathBuf],
) -> Result<CliOutcome, CliFailure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut outcome = CliOutcome::Success;
    for path in paths {
        let name =
            if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
        let source: Box<dyn Read> = if path == Path::new("-") {
            Box::new(io::stdin().lock())
        } else {
            Box::new(File::open(path).map_err(|error| failure(format!("{name}: {error}"), ""))?)
        };
        let mut source = BufReader::with_capacity(READ_AHEAD, source);
        let good = answer(&mut scanner, least, &mut source, &name, &mut out)
            .map_err(|error| failure(format!("{name}: {error}"), ""))?;
        if !good {
            outcome = CliOutcome::Failed;
        }
    }
    Ok(outcome)
}

/// Answers the lines of one source; false when one of them was wrong.
fn answer(
    scanner: &mut Scanner,
    least: Confidence,
    source: &mut BufReader<Box<dyn Read>>,
    name: &str,
    out: &mut impl Write,
) -> io::Result<bool> {
    let mut good = true;
    let mut line = Vec::new();
    let mut answer = Vec::new();
    for number in 1_u64.. {
        line.clear();
        if source.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        answer.clear();
        if let Err(error) = answer_line(scanner, least, line.trim_ascii_end(), &mut answer) {
            good = false;
            writeln!(io::stderr(), "error: {name}: line {number}: {error}")?;
            answer.clear();
            let reported =
                serde_json::json!({ "id": null, "findings": [], "error": format!("line {number}: {error}") });
            serde_json::to_writer(&mut answer, &reported)?;
        }
        answer.push(b'\n');
        out.write_all(&answer)?;
        // Somebody who writes a line and waits for its answer must get it.
        if source.buffer().is_empty() {
            out.flush()?;
        }
    }
    out.flush()?;
    Ok(good)
}

fn answer_line(
    scanner: &mut Scanner,
    least: Confidence,
    line: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), String> {
    let line =
        std::str::from_utf8(line).map_err(|error| format!("not UTF-8 from byte {}", error.valid_up_to()))?;
    let case: Case = serde_json::from_str(line).map_err(|error| describe(&error))?;
    let rules = std::sync::Arc::clone(scanner.rules());
    out.extend_from_slice(b"{\"id\":");
    out.extend_from_slice(case.id.as_ref().map_or("null", |id| id.get()).as_bytes());
    out.extend_from_slice(b",\"findings\":[");
    let findings = Finding::joined(&scan_whole(scanner, &case.text.0));
    for (i, finding) in findings.iter().filter(|f| f.confidence >= least).enumerate() {
        let rule = rules.get(finding.rule);
        let found = serde_json::json!({
            "rule": rule.id,
            "category": rule.category.as_str(),
            "start": finding.span.start,
            "end": finding.span.end,
        });
        if i > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, &found).map_err(|error| error.to_string())?;
    }
    out.extend_from_slice(b"]}");
    Ok(())
}

/// serde's message without its `line 1`, which would be mistaken for the number of the line.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let (what, _) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
    format!("{what} (column {}); expected {{\"id\":..,\"text\":\"..\"}}", error.column())
}

/// All findings in a text that is in memory whole.
fn scan_whole(scanner: &mut Scanner, text: &[u8]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut carry = Carry::default();
    let mut settled = 0;
    loop {
        let base = settled - settled.min(LEFT_CONTEXT);
        let window = Window { text: &text[base..], fresh: settled - base, last: true };
        let scan = scanner.scan_on(window, &mut carry);
        let moved = |f: &Finding| Finding {
            span: aegis_detect::Span::new(f.span.start + base, f.span.end + base),
            ..*f
        };
        findings.extend(scan.findings.iter().map(moved));
        settled = base + scan.settled;
        if settled >= text.len() {
            return findings;
        }
    }
}
