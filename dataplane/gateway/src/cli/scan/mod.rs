//! `scan`: finds secrets in files, folders and standard input with the rules the gateway uses.

mod baseline;
mod comments;
mod files;
mod finding;
mod git;
mod jsonl;
mod lines;
mod pool;
mod progress;
mod reader;
mod report;
mod sarif;
mod text;

use std::io::Read;
use std::num::NonZero;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aegis_detect::{Confidence, RuleIndex, Rules, Scanner};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::outcome::{CliFailure, CliOutcome, failure, say};
use baseline::Baseline;
use files::{ScanOrigin, ScanRun, ScanSources};
use finding::LocatedFinding;
use reader::{Content, SourceReader, Stopped};
use report::{Report, Summary};

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway scan                                   the current folder
  aegis-gateway scan src/ .env                         a folder and a file
  aegis-gateway scan --pack personal notes/            personal data too
  git diff --cached | aegis-gateway scan -             what is about to be committed
  aegis-gateway scan --since origin/main               the lines this branch adds, committed or not
  aegis-gateway scan --write-baseline known.json       accept what is there today ...
  aegis-gateway scan --baseline known.json             ... and report what is new from then on
  aegis-gateway scan --format sarif . > found.sarif    for code scanning services
  aegis-gateway scan --format json . | jq '.findings[].path'
  aegis-gateway scan --jsonl < cases.jsonl             {\"id\":1,\"text\":\"..\"} to {\"id\":1,\"findings\":[..]}, line by line

In folders, .gitignore and .ignore rules hold; hidden files are scanned, version control folders are not, and links
are not followed. Text is UTF-8 or UTF-16; binary files are skipped. Secrets are masked unless --reveal is given.

A comment passes over findings on its line, or on the next one when it has its line to itself:
  key = \"..\"  # aegis:ignore                           all findings here
  // aegis:ignore github-pat                           findings of these rules below

A baseline holds rule, file and a salted hash of each secret, never the secret; moved lines are still known.

Confidence: high is an unmistakable shape or a right check value; medium follows from the surroundings; low is doubtful.

Exit codes: 0 nothing found (or all of it known); 1 secrets found; 2 something could not be read. With --jsonl: 0
every line was answered; 2 at least one line was wrong.";

/// More threads than any machine has use for; each has a window of text and the engine's working memory.
const MAX_JOBS: i64 = 1024;

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Scan {
    /// Files and folders; `-` is standard input [default: standard input when something is piped in and no baseline is
    /// used, else the current folder]
    paths: Vec<PathBuf>,
    /// How findings are written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Read JSON lines {"id":..,"text":..} and answer each with {"id":..,"findings":[..]}
    #[arg(long, conflicts_with_all = ["format", "reveal", "no_ignore", "since", "baseline", "write_baseline", "jobs"])]
    jsonl: bool,
    /// Only lines that this git revision has not; without paths, in the whole repository
    #[arg(long, value_name = "REV", conflicts_with = "no_ignore")]
    since: Option<String>,
    /// Leave out findings that this file knows
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write all findings to this file, to be known from now on, and exit with 0
    #[arg(long, value_name = "FILE")]
    write_baseline: Option<PathBuf>,
    /// Show secrets in full
    #[arg(long)]
    reveal: bool,
    /// Scan ignored files too
    #[arg(long)]
    no_ignore: bool,
    /// Leave out less certain findings
    #[arg(long, value_parser = confidence_parser(), default_value = Confidence::Low.as_str(), value_name = "LEVEL")]
    min_confidence: Confidence,
    #[command(flatten)]
    rules: super::rule_options::RuleOptions,
    /// Number of threads [default: one per CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MAX_JOBS))]
    jobs: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Table,
    /// One JSON document
    Json,
    /// SARIF 2.1.0
    Sarif,
}

/// Takes the names of confidences.
fn confidence_parser() -> impl TypedValueParser<Value = Confidence> {
    const LEVELS: [Confidence; 3] = [Confidence::Low, Confidence::Medium, Confidence::High];
    PossibleValuesParser::new(LEVELS.map(Confidence::as_str))
        .try_map(|name| LEVELS.into_iter().find(|level| level.as_str() == name).ok_or("no such confidence"))
}

impl Scan {
    pub(super) fn execute(&self) -> Result<CliOutcome, CliFailure> {
        let sources = self.sources()?;
        let known = self.baseline.as_deref().map(Baseline::read).transpose()?;
        let noted = self.write_baseline.as_deref().map(Baseline::new).transpose()?;
        let rules = self.rules.load()?;
        let least = self.min_confidence;
        if self.jsonl {
            let paths = if self.paths.is_empty() { &[PathBuf::from("-")][..] } else { &self.paths };
            return jsonl::run(scanner(&rules)?, least, paths);
        }
        let all = || std::thread::available_parallelism().map_or(1, NonZero::get);
        let jobs = self.jobs.map_or_else(all, usize::from);
        let scanners = (0..jobs).map(|_| scanner(&rules)).collect::<Result<_, _>>()?;
        let out = std::io::BufWriter::new(std::io::stdout().lock());
        let mut report: Box<dyn Report> = match self.format {
            Format::Table => Box::new(report::Table::new(out, self.reveal)),
            Format::Json => Box::new(report::Json::new(out, self.reveal)),
            Format::Sarif => Box::new(sarif::Sarif::new(out, self.reveal)),
        };
        let summary = Summary::default();
        let mut run = ScanRun { rules, report: report.as_mut(), known, noted, summary };
        match run.run(scanners, least, &sources) {
            Ok(()) => {}
            // The reader of our output has seen enough: `scan | head`.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(CliOutcome::No),
            Err(error) => return Err(failure(format!("cannot write the findings: {error}"), "")),
        }
        self.conclude(run.summary, run.noted)
    }

    /// Says what it came to, and writes the new baseline.
    fn conclude(&self, summary: Summary, noted: Option<Baseline>) -> Result<CliOutcome, CliFailure> {
        if self.format == Format::Table {
            say(summary);
        }
        if summary.failed > 0 {
            if noted.is_some() {
                return Err(failure("not everything could be read, so no baseline was written", ""));
            }
            return Ok(CliOutcome::Failed);
        }
        if let (Some(noted), Some(path)) = (noted, &self.write_baseline) {
            let count = noted.write(path)?;
            say(format_args!("{} holds {}", path.display(), report::count(count as u64, "known finding")));
            return Ok(CliOutcome::Success);
        }
        Ok(if summary.findings > 0 { CliOutcome::No } else { CliOutcome::Success })
    }

    fn sources(&self) -> Result<ScanSources, CliFailure> {
        let named = self.baseline.iter().chain(&self.write_baseline);
        // One that is not there yet needs no exception.
        let except = named.filter_map(|path| path.canonicalize().ok()).collect();
        Ok(ScanSources { origin: self.origin()?, except })
    }

    fn origin(&self) -> Result<ScanOrigin, CliFailure> {
        let input = Path::new("-");
        if let Some(revision) = &self.since {
            if self.paths.iter().any(|path| path == input) {
                return Err(failure("standard input has no revisions", "leave out `-`, or --since"));
            }
            return Ok(ScanOrigin::Changes(git::changes(revision, &self.paths)?));
        }
        let paths = if !self.paths.is_empty() {
            self.paths.clone()
        } else if self.baseline.is_none() && self.write_baseline.is_none() && is_input_piped() {
            vec![input.to_path_buf()]
        } else {
            vec![PathBuf::from(".")]
        };
        Ok(ScanOrigin::Paths { paths, respect_ignore: !self.no_ignore })
    }
}

/// Whether somebody hands text over. A build's empty device must not pass for a clean folder.
fn is_input_piped() -> bool {
    let input = std::io::stdin().as_fd().try_clone_to_owned().map(std::fs::File::from);
    let kind = input.and_then(|input| input.metadata()).map(|data| data.file_type());
    kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket() || kind.is_file())
}

