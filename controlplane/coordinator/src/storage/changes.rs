//! Numbers of changes: each topic of an organisation counts its changes, and whoever has seen one number has seen all
//! before it. Gateways and other coordinators ask for what is newer than they know; a hint only tells them to ask now.

use super::database::Tx;
use super::error::{Error, Result};
use super::scope::Organisation;
use super::value::values;

/// Channel of the hints that something has changed.
pub const CHANNEL: &str = "aegis_changes";

/// What changes are counted of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// Gateway keys.
    Keys,
    /// Policies, custom rules, lists of known values, allowed values: all that a bundle is made of.
    Policies,
    /// Credentials for providers.
    Credentials,
    /// Tokens and short-lived credentials that are refused.
    Revocations,
}

impl Topic {
    fn name(self) -> &'static str {
        match self {
            Topic::Keys => "keys",
            Topic::Policies => "policies",
            Topic::Credentials => "credentials",
            Topic::Revocations => "revocations",
        }
    }
}

/// Takes the next number of a topic. It is held until the transaction ends.
pub(super) async fn next(tx: &mut Tx<Organisation>, topic: Topic) -> Result<i64> {
    let sql = "INSERT INTO change_counters (organisation_id, topic, version) VALUES ($1, $2, 1) \
               ON CONFLICT (organisation_id, topic) DO UPDATE SET version = change_counters.version + 1 \
               RETURNING version";
    let parameters = values![tx.scope().id(), topic.name()];
    let row = tx.query_first(sql, parameters).await?;
    tx.engine().notify(CHANNEL).await?;
    row.ok_or(Error::NotFound("organisation"))?.get("version")
}

/// The number of the last change; 0 before the first.
pub async fn newest(tx: &mut Tx<Organisation>, topic: Topic) -> Result<i64> {
    let sql = "SELECT version FROM change_counters WHERE organisation_id = $1 AND topic = $2";
    let parameters = values![tx.scope().id(), topic.name()];
    tx.query_first(sql, parameters).await?.map_or(Ok(0), |row| row.get("version"))
}
