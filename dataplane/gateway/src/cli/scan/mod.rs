//! `scan`: finds secrets in files, folders and standard input with the rules the gateway uses.

mod baseline;
mod comments;
mod excludes;
mod files;
mod finding;
mod git;
mod git_command;
mod jsonl;
mod lines;
mod output;
mod pool;
mod progress;
mod project;
mod reader;
mod report;
mod sarif;
mod selection;
mod source;
mod text;

use std::io::Read;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aegis_detect::{Confidence, RuleIndex, Rules, Scanner, Severity};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};

use super::outcome::{CliFailure, CliOutcome, failure, say};
use super::terminal::{ColorChoice, Paint};
use baseline::Baseline;
use excludes::Excludes;
use files::{ScanOrigin, ScanRun, ScanSources};
use finding::LocatedFinding;
use output::ReportOutput;
use project::Project;
use reader::{FileContent, SourceReader, Stopped};
use report::{ReportWriter, Summary};
use selection::FindingFilter;
use source::SourceName;

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway scan                                   the current folder
  aegis-gateway scan src/ .env                         a folder and a file
  aegis-gateway scan --pack personal notes/            personal data too
  aegis-gateway scan --staged                          the lines that the next commit adds
  aegis-gateway scan --since origin/main               the lines this branch adds, committed or not
  aegis-gateway scan --history --since origin/main     ... and what its commits added and removed again
  ssh host cat app.log | aegis-gateway scan -          standard input
  aegis-gateway scan --write-baseline known.json       accept what is there today ...
  aegis-gateway scan --baseline known.json             ... and report what is new from then on
  aegis-gateway scan --format sarif --output found.sarif .   for code scanning services
  aegis-gateway scan --format json . | jq '.findings[].path'
  aegis-gateway scan --exclude 'fixtures/' --min-severity high
  aegis-gateway scan --rule github-pat --rule stripe-key       only what these rules find
  aegis-gateway scan --jsonl < cases.jsonl             {\"id\":1,\"text\":\"..\"} to {\"id\":1,\"findings\":[..]}, line by line

In folders, .gitignore and .ignore rules hold; hidden files are scanned, version control folders are not, and links
are not followed. Text is UTF-8 or UTF-16; binary files are skipped. Secrets are masked unless --reveal is given.

A comment passes over findings on its line, or on the next one when it has its line to itself:
  key = \"..\"  # aegis:ignore                           all findings here
  // aegis:ignore github-pat (made up)                 findings of these rules below
A word behind it that names no rule makes it void, with a warning; reasons stand in parentheses or behind a dash.

A file .aegis.toml in the scanned folder, or above it in its repository, holds for everybody; flags win over it:
  exclude = [\"fixtures/\", \"*.snap\"]                   globs as in .gitignore
  packs = [\"personal\"]
  baseline = \"known.json\"
  min_severity = \"medium\"
  [rules]
  generic-password = false                             off; true is on whatever its severity and confidence

A baseline holds rule, file and a salted hash of each secret, never the secret; moved lines are still known.

Confidence: high is an unmistakable shape or a right check value; medium follows from the surroundings; low is doubtful.

Exit codes: 0 nothing found (or all of it known); 1 secrets found; 2 something could not be read. With --jsonl: 0
every line was answered; 2 at least one line was wrong.";

/// More threads than any machine has use for; each has a window of text and the engine's working memory.
const MAX_JOBS: i64 = 1024;

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(super) struct ScanCommand {
    /// Files and folders; `-` is standard input [default: the current folder; with --jsonl standard input]
    paths: Vec<PathBuf>,
    /// How findings are written
    #[arg(long, value_enum, default_value_t = ReportFormat::Table)]
    format: ReportFormat,
    /// Read JSON lines {"id":..,"text":..} and answer each with {"id":..,"findings":[..]}
    #[arg(long, conflicts_with_all = ["format", "reveal", "no_ignore", "since", "baseline", "write_baseline", "jobs",
        "exclude", "only", "output", "color", "min_severity", "project"])]
    jsonl: bool,
    /// Only lines that this git revision has not; without paths, in the whole repository
    #[arg(long, value_name = "REV", conflicts_with = "no_ignore")]
    since: Option<String>,
    /// Only lines that the next commit adds, as they are staged
    #[arg(long, conflicts_with_all = ["since", "history", "no_ignore", "jsonl"])]
    staged: bool,
    /// The lines that each commit added, also those that a later one removed; with --since of the commits behind REV
    #[arg(long, conflicts_with_all = ["no_ignore", "jsonl"])]
    history: bool,
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
    /// Leave out files and folders, as .gitignore would from the current folder (repeatable)
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    exclude: Vec<String>,
    /// Report only what this rule finds (repeatable)
    #[arg(long = "rule", value_name = "ID")]
    only: Vec<String>,
    /// Leave out findings of rules that are less severe: low, medium, high, critical [default: low]
    #[arg(long, value_parser = severity_parser(), value_name = "LEVEL", hide_possible_values = true)]
    min_severity: Option<Severity>,
    /// Leave out less certain findings: low, medium, high [default: low]
    #[arg(long, value_parser = confidence_parser(), value_name = "LEVEL", hide_possible_values = true)]
    min_confidence: Option<Confidence>,
    /// Write the findings to this file instead
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Say nothing on standard error but what is wrong
    #[arg(long, short)]
    quiet: bool,
    /// Whether the table is coloured
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    color: ColorChoice,
    /// Project file [default: .aegis.toml of the scanned path's folder, or above it in its repository]
    #[arg(long, value_name = "FILE")]
    project: Option<PathBuf>,
    /// Use no project file
    #[arg(long, conflicts_with = "project")]
    no_project: bool,
    #[command(flatten)]
    rules: super::rule_options::RuleOptions,
    /// Number of threads [default: one per CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=MAX_JOBS))]
    jobs: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReportFormat {
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

/// Takes the names of severities.
fn severity_parser() -> impl TypedValueParser<Value = Severity> {
    const LEVELS: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];
    PossibleValuesParser::new(LEVELS.map(Severity::as_str))
        .try_map(|name| LEVELS.into_iter().find(|level| level.as_str() == name).ok_or("no such severity"))
}

/// Takes a glob that excludes something.
fn glob(text: &str) -> Result<String, String> {
    excludes::check(text).map(|()| text.to_owned())
}

impl ScanCommand {
    pub(super) fn execute(&self) -> Result<CliOutcome, CliFailure> {
        if self.jsonl {
            let paths = if self.paths.is_empty() { &[PathBuf::from("-")][..] } else { &self.paths };
            let least = self.min_confidence.unwrap_or(Confidence::Low);
            return jsonl::run(scanner(&self.rules.load()?)?, least, paths);
        }
        let project = self.project()?;
        let project = project.as_ref();
        let sources = self.sources(project)?;
        // Somebody who writes a baseline wants all that is there.
        let of_project = project.and_then(|project| project.baseline.as_deref());
        let known = self.baseline.as_deref().or(of_project.filter(|_| self.write_baseline.is_none()));
        let known = known.map(Baseline::read).transpose()?;
        let noted = self.write_baseline.as_deref().map(Baseline::new).transpose()?;
        let (packs, files) =
            project.map_or((&[][..], &[][..]), |project| (&project.packs[..], &project.rule_files[..]));
        let rules = self.rules.load_with(packs, files)?;
        let filter = FindingFilter::new(&rules, project, &self.only, self.min_severity, self.min_confidence)?;
        let all = || std::thread::available_parallelism().map_or(1, NonZero::get);
        let jobs = self.jobs.map_or_else(all, usize::from);
        let scanners = (0..jobs).map(|_| scanner(&rules)).collect::<Result<_, _>>()?;
        let mut output = ReportOutput::open(self.output.as_deref())?;
        let summary = {
            let mut report = self.report(&mut output);
            let summary = Summary::default();
            let shows_progress = !self.quiet;
            let mut run =
                ScanRun { rules, report: report.as_mut(), known, noted, filter, shows_progress, summary };
            match run.run(scanners, &sources) {
                Ok(()) => (run.summary, run.noted),
                // The reader of our output has seen enough: `scan | head`.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(CliOutcome::No),
                Err(error) => return Err(failure(format!("cannot write the findings: {error}"), "")),
            }
        };
        output.keep()?;
        self.conclude(summary.0, summary.1)
    }

    /// The project file that holds, if there is one.
    fn project(&self) -> Result<Option<Project>, CliFailure> {
        if self.no_project {
            return Ok(None);
        }
        if let Some(path) = &self.project {
            return Project::read(path).map(Some);
        }
        // Standard input is of the folder it is read in.
        let place = |path: &PathBuf| if path == Path::new("-") { PathBuf::from(".") } else { path.clone() };
        let mut paths: Vec<PathBuf> = self.paths.iter().map(place).collect();
        if paths.is_empty() {
            paths.push(PathBuf::from("."));
        }
        Project::find(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>())
    }

    fn report<'o>(&self, out: &'o mut ReportOutput) -> Box<dyn ReportWriter + 'o> {
        let is_file = self.output.is_some() && self.color == ColorChoice::Auto;
        let paint = if is_file { Paint::NONE } else { Paint::for_stdout(self.color) };
        match self.format {
            ReportFormat::Table => Box::new(report::TableReport::new(out, self.reveal, paint)),
            ReportFormat::Json => Box::new(report::Json::new(out, self.reveal)),
            ReportFormat::Sarif => Box::new(sarif::Sarif::new(out, self.reveal)),
        }
    }

    /// Says what it came to, and writes the new baseline.
    fn conclude(&self, summary: Summary, noted: Option<Baseline>) -> Result<CliOutcome, CliFailure> {
        if self.format == ReportFormat::Table && !self.quiet {
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
            if !self.quiet {
                say(format_args!(
                    "{} holds {}",
                    path.display(),
                    report::count(count as u64, "known finding")
                ));
            }
            return Ok(CliOutcome::Success);
        }
        Ok(if summary.findings > 0 { CliOutcome::No } else { CliOutcome::Success })
    }

    fn sources(&self, project: Option<&Project>) -> Result<ScanSources, CliFailure> {
        let of_project = project.and_then(|project| project.baseline.as_ref());
        let named = self.baseline.iter().chain(&self.write_baseline).chain(&self.output).chain(of_project);
        // One that is not there yet needs no exception.
        let except = named.filter_map(|path| path.canonicalize().ok()).collect();
        let here = std::env::current_dir().and_then(|here| here.canonicalize());
        let here =
            here.map_err(|error| failure(format!("the current folder cannot be found: {error}"), ""))?;
        let of_flags = excludes::build(&here, self.exclude.iter().map(String::as_str))
            .map_err(|what| failure(format!("--exclude: {what}"), ""))?;
        let of_project = project.map(|project| project.exclude.clone());
        let excludes = Excludes::new([of_flags].into_iter().chain(of_project));
        Ok(ScanSources { origin: self.origin()?, except, excludes })
    }

    fn origin(&self) -> Result<ScanOrigin, CliFailure> {
        let input = Path::new("-");
        let of_git = self.since.is_some() || self.staged || self.history;
        if of_git && self.paths.iter().any(|path| path == input) {
            let help = "leave out `-`, or --since, --staged and --history";
            return Err(failure("standard input has no revisions", help));
        }
        if self.history {
            return git::CommitHistory::new(self.since.as_deref(), &self.paths).map(ScanOrigin::History);
        }
        if self.staged {
            return git::staged(&self.paths).map(ScanOrigin::Changes);
        }
        if let Some(revision) = &self.since {
            return git::changes(revision, &self.paths).map(ScanOrigin::Changes);
        }
        // A pipe on standard input says nothing: in a build it is the rest of the script.
        let paths = if self.paths.is_empty() { vec![PathBuf::from(".")] } else { self.paths.clone() };
        Ok(ScanOrigin::Paths { paths, respect_ignore: !self.no_ignore })
    }
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
        Ok(FileContent::Binary) => return Err(unreadable(&"not text")),
        Err(Stopped::Unreadable(error)) => return Err(unreadable(&error)),
        Ok(FileContent::Text { .. }) | Err(Stopped::Unwanted) => {}
    }
    let name = SourceName::of(if path == Path::new("-") { Path::new("(standard input)") } else { path });
    let mut table = report::TableReport::new(std::io::stdout().lock(), reveal, Paint::NONE);
    let written = findings
        .iter()
        .try_for_each(|finding| table.finding(&name, rules.get(finding.finding.rule), finding))
        .and_then(|()| table.file_done());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(unreadable(&error)),
        _ => Ok(findings.len()),
    }
}

fn scanner(rules: &Arc<Rules>) -> Result<Scanner, CliFailure> {
    Scanner::new(Arc::clone(rules)).map_err(|error| failure(error, "is there enough memory?"))
}
