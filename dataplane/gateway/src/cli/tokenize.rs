//! `tokenize`: what the gateway would send of a text, by its own engine, policy and keys.

use std::io::{IsTerminal, Read, Write};
use std::sync::Arc;

use aegis_shield::{Format, Report, ShardScratch, Shield, Splice, TokenizeOutcome, Tokenizer};
use clap::{Args, ValueEnum};
use zeroize::Zeroizing;

use super::options::StateOptions;
use super::outcome::{CliFailure, CliOutcome, failure, say};
use crate::config::{ConfigError, Settings, load};
use crate::error_body::Failure;
use crate::rule_cache::RuleCache;
use crate::snapshot::build::SnapshotBuilder;
use crate::{refusal, state_dir};

const AFTER_HELP: &str = "\
Examples:
  echo 'token: ghp_0123..' | aegis-gateway tokenize          what would be sent of this text?
  aegis-gateway tokenize --explain < request.json            ... and what was found where?
  aegis-gateway tokenize --format text < notes.md | pbcopy   paste it into a web page instead of the original

The input is read as the body of a request without a content type: JSON as long as it is JSON, else text. Tokens are
those of the gateway with this state folder, so that its replies restore them; a folder without a master key is left as
it is, and the tokens are then of a key that is forgotten. Nothing is sent anywhere, and nothing is recorded.

--explain lists findings on standard error, without their values: rule, category, action, place, token.

Exit codes: 0 written; 1 the policy refuses it, and nothing is written; 2 it cannot be read.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct TokenizeCommand {
    /// List what was found on standard error
    #[arg(long)]
    explain: bool,
    /// How the input is read [default: JSON if it is JSON, else text]
    #[arg(long, value_enum)]
    format: Option<InputFormat>,
    #[command(flatten)]
    state: StateOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InputFormat {
    /// A text as it is
    Text,
    /// One JSON document; anything else is an error
    Json,
}

impl TokenizeCommand {
    pub(super) fn execute(&self) -> Result<CliOutcome, CliFailure> {
        let settings = load(&self.state.sources())?.settings;
        let shield = shield(&settings)?;
        let input = read_input(settings.limits.max_body)?;
        let format = match self.format {
            None => Format::Unknown,
            Some(InputFormat::Text) => Format::Text,
            Some(InputFormat::Json) => Format::Json,
        };
        let (output, report, refused) = tokenize(&shield, format, &input)?;
        if self.explain {
            explain(&shield, &report, output.as_ref().map_or(&[], |output| output.as_slice()));
        }
        if let Some(failure) = refused {
            say(format_args!("error: {}", failure.message));
            return Ok(if failure.status == 403 { CliOutcome::No } else { CliOutcome::Failed });
        }
        write(output.as_ref().map_or(&[], |output| output.as_slice()))?;
        Ok(CliOutcome::Success)
    }
}

/// Rules, policy and keys as the gateway has them.
fn shield(settings: &Settings) -> Result<Arc<Shield>, CliFailure> {
    let has_key = settings.tokens.key.is_some() || settings.tokens.key_file.is_some();
    let folder = state_dir::folder(settings);
    if !has_key && !folder.join(state_dir::KEY_FILE).exists() {
        say(format_args!(
            "note: {} holds no master key yet; these tokens are of a key that is forgotten",
            folder.display()
        ));
    }
    let master = state_dir::master_key(settings, state_dir::MissingKey::Invent).map_err(ConfigError::from)?;
    let snapshot =
        SnapshotBuilder::new(RuleCache::of_gateway(settings).read_only()).build(settings, &master)?;
    Ok(snapshot.shield)
}

fn read_input(limit: u64) -> Result<Zeroizing<Vec<u8>>, CliFailure> {
    if std::io::stdin().is_terminal() {
        say("Type or paste the text, then Enter and Ctrl-D:");
    }
    let mut input = Zeroizing::new(Vec::new());
    std::io::stdin()
        .lock()
        .take(limit.saturating_add(1))
        .read_to_end(&mut input)
        .map_err(|error| failure(format!("cannot read standard input: {error}"), ""))?;
    if input.len() as u64 > limit {
        return Err(failure(
            format!("the input has more than the {limit} bytes of limits.max_body"),
            "the gateway would refuse it, too",
        ));
    }
    Ok(input)
}

/// What becomes of the input, what was found, and why it is refused if it is.
type Tokenized = (Option<Zeroizing<Vec<u8>>>, Report, Option<Failure>);

fn tokenize(shield: &Arc<Shield>, format: Format, input: &[u8]) -> Result<Tokenized, CliFailure> {
    let mut scratch =
        ShardScratch::new(&shield.rules).map_err(|error| failure(error, "is there enough memory?"))?;
    let mut tokenizer = Tokenizer::new(Arc::clone(shield), format);
    let mut output = Zeroizing::new(Vec::with_capacity(input.len() + input.len() / 8));
    let mut splice = Splice::new();
    let refused = loop {
        splice.clear();
        let mut rest = input;
        let read = loop {
            match tokenizer.push(&mut scratch, rest, true, &mut splice) {
                Ok(consumed) => rest = &rest[consumed..],
                Err(refusal) => break Err(refusal),
            }
            if tokenizer.is_finished() {
                break Ok(());
            }
        };
        match read {
            Ok(()) if tokenizer.rewind() => {}
            Ok(()) => break None,
            Err(refusal) => break Some(refusal::explain(&shield.rules, &refusal)),
        }
    };
    splice.write_to(input, &mut output);
    splice.wipe();
    scratch.wipe();
    let TokenizeOutcome { report, .. } = tokenizer.finish();
    let output = refused.is_none().then_some(output);
    Ok((output, report, refused))
}

/// A line for each finding. Where a text has no places, the token's line is one.
fn explain(shield: &Shield, report: &Report, output: &[u8]) {
    let mut seen = 0;
    let rows: Vec<[String; 5]> = report
        .findings()
        .iter()
        .map(|finding| {
            let token = finding.token.as_ref().map(aegis_shield::Token::as_str);
            let found = token.and_then(|token| memchr::memmem::find(&output[seen..], token.as_bytes()));
            if let Some(at) = found {
                seen += at + 1;
            }
            let place = match (finding.place.as_str(), found) {
                ("", Some(_)) => format!("line {}", memchr::memchr_iter(b'\n', &output[..seen]).count() + 1),
                ("", None) => "-".to_owned(),
                (place, _) => place.to_owned(),
            };
            let rule = shield.rules.get(finding.rule).id.clone();
            let (category, action) =
                (finding.category.as_str().to_owned(), finding.action.as_str().to_owned());
            [rule, category, action, place, token.unwrap_or("-").to_owned()]
        })
        .collect();
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        say(cells.join("  ").trim_end());
    }
    for value in report.opaque() {
        say(format_args!("not read: {} of {} bytes at {}", value.kind.as_str(), value.bytes, value.place));
    }
    let total = report.total() as usize;
    let more = total - rows.len();
    let tail = if more > 0 { format!(", {more} of them not listed") } else { String::new() };
    say(format_args!("{total} found{tail}"));
}

fn write(output: &[u8]) -> Result<(), CliFailure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(output).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(failure(error, "")),
        _ => Ok(()),
    }
}
