//! Findings as SARIF 2.1.0 (OASIS standard), for code scanning services.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use aegis_detect::{Rule, Rules, Severity};
use data_encoding::HEXUPPER;

use super::finding::LocatedFinding;
use super::report::{Report, Summary, shown};
use super::source::SourceName;

/// The schema that the output fits.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";

/// A SARIF log with one run, written piece by piece.
pub(super) struct Sarif<W> {
    out: W,
    reveal: bool,
    any: bool,
}

impl<W: Write> Sarif<W> {
    pub(super) fn new(out: W, reveal: bool) -> Self {
        Sarif { out, reveal, any: false }
    }
}

/// SARIF's levels, and the number that services sort by.
fn weight(severity: Severity) -> (&'static str, &'static str) {
    match severity {
        Severity::Critical => ("error", "9.5"),
        Severity::High => ("error", "8.0"),
        Severity::Medium => ("warning", "5.5"),
        Severity::Low => ("note", "3.0"),
    }
}

/// A path as a relative or absolute URI reference: forward slashes, everything unusual percent-encoded, byte by byte.
fn uri(path: &Path) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&b);
    let encoded = path.as_os_str().as_bytes().iter().fold(String::new(), |mut uri, &byte| {
        if plain(byte) {
            uri.push(char::from(byte));
        } else {
            uri.push('%');
            HEXUPPER.encode_append(&[byte], &mut uri);
        }
        uri
    });
    if encoded.starts_with('/') { format!("file://{encoded}") } else { encoded }
}

impl<W: Write> Report for Sarif<W> {
    fn begin(&mut self, rules: &Rules) -> io::Result<()> {
        let descriptors: Vec<_> = rules
            .iter()
            .map(|(_, rule)| {
                let (level, number) = weight(rule.severity);
                serde_json::json!({
                    "id": rule.id,
                    "name": rule.name,
                    "shortDescription": { "text": rule.name },
                    "fullDescription": { "text": rule.impact },
                    "defaultConfiguration": { "level": level },
                    "properties": { "category": rule.category.as_str(), "security-severity": number, "tags": ["security"] },
                })
            })
            .collect();
        let driver = serde_json::json!({
            "name": "aegis-gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "rules": descriptors,
        });
        write!(
            self.out,
            "{{\"$schema\":\"{SCHEMA}\",\"version\":\"2.1.0\",\"runs\":[{{\"tool\":{{\"driver\":"
        )?;
        serde_json::to_writer(&mut self.out, &driver)?;
        self.out.write_all(b"},\"columnKind\":\"unicodeCodePoints\",\"results\":[")
    }

    fn finding(&mut self, name: &SourceName, rule: &Rule, finding: &LocatedFinding) -> io::Result<()> {
        let result = serde_json::json!({
            "ruleId": rule.id,
            "ruleIndex": finding.finding.rule.0,
            "level": weight(rule.severity).0,
            "message": { "text": format!("{}: {}", rule.name, shown(&finding.secret, self.reveal)) },
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": { "uri": uri(&name.path) },
                    "region": {
                        "startLine": finding.start.line,
                        "startColumn": finding.start.column,
                        "endLine": finding.end.line,
                        "endColumn": finding.end.column,
                        "byteOffset": finding.start.offset,
                        "byteLength": finding.end.offset - finding.start.offset,
                    },
                },
            }],
            "properties": { "confidence": finding.finding.confidence.as_str() },
        });
        self.out.write_all(if self.any { b",\n" } else { b"\n" })?;
        self.any = true;
        serde_json::to_writer(&mut self.out, &result)?;
        Ok(())
    }

    fn file_done(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn end(&mut self, summary: &Summary) -> io::Result<()> {
        let complete = summary.failed == 0;
        write!(self.out, "\n],\"invocations\":[{{\"executionSuccessful\":{complete}}}]}}]}}")?;
        self.out.write_all(b"\n")?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn paths_become_uris() {
        let uri = |path: &[u8]| uri(Path::new(OsStr::from_bytes(path)));
        assert_eq!(uri(b"src/a b#1.rs"), "src/a%20b%231.rs");
        assert_eq!(uri("/etc/ä".as_bytes()), "file:///etc/%C3%A4");
        assert_eq!(uri(b"(standard input)"), "(standard%20input)");
        assert_eq!(uri(b"c:x"), "c%3Ax");
        assert_eq!(uri(b"no\xffutf-8"), "no%FFutf-8");
    }
}
