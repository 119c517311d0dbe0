//! `key`: make gateway keys and their hashes.
//!
//! The configuration holds hashes only, so that a leaked file opens nothing. Keys are 256 random bits; a plain SHA-256
//! is enough for those, and a bad idea for passwords that people think up.

use std::io::{IsTerminal, Read};

use clap::{Args, Subcommand};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::outcome::{CliFailure, CliOutcome, failure, print, say};
use crate::auth;
use crate::hex::HEXLOWER;

/// Longest key `key hash` reads, in bytes.
const MAX_KEY: u64 = 4_096;

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway key new --id ci --org acme      make a key; shows it once, with the lines for the configuration
  printf %s \"$KEY\" | aegis-gateway key hash     the hash of a key you already have";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct KeyCommand {
    #[command(subcommand)]
    command: KeySubcommand,
}

#[derive(Debug, Subcommand)]
enum KeySubcommand {
    /// Make a key and show it once, with its configuration entry
    New {
        /// Name of the key in logs and audit
        #[arg(long, default_value = "key-1")]
        id: String,
        /// Organisation the key belongs to
        #[arg(long)]
        org: Option<String>,
    },
    /// Read a key from standard input and print its SHA-256
    Hash,
}

impl KeyCommand {
    pub(super) fn execute(&self) -> Result<CliOutcome, CliFailure> {
        match &self.command {
            KeySubcommand::New { id, org } => new(id, org.as_deref()),
            KeySubcommand::Hash => hash(),
        }
    }
}

fn new(id: &str, org: Option<&str>) -> Result<CliOutcome, CliFailure> {
    let mut random = Zeroizing::new([0_u8; 32]);
    getrandom::fill(&mut *random).map_err(|error| failure(format!("no random numbers: {error}"), ""))?;
    let key = auth::format_key(&random);
    let org = org.map(|org| format!("  org = {}\n", toml::Value::from(org))).unwrap_or_default();
    let text = Zeroizing::new(format!(
        "Key, shown only now; clients send it as x-aegis-key or as their bearer key:\n  {}\n\n\
         For the configuration file:\n  [[auth.keys]]\n  id = {}\n{org}  sha256 = \"{}\"\n",
        *key,
        toml::Value::from(id),
        HEXLOWER.encode(&Sha256::digest(key.as_bytes()))
    ));
    print(&text)?;
    Ok(CliOutcome::Success)
}

fn hash() -> Result<CliOutcome, CliFailure> {
    if std::io::stdin().is_terminal() {
        say("Type or paste the key, then Enter and Ctrl-D:");
    }
    let mut key = Zeroizing::new(Vec::new());
    std::io::stdin()
        .lock()
        .take(MAX_KEY + 1)
        .read_to_end(&mut key)
        .map_err(|error| failure(format!("cannot read standard input: {error}"), ""))?;
    let trimmed = key.trim_ascii_end();
    if trimmed.is_empty() || key.len() as u64 > MAX_KEY {
        let what = format!("a key has 1 to {MAX_KEY} bytes");
        return Err(failure(what, "pipe it in: printf %s \"$KEY\" | aegis-gateway key hash"));
    }
    print(&format!("{}\n", HEXLOWER.encode(&Sha256::digest(trimmed))))?;
    Ok(CliOutcome::Success)
}
