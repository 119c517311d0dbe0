//! Policies with their versions, the bundles that go out to gateways, and what these made of them.

use super::changes::{self, Topic};
use super::clock::{Micros, now};
use super::database::Tx;
use super::error::{Error, Result};
use super::ids::new_id;
use super::organisations::check_name;
use super::paging::{List, list, with_one_more};
use super::scope::Organisation;
use super::value::{Row, values};

/// Whether a policy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyState {
    /// It is being written.
    Draft,
    /// It holds.
    Active,
    /// It held, and may again.
    Paused,
    /// It is gone. The row stays, with its versions.
    Deleted,
}

impl PolicyState {
    const ALL: [PolicyState; 4] =
        [PolicyState::Draft, PolicyState::Active, PolicyState::Paused, PolicyState::Deleted];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            PolicyState::Draft => "draft",
            PolicyState::Active => "active",
            PolicyState::Paused => "paused",
            PolicyState::Deleted => "deleted",
        }
    }

    fn of_name(name: &str) -> Option<PolicyState> {
        PolicyState::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// What people write of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyText {
    /// Its name.
    pub name: String,
    /// Whether it holds.
    pub state: PolicyState,
    /// Scope, actions and settings, as JSON.
    pub document: String,
}

/// A policy as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Its id.
    pub id: String,
    /// Counts its changes from 1: what `If-Match` names.
    pub revision: i64,
    /// The number of the change in the organisation.
    pub version: i64,
    /// What was written.
    pub text: PolicyText,
    /// When it was made.
    pub created: Micros,
    /// When it was changed.
    pub updated: Micros,
}

/// A policy as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyVersion {
    /// The revision.
    pub revision: i64,
    /// What was written.
    pub text: PolicyText,
    /// The revision that it brought back.
    pub rolled_back_to: Option<i64>,
    /// Who changed it.
    pub changed_by: Option<String>,
    /// When.
    pub changed: Micros,
}

const COLUMNS: &str = "policy_id, name, state, revision, version, document, created_us, updated_us";
const VERSION_COLUMNS: &str = "revision, name, state, document, rolled_back_to, changed_by, changed_us";

fn text(row: &Row) -> Result<PolicyText> {
    Ok(PolicyText {
        name: row.get("name")?,
        state: row.parse("state", PolicyState::of_name)?,
        document: row.get("document")?,
    })
}

fn policy(row: &Row) -> Result<Policy> {
    Ok(Policy {
        id: row.get("policy_id")?,
        revision: row.get("revision")?,
        version: row.get("version")?,
        text: text(row)?,
        created: row.get("created_us")?,
        updated: row.get("updated_us")?,
    })
}

fn policy_version(row: &Row) -> Result<PolicyVersion> {
    Ok(PolicyVersion {
        revision: row.get("revision")?,
        text: text(row)?,
        rolled_back_to: row.get("rolled_back_to")?,
        changed_by: row.get("changed_by")?,
        changed: row.get("changed_us")?,
    })
}

/// Makes a policy.
pub async fn create(tx: &mut Tx<Organisation>, new: &PolicyText, by: Option<&str>) -> Result<Policy> {
    check_name(&new.name)?;
    let (id, time) = (new_id("pol"), now());
    let version = changes::next(tx, Topic::Policies).await?;
    let sql = "INSERT INTO policies (organisation_id, policy_id, name, state, revision, version, document, created_us, \
                  updated_us) VALUES ($1, $2, $3, $4, 1, $5, $6, $7, $7)";
    let parameters = values![tx.scope().id(), &id, &new.name, new.state.name(), version, &new.document, time];
    tx.execute(sql, parameters).await?;
    keep_version(tx, &id, (1, None), new, by).await?;
    find(tx, &id).await
}

async fn keep_version(
    tx: &mut Tx<Organisation>,
    id: &str,
    (revision, rolled_back_to): (i64, Option<i64>),
    text: &PolicyText,
    by: Option<&str>,
) -> Result<()> {
    let sql = "INSERT INTO policy_versions (organisation_id, policy_id, revision, state, name, document, rolled_back_to, \
                  changed_by, changed_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let parameters = values![
        tx.scope().id(),
        id,
        revision,
        text.state.name(),
        &text.name,
        &text.document,
        rolled_back_to,
        by,
        now()
    ];
    tx.execute(sql, parameters).await.map(drop)
}

