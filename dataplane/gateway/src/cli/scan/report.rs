//! How findings are written: for people, or as one JSON document. Secrets are masked unless revealing was asked for.

use std::fmt;
use std::io::{self, Write};

use aegis_detect::{Rule, Rules};

use super::finding::LocatedFinding;
use super::source::SourceName;
use crate::cli::terminal::{Color, Paint};

/// Most characters of a secret that a mask shows.
const SHOWN: usize = 4;

/// Takes findings as they are found; nothing is kept longer than the file they are in.
pub(super) trait ReportWriter {
    /// Before the first finding.
    fn begin(&mut self, rules: &Rules) -> io::Result<()>;
    /// One finding in the file called `path`.
    fn finding(&mut self, name: &SourceName, rule: &Rule, finding: &LocatedFinding) -> io::Result<()>;
    /// After the last finding of a file.
    fn file_done(&mut self) -> io::Result<()>;
    /// After everything.
    fn end(&mut self, summary: &Summary) -> io::Result<()>;
}

/// What a run came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct Summary {
    /// Secrets reported.
    pub findings: u64,
    /// Findings that the baseline knows.
    pub known: u64,
    /// Findings that a comment passed over.
    pub ignored: u64,
    /// Files scanned.
    pub files: u64,
    /// Files with a secret that is reported.
    pub files_with_findings: u64,
    /// Bytes scanned.
    pub bytes: u64,
    /// Binary files skipped.
    pub skipped: u64,
    /// Files that could not be read.
    pub failed: u64,
}

impl Summary {
    /// How many secrets were found, in words.
    pub(super) fn found(&self) -> String {
        count(self.findings, "secret") + " found"
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = count(self.files, "file");
        write!(f, "{} in ", count(self.findings, "secret"))?;
        if self.files_with_findings > 0 {
            write!(f, "{} of ", self.files_with_findings)?;
        }
        write!(f, "{files}, {}", size(self.bytes))?;
        if self.known > 0 {
            write!(f, ", {} known", self.known)?;
        }
        if self.ignored > 0 {
            write!(f, ", {} ignored by comments", self.ignored)?;
        }
        if self.skipped > 0 {
            write!(f, ", {} skipped", count(self.skipped, "binary file"))?;
        }
        if self.failed > 0 {
            write!(f, ", {} not readable", self.failed)?;
        }
        Ok(())
    }
}

/// A number of bytes in the largest unit that it fills, with a decimal where there are less than ten.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["bytes", "KiB", "MiB", "GiB"];
    let unit = UNITS.len().min(1 + bytes.max(1).ilog2() as usize / 10) - 1;
    let tenths = (u128::from(bytes) * 10) >> (10 * unit);
    match (unit, tenths) {
        (0, _) => format!("{bytes} {}", UNITS[0]),
        (_, ..100) => format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]),
        _ => format!("{} {}", tenths / 10, UNITS[unit]),
    }
}

/// A number and what is counted.
pub(super) fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The secret as it may be shown: whole, or its first characters (at most a quarter of it) and its length.
pub(super) fn shown(secret: &[u8], reveal: bool) -> String {
    let text = String::from_utf8_lossy(secret);
    if reveal {
        return text.into_owned();
    }
    let length = text.chars().count();
    let visible: String =
        text.chars().take(SHOWN.min(length / 4)).map(|c| if c.is_control() { '.' } else { c }).collect();
    format!("{visible}…({length})")
}

/// The colour of a cell, if it has one.
fn color_of(column: usize, row: &[String; 6]) -> Option<Color> {
    match (column, row[1].as_str()) {
        (0, _) => Some(Color::Cyan),
        (1, "critical" | "high") => Some(Color::Red),
        (1, "medium") => Some(Color::Yellow),
        (1 | 2, _) => Some(Color::Dim),
        _ => None,
    }
}

/// For people: a block per file, a row per finding: place, severity, confidence, rule, secret, what it is.
pub(super) struct TableReport<W> {
    out: W,
    reveal: bool,
    paint: Paint,
    path: String,
    rows: Vec<[String; 6]>,
}

impl<W: Write> TableReport<W> {
    pub(super) fn new(out: W, reveal: bool, paint: Paint) -> Self {
        TableReport { out, reveal, paint, path: String::new(), rows: Vec::new() }
    }
}

/// Rows after which a block is written even though its file goes on.
const MAX_ROWS: usize = 1_000;

impl<W: Write> ReportWriter for TableReport<W> {
    fn begin(&mut self, _: &Rules) -> io::Result<()> {
        Ok(())
    }

