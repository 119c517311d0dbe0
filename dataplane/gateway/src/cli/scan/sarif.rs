//! Findings as SARIF 2.1.0 (OASIS standard), for code scanning services.

use std::collections::HashMap;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use aegis_detect::{Category, Rule, Rules, Severity};
use data_encoding::{HEXLOWER, HEXUPPER};
use sha2::{Digest, Sha256};

use super::finding::LocatedFinding;
use super::project::ROOT_MARKS;
use super::report::{ReportWriter, Summary, shown};
use super::source::SourceName;

/// The schema that the output fits.
const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json";

/// What relative paths of the log are relative to, by the name that it has there.
const BASE: &str = "SRCROOT";
/// Bytes of a fingerprint.
const FINGERPRINT: usize = 16;

/// A SARIF log with one run, written piece by piece.
pub(super) struct Sarif<W> {
    out: W,
    reveal: bool,
    /// The folder that paths are relative to: the repository that the current folder is in, or that folder.
    base: PathBuf,
    here: PathBuf,
    /// The rules that were hit, and where each stands in the list.
    rules: Vec<serde_json::Value>,
    places: HashMap<String, usize>,
    /// How often there was a finding of the same rule, file and mask.
    seen: HashMap<[u8; FINGERPRINT], u64>,
    any: bool,
}

impl<W: Write> Sarif<W> {
    pub(super) fn new(out: W, reveal: bool) -> Self {
        let here = std::env::current_dir().unwrap_or_default();
        let base = repository_of(&here).unwrap_or(&here).to_path_buf();
        let (rules, places, seen) = (Vec::new(), HashMap::new(), HashMap::new());
        Sarif { out, reveal, base, here, rules, places, seen, any: false }
    }

    /// The place of a rule in the list, where it is put when it is hit for the first time.
    fn place_of(&mut self, rule: &Rule) -> usize {
        if let Some(place) = self.places.get(&rule.id) {
            return *place;
        }
        let (level, number) = weight(rule.severity);
        self.rules.push(serde_json::json!({
            "id": rule.id,
            "name": rule.name,
            "shortDescription": { "text": rule.name },
            "fullDescription": { "text": rule.impact },
            "helpUri": help_uri(rule.category),
            "help": { "text": format!("Whoever has it: {}. Revoke it, then make a new one; `aegis-gateway rules show {}` shows the rule.", rule.impact.trim_end_matches('.'), rule.id) },
            "defaultConfiguration": { "level": level },
            "properties": { "category": rule.category.as_str(), "security-severity": number, "tags": ["security"] },
        }));
        let place = self.rules.len() - 1;
        self.places.insert(rule.id.clone(), place);
        place
    }

    /// The file's address: relative to the base where it lies below, else whole.
    fn artifact(&self, path: &Path) -> serde_json::Value {
        if path.starts_with("(standard input)") {
            return serde_json::json!({ "uri": uri(path) });
        }
        let whole = self.here.join(path);
        let whole = if path.components().any(|part| part == Component::ParentDir) {
            whole.canonicalize().unwrap_or(whole)
        } else {
            whole
        };
        match whole.strip_prefix(&self.base) {
            Ok(below) => serde_json::json!({ "uri": uri(below), "uriBaseId": BASE }),
            Err(_) => serde_json::json!({ "uri": uri(&whole) }),
        }
    }

    /// What a service knows the finding by when its line has moved: rule, file, mask, and which of those it is. Nothing
    /// of it can be tried out on guesses of the secret beyond what the message shows.
    fn fingerprint(&mut self, rule: &Rule, artifact: &serde_json::Value, secret: &[u8]) -> String {
        let mut hash = Sha256::new();
        for part in [rule.id.as_str(), artifact["uri"].as_str().unwrap_or_default(), &shown(secret, false)] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let mut mix = [0; FINGERPRINT];
        mix.copy_from_slice(&hash.finalize()[..FINGERPRINT]);
        let count = self.seen.entry(mix).or_default();
        *count += 1;
        format!("{}:{count}", HEXLOWER.encode(&mix))
    }
}

/// The folder at or above `folder` that version control knows as a whole.
fn repository_of(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| ROOT_MARKS.iter().any(|mark| folder.join(mark).exists()))
}

/// The page about what is found, in a list that services know.
fn help_uri(category: Category) -> &'static str {
    match category {
        // Exposure of personal data, and of how systems are laid out.
        Category::Pii => "https://cwe.mitre.org/data/definitions/359.html",
        Category::User | Category::Host => "https://cwe.mitre.org/data/definitions/497.html",
        // Credentials in a file.
        _ => "https://cwe.mitre.org/data/definitions/798.html",
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

impl<W: Write> ReportWriter for Sarif<W> {
    fn begin(&mut self, _: &Rules) -> io::Result<()> {
        write!(
            self.out,
            "{{\"$schema\":\"{SCHEMA}\",\"version\":\"2.1.0\",\"runs\":[{{\"columnKind\":\"unicodeCodePoints\",\"results\":["
        )
    }

    fn finding(&mut self, name: &SourceName, rule: &Rule, finding: &LocatedFinding) -> io::Result<()> {
        let index = self.place_of(rule);
        let artifact = self.artifact(&name.path);
        let fingerprint = self.fingerprint(rule, &artifact, &finding.secret);
        let mut properties = serde_json::Map::new();
        properties.insert("confidence".to_owned(), finding.finding.confidence.as_str().into());
        name.describe(&mut properties);
        let result = serde_json::json!({
            "ruleId": rule.id,
            "ruleIndex": index,
            "level": weight(rule.severity).0,
            "message": { "text": format!("{}: {}", rule.name, shown(&finding.secret, self.reveal)) },
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": artifact,
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
            "partialFingerprints": { "aegisFinding/v1": fingerprint },
            "properties": properties,
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
        let driver = serde_json::json!({
            "name": "aegis-gateway",
            "version": env!("CARGO_PKG_VERSION"),
            "rules": self.rules,
        });
        self.out.write_all(b"\n],\"tool\":{\"driver\":")?;
        serde_json::to_writer(&mut self.out, &driver)?;
        let bases =
            serde_json::json!({ BASE: { "description": { "text": "The root of the scanned repository." } } });
        write!(
            self.out,
            "}},\"originalUriBaseIds\":{bases},\"invocations\":[{{\"executionSuccessful\":{complete}}}]}}]}}"
        )?;
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