/// A policy of the organisation.
pub async fn find(tx: &mut Tx<Organisation>, id: &str) -> Result<Policy> {
    let sql = format!("SELECT {COLUMNS} FROM policies WHERE organisation_id = $1 AND policy_id = $2");
    let parameters = values![tx.scope().id(), id];
    policy(&tx.query_first(&sql, parameters).await?.ok_or(Error::NotFound("policy"))?)
}

/// The organisation's policies but those that are gone, in the order they were made.
pub async fn all(tx: &mut Tx<Organisation>, after: Option<&str>, limit: u32) -> Result<List<Policy>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM policies WHERE organisation_id = $1 AND policy_id > $2 AND state <> 'deleted' \
         ORDER BY policy_id LIMIT $3"
    );
    let parameters = values![tx.scope().id(), after.unwrap_or_default(), with_one_more(limit)];
    let rows = tx.query(&sql, parameters).await?;
    list(&rows, limit, policy, |policy| &policy.id)
}

/// Changes a policy that is still at `revision`. Otherwise [`Error::Stale`] says at which it is.
pub async fn update(
    tx: &mut Tx<Organisation>,
    (id, revision): (&str, i64),
    text: &PolicyText,
    by: Option<&str>,
) -> Result<Policy> {
    write(tx, (id, revision), text, None, by).await
}

/// Brings back what a policy was at revision `to`, as a new revision.
pub async fn roll_back(
    tx: &mut Tx<Organisation>,
    (id, revision): (&str, i64),
    to: i64,
    by: Option<&str>,
) -> Result<Policy> {
    let old = version(tx, id, to).await?;
    write(tx, (id, revision), &old.text, Some(to), by).await
}

async fn write(
    tx: &mut Tx<Organisation>,
    (id, revision): (&str, i64),
    text: &PolicyText,
    rolled_back_to: Option<i64>,
    by: Option<&str>,
) -> Result<Policy> {
    check_name(&text.name)?;
    let version = changes::next(tx, Topic::Policies).await?;
    let sql = "UPDATE policies SET name = $1, state = $2, document = $3, revision = revision + 1, version = $4, \
                  updated_us = $5 WHERE organisation_id = $6 AND policy_id = $7 AND revision = $8";
    let parameters =
        values![&text.name, text.state.name(), &text.document, version, now(), tx.scope().id(), id, revision];
    if tx.execute(sql, parameters).await? == 0 {
        return Err(Error::Stale { found: find(tx, id).await?.revision });
    }
    keep_version(tx, id, (revision + 1, rolled_back_to), text, by).await?;
    find(tx, id).await
}

/// What a policy was at a revision.
pub async fn version(tx: &mut Tx<Organisation>, id: &str, revision: i64) -> Result<PolicyVersion> {
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM policy_versions WHERE organisation_id = $1 AND policy_id = $2 AND revision = $3"
    );
    let parameters = values![tx.scope().id(), id, revision];
    policy_version(&tx.query_first(&sql, parameters).await?.ok_or(Error::NotFound("version of this policy"))?)
}

/// The versions of a policy before revision `before`, the newest first.
pub async fn versions(
    tx: &mut Tx<Organisation>,
    id: &str,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<PolicyVersion>> {
    let sql = format!(
        "SELECT {VERSION_COLUMNS} FROM policy_versions WHERE organisation_id = $1 AND policy_id = $2 AND revision < $3 \
         ORDER BY revision DESC LIMIT $4"
    );
    let parameters = values![tx.scope().id(), id, before.unwrap_or(i64::MAX), limit];
    tx.query(&sql, parameters).await?.iter().map(policy_version).collect()
}

/// All that gateways enforce of an organisation, put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The number of the newest change in it.
    pub version: i64,
    /// SHA-256 of the document.
    pub digest: [u8; 32],
    /// The document.
    pub document: Vec<u8>,
}