    fn finding(&mut self, name: &SourceName, rule: &Rule, finding: &LocatedFinding) -> io::Result<()> {
        self.path = name.printable();
        let secret = shown(&finding.secret, self.reveal);
        self.rows.push([
            format!("{}:{}", finding.start.line, finding.start.column),
            rule.severity.as_str().to_owned(),
            finding.finding.confidence.as_str().to_owned(),
            rule.id.clone(),
            if self.reveal { secret.escape_debug().to_string() } else { secret },
            rule.name.clone(),
        ]);
        if self.rows.len() >= MAX_ROWS { self.file_done() } else { Ok(()) }
    }

    fn file_done(&mut self) -> io::Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut widths = [0; 6];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        writeln!(self.out, "{}", self.paint.paint(Color::Bold, &self.path))?;
        for row in self.rows.drain(..) {
            let mut cells = Vec::with_capacity(row.len());
            for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
                // The place stands to the right, the last column has no end to reach.
                let cell = match column {
                    0 => format!("{cell:>width$}"),
                    5 => cell.clone(),
                    _ => format!("{cell:<width$}"),
                };
                cells.push(
                    color_of(column, &row).map_or(cell.clone(), |color| self.paint.paint(color, &cell)),
                );
            }
            writeln!(self.out, "  {}", cells.join("  "))?;
        }
        self.out.flush()
    }

    fn end(&mut self, _: &Summary) -> io::Result<()> {
        self.out.flush()
    }
}

/// One JSON document: `{"findings":[..],"summary":{..}}`, written piece by piece.
pub(super) struct Json<W> {
    out: W,
    reveal: bool,
    any: bool,
}

impl<W: Write> Json<W> {
    pub(super) fn new(out: W, reveal: bool) -> Self {
        Json { out, reveal, any: false }
    }
}

impl<W: Write> ReportWriter for Json<W> {
    fn begin(&mut self, _: &Rules) -> io::Result<()> {
        self.out.write_all(b"{\"findings\":[")
    }

    fn finding(&mut self, name: &SourceName, rule: &Rule, finding: &LocatedFinding) -> io::Result<()> {
        let mut found = serde_json::json!({
            "path": name.path.to_string_lossy(),
            "line": finding.start.line,
            "column": finding.start.column,
            "start": finding.start.offset,
            "end": finding.end.offset,
            "rule": rule.id,
            "name": rule.name,
            "category": rule.category.as_str(),
            "severity": rule.severity.as_str(),
            "confidence": finding.finding.confidence.as_str(),
            "secret": shown(&finding.secret, self.reveal),
            "impact": rule.impact,
        });
        if let Some(found) = found.as_object_mut() {
            name.describe(found);
        }
        self.out.write_all(if self.any { b",\n" } else { b"\n" })?;
        self.any = true;
        serde_json::to_writer(&mut self.out, &found)?;
        Ok(())
    }

    fn file_done(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, summary: &Summary) -> io::Result<()> {
        self.out.write_all(b"\n],\"summary\":")?;
        serde_json::to_writer(&mut self.out, summary)?;
        self.out.write_all(b"}\n")?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_show_at_most_a_quarter() {
        assert_eq!(shown(b"abcd1234abcd1234", false), "abcd…(16)");
        assert_eq!(shown(b"abcd123", false), "a…(7)");
        assert_eq!(shown(b"abc", false), "…(3)");
        assert_eq!(shown("äöüß".as_bytes(), false), "ä…(4)");
        assert_eq!(shown(b"abc", true), "abc");
    }

    #[test]
    fn a_summary_reads_like_a_sentence() {
        let summary = Summary {
            findings: 15,
            files: 7,
            files_with_findings: 5,
            bytes: 12 << 10,
            skipped: 1,
            ..Summary::default()
        };
        assert_eq!(summary.to_string(), "15 secrets in 5 of 7 files, 12 KiB, 1 binary file skipped");
        let summary = Summary { files: 1, known: 2, ignored: 3, failed: 4, ..Summary::default() };
        let expected = "0 secrets in 1 file, 0 bytes, 2 known, 3 ignored by comments, 4 not readable";
        assert_eq!(summary.to_string(), expected);
        for (bytes, expected) in [
            (1023, "1023 bytes"),
            (1024, "1.0 KiB"),
            (10 * 1024 - 1, "9.9 KiB"),
            (10 * 1024, "10 KiB"),
            (1 << 20, "1.0 MiB"),
            (5 << 40, "5120 GiB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }
}