/// Shows what the `wanted` rules find in one file, or standard input; how many findings there are.
pub(super) fn show(
    scanner: Scanner,
    wanted: &[RuleIndex],
    path: &Path,
    reveal: bool,
) -> Result<usize, CliFailure> {
    let rules = Arc::clone(scanner.rules());
    let name = path.display().to_string();
    let unreadable = |error: &dyn std::fmt::Display| failure(format!("{name}: {error}"), "");
    let mut source: Box<dyn Read> = if path == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(path).map_err(|error| unreadable(&error))?)
    };
    let mut findings = Vec::new();
    let mut keep = |finding: LocatedFinding| {
        if wanted.contains(&finding.finding.rule) {
            findings.push(finding);
        }
        Ok(())
    };
    match SourceReader::new(scanner, Confidence::Low).scan(&mut source, &mut keep) {
        Ok(Content::Binary) => return Err(unreadable(&"not text")),
        Err(Stopped::Unreadable(error)) => return Err(unreadable(&error)),
        Ok(Content::Text { .. }) | Err(Stopped::Unwanted) => {}
    }
    let path = if path == Path::new("-") { Path::new("(standard input)") } else { path };
    let mut table = report::Table::new(std::io::stdout().lock(), reveal);
    let written = findings
        .iter()
        .try_for_each(|finding| table.finding(path, rules.get(finding.finding.rule), finding))
        .and_then(|()| table.file_done());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(unreadable(&error)),
        _ => Ok(findings.len()),
    }
}

fn scanner(rules: &Arc<Rules>) -> Result<Scanner, CliFailure> {
    Scanner::new(Arc::clone(rules)).map_err(|error| failure(error, "is there enough memory?"))
}
