//! `admin`: what an operator does on the coordinator's own host, past the API.

use std::time::Duration;

use clap::{Args, Subcommand};
use sha2::{Digest as _, Sha256};

use super::options::{ConfigOptions, block_on};
use super::output::{Failure, Outcome, say};
use crate::authority::load_or_make;
use crate::join_key::JoinKey;
use crate::parts;
use crate::storage::audit::{self, Verdict};
use crate::storage::join_keys::{self, NewJoinKey};
use crate::storage::{Database, Operator, Organisation, day_of, fleet, now, organisations};

/// How long a join key holds unless something else is asked for.
const JOIN_KEY_HOURS: u64 = 24;
/// Streams that verification reads at most.
const STREAMS: u32 = 10_000;

/// Set up and look after an installation from its own host.
#[derive(Debug, Args)]
pub(super) struct AdminCommand {
    #[command(flatten)]
    config: ConfigOptions,
    #[command(subcommand)]
    command: AdminSubcommand,
}

#[derive(Debug, Subcommand)]
enum AdminSubcommand {
    /// Make an organisation and a join key for its gateways
    Init {
        /// Its name
        #[arg(long, value_name = "NAME")]
        organisation: String,
    },
    /// Make a join key for further gateways
    JoinKey {
        /// The organisation's id
        #[arg(long, value_name = "ORG_ID")]
        organisation: String,
        /// Name of the key, for lists
        #[arg(long, default_value = "command line")]
        name: String,
        /// Hours for which it holds
        #[arg(long, default_value_t = JOIN_KEY_HOURS)]
        hours: u64,
        /// Gateways that it enrols at most
        #[arg(long)]
        uses: Option<u32>,
    },
    /// Say whether every audit event of an organisation is there, as it came
    AuditVerify {
        /// The organisation's id
        #[arg(long, value_name = "ORG_ID")]
        organisation: String,
    },
}

impl AdminCommand {
    pub(super) fn execute(self) -> Result<Outcome, Failure> {
        let loaded = self.config.load()?;
        let settings = loaded.settings;
        block_on(async {
            let database = parts::open_database(&settings)?;
            if settings.database.url.is_none() {
                database.migrate().await?;
                database.maintain_events(day_of(now())).await?;
            }
            database.check().await?;
            match self.command {
                AdminSubcommand::Init { organisation } => {
                    let mut tx = database.write(Operator).await?;
                    let made = organisations::create(&mut tx, &organisation, &slug(&organisation)).await?;
                    tx.commit().await?;
                    say(&format!("organisation  {}", made.id()));
                    let authority = load_or_make(&database, &parts::sealer(&settings, true)?).await?;
                    let key = JoinKeyRequest { name: "first gateways", hours: JOIN_KEY_HOURS, uses: None };
                    make_join_key(&database, &authority.hash(), made.id(), &key).await
                }
                AdminSubcommand::JoinKey { organisation, name, hours, uses } => {
                    let authority = load_or_make(&database, &parts::sealer(&settings, true)?).await?;
                    let key = JoinKeyRequest { name: &name, hours, uses };
                    make_join_key(&database, &authority.hash(), &organisation, &key).await
                }
                AdminSubcommand::AuditVerify { organisation } => verify(&database, &organisation).await,
            }
        })
    }
}

/// A join key that is asked for.
struct JoinKeyRequest<'r> {
    name: &'r str,
    hours: u64,
    uses: Option<u32>,
}

/// Makes a join key and shows it, once.
async fn make_join_key(
    database: &Database,
    authority: &[u8; 32],
    organisation: &str,
    wanted: &JoinKeyRequest<'_>,
) -> Result<Outcome, Failure> {
    let key = JoinKey::generate(authority);
    let lifetime = Duration::from_secs(wanted.hours.saturating_mul(3_600));
    let new = NewJoinKey {
        organisation,
        environment: None,
        name: wanted.name,
        prefix: key.shown(),
        sha256: Sha256::digest(key.text().as_bytes()).into(),
        uses_max: wanted.uses.map(i64::from),
        expires: Some(now().saturating_add(i64::try_from(lifetime.as_micros()).unwrap_or(i64::MAX))),
        created_by: None,
    };
    if organisation != fleet::SHARED_POOL {
        organisations::own(&mut database.read(Organisation::new(organisation)?).await?).await?;
    }
    let mut tx = database.write(Operator).await?;
    join_keys::create(&mut tx, &new).await?;
    tx.commit().await?;
    say(&format!("join key      {}", key.text()));
    say(&format!("              holds for {} h and is not shown again", wanted.hours));
    Ok(Outcome::Done)
}

/// Follows the chains of all streams of an organisation.
async fn verify(database: &Database, organisation: &str) -> Result<Outcome, Failure> {
    let organisation = Organisation::new(organisation)?;
    let mut tx = database.read(organisation.clone()).await?;
    let streams = audit::streams(&mut tx, STREAMS).await?;
    drop(tx);
    let mut outcome = Outcome::Done;
    for stream in &streams {
        let mut operator = database.read(Operator).await?;
        let gateway = fleet::find(&mut operator, &stream.gateway).await?;
        drop(operator);
        let is_signed = |checkpoint: &audit::Checkpoint| {
            crate::checkpoints::is_signed(&gateway, organisation.id(), &stream.boot, checkpoint)
        };
        let name = format!("gateway {} boot {}", stream.gateway, stream.boot);
        match audit::verify(database, &organisation, (&stream.gateway, &stream.boot), is_signed).await? {
            Verdict::Whole { events, expired, checkpoints } => {
                say(&format!(
                    "{name}: {events} events as they came, {expired} expired, {checkpoints} checkpoints agree"
                ));
            }
            Verdict::Missing { sequence } => {
                say(&format!("{name}: event {sequence} is missing"));
                outcome = Outcome::No;
            }
            Verdict::Altered { sequence } => {
                say(&format!("{name}: event {sequence} was altered"));
                outcome = Outcome::No;
            }
            Verdict::Unsigned { sequence } => {
                say(&format!("{name}: up to event {sequence} the chain is not what the gateway signed"));
                outcome = Outcome::No;
            }
        }
    }
    say(&format!("{} streams", streams.len()));
    Ok(outcome)
}

/// A name for addresses: lower-case letters and digits, everything else a dash.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for letter in name.chars() {
        match letter.to_ascii_lowercase() {
            letter if letter.is_ascii_alphanumeric() => slug.push(letter),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "organisation".to_owned() } else { slug.to_owned() }
}
