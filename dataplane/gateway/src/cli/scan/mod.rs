//! `scan`: finds secrets in files, folders and standard input with the rules the gateway uses.

mod files;
mod jsonl;
mod reader;
mod report;
mod sarif;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;

use aegis_detect::{Confidence, Scanner};
use clap::{Args, ValueEnum};

use super::{Failure, Outcome, failure};
use report::Report;

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway scan                                   the current folder
  aegis-gateway scan src/ .env                         a folder and a file
  aegis-gateway scan --pack personal notes/            personal data too
  git diff --cached | aegis-gateway scan -             what is about to be committed
  aegis-gateway scan --format sarif . > found.sarif    for code scanning services
  aegis-gateway scan --format json . | jq '.findings[].path'
  aegis-gateway scan --jsonl < cases.jsonl             {\"id\":1,\"text\":\"..\"} to {\"id\":1,\"findings\":[..]}, line by line

In folders, .gitignore and .ignore rules hold; hidden files are scanned, version control folders are not. Binary
files are skipped. Secrets are masked unless --reveal is given.

Exit codes: 0 nothing found; 1 secrets found; 2 something could not be read. With --jsonl: 0 every line was
answered; 2 at least one line was wrong.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Scan {
    /// Files and folders; `-` is standard input [default: standard input when piped, else the current folder]
    paths: Vec<PathBuf>,
    /// How findings are written
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Read JSON lines {"id":..,"text":..} and answer each with {"id":..,"findings":[..]}
    #[arg(long, conflicts_with_all = ["format", "reveal", "no_ignore"])]
    jsonl: bool,
    /// Show secrets in full
    #[arg(long)]
    reveal: bool,
    /// Scan ignored files too
    #[arg(long)]
    no_ignore: bool,
    /// Leave out less certain findings
    #[arg(long, value_enum, default_value_t = Least::Low, value_name = "LEVEL")]
    min_confidence: Least,
    #[command(flatten)]
    rules: super::rules::Wanted,
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

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Least {
    Low,
    Medium,
    High,
}

impl Scan {
    pub(super) fn execute(&self) -> Result<Outcome, Failure> {
        let rules = self.rules.load()?;
        let scanner =
            Scanner::new(Arc::clone(&rules)).map_err(|error| failure(error, "is there enough memory?"))?;
        let least = match self.min_confidence {
            Least::Low => Confidence::Low,
            Least::Medium => Confidence::Medium,
            Least::High => Confidence::High,
        };
        let paths = self.sources();
        if self.jsonl {
            return jsonl::run(scanner, least, &paths);
        }
        let out = std::io::BufWriter::new(std::io::stdout().lock());
        let mut report: Box<dyn Report> = match self.format {
            Format::Table => Box::new(report::Table::new(out, self.reveal)),
            Format::Json => Box::new(report::Json::new(out, self.reveal)),
            Format::Sarif => Box::new(sarif::Sarif::new(out, self.reveal)),
        };
        let mut walk = files::Walk::new(scanner, least, !self.no_ignore, report.as_mut());
        let summary = match walk.run(&paths) {
            Ok(summary) => summary,
            // The reader of our output has seen enough: `scan | head`.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(Outcome::No),
            Err(error) => return Err(failure(format!("cannot write the findings: {error}"), "")),
        };
        if self.format == Format::Table {
            // Nobody to tell when standard error is gone.
            let _ = writeln!(std::io::stderr(), "{summary}");
        }
        Ok(match summary {
            report::Summary { failed: 1.., .. } => Outcome::Failed,
            report::Summary { findings: 1.., .. } => Outcome::No,
            _ => Outcome::Success,
        })
    }

    fn sources(&self) -> Vec<PathBuf> {
        if !self.paths.is_empty() {
            self.paths.clone()
        } else if self.jsonl || !std::io::stdin().is_terminal() {
            vec![PathBuf::from("-")]
        } else {
            vec![PathBuf::from(".")]
        }
    }
}