/// Keeps a bundle. Coordinators that make the same one at once keep one.
pub async fn keep_bundle(tx: &mut Tx<Organisation>, bundle: &Bundle) -> Result<()> {
    let sql = "INSERT INTO policy_bundles (organisation_id, version, digest, document, created_us) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (organisation_id, version) DO NOTHING";
    let parameters = values![tx.scope().id(), bundle.version, bundle.digest, &bundle.document, now()];
    tx.execute(sql, parameters).await.map(drop)
}

/// The newest bundle, if it is newer than `known`.
pub async fn newer_bundle(tx: &mut Tx<Organisation>, known: i64) -> Result<Option<Bundle>> {
    let sql = "SELECT version, digest, document FROM policy_bundles \
               WHERE organisation_id = $1 AND version > $2 ORDER BY version DESC LIMIT 1";
    let parameters = values![tx.scope().id(), known];
    let Some(row) = tx.query_first(sql, parameters).await? else { return Ok(None) };
    Ok(Some(Bundle {
        version: row.get("version")?,
        digest: row.get("digest")?,
        document: row.get("document")?,
    }))
}

/// What a gateway made of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It was sent and not answered yet.
    Sent,
    /// It is used.
    Applied,
    /// It was refused.
    Refused {
        /// Kind of fault.
        code: String,
        /// The rule it is about.
        rule: Option<String>,
        /// What is wrong.
        detail: String,
    },
}

/// A bundle at a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleUse {
    /// The gateway.
    pub gateway: String,
    /// The bundle.
    pub version: i64,
    /// Its digest.
    pub digest: [u8; 32],
    /// The gateway's build: another one may take what this one refused.
    pub build: String,
    /// What it made of it.
    pub answer: Answer,
    /// When it was sent.
    pub sent: Micros,
    /// When it was answered.
    pub answered: Option<Micros>,
}

/// Notes that a bundle was sent to a gateway, or what the gateway answered.
pub async fn note_use(tx: &mut Tx<Organisation>, used: &BundleUse) -> Result<()> {
    let (outcome, code, rule, detail) = match &used.answer {
        Answer::Sent => ("sent", None, None, None),
        Answer::Applied => ("applied", None, None, None),
        Answer::Refused { code, rule, detail } => ("refused", Some(code), rule.as_ref(), Some(detail)),
    };
    let sql = "INSERT INTO policy_uses (organisation_id, gateway_id, version, digest, build, outcome, code, rule_id, detail, \
                  sent_us, answered_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
               ON CONFLICT (organisation_id, gateway_id, version) DO UPDATE SET digest = excluded.digest, \
                  build = excluded.build, outcome = excluded.outcome, code = excluded.code, rule_id = excluded.rule_id, \
                  detail = excluded.detail, answered_us = excluded.answered_us";
    let parameters = values![
        tx.scope().id(),
        &used.gateway,
        used.version,
        used.digest,
        &used.build,
        outcome,
        code,
        rule,
        detail,
        used.sent,
        used.answered,
    ];
    tx.execute(sql, parameters).await.map(drop)
}

/// What became of a bundle at each gateway.
pub async fn uses(tx: &mut Tx<Organisation>, version: i64) -> Result<Vec<BundleUse>> {
    let sql = "SELECT gateway_id, version, digest, build, outcome, code, rule_id, detail, sent_us, answered_us \
               FROM policy_uses WHERE organisation_id = $1 AND version = $2 ORDER BY gateway_id";
    let parameters = values![tx.scope().id(), version];
    let rows = tx.query(sql, parameters).await?;
    rows.iter().map(bundle_use).collect()
}

fn bundle_use(row: &Row) -> Result<BundleUse> {
    let answer = match row.get::<String>("outcome")?.as_str() {
        "sent" => Answer::Sent,
        "applied" => Answer::Applied,
        _ => {
            Answer::Refused { code: row.get("code")?, rule: row.get("rule_id")?, detail: row.get("detail")? }
        }
    };
    Ok(BundleUse {
        gateway: row.get("gateway_id")?,
        version: row.get("version")?,
        digest: row.get("digest")?,
        build: row.get("build")?,
        answer,
        sent: row.get("sent_us")?,
        answered: row.get("answered_us")?,
    })
}
