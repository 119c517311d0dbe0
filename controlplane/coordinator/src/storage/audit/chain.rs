//! The chain of a stream: each event's hash covers its exact bytes, its place, and the hash before it. Checkpoints are
//! such hashes signed by the gateway, which the database cannot make up.

use std::collections::BTreeMap;

use aegis_proto::chain::ChainHash;

use super::query::{self, Event};
use crate::storage::clock::{Micros, now};
use crate::storage::database::{Database, Tx};
use crate::storage::error::{Error, Result};
use crate::storage::event::Facts;
use crate::storage::scope::Organisation;
use crate::storage::value::values;

/// Events that verification reads at once.
const VERIFY_STEP: i64 = 500;

/// The hash before the first event: of who writes the stream.
pub fn start_of_chain(organisation: &str, gateway: &str, boot: &str) -> [u8; 32] {
    ChainHash::start(organisation, gateway, boot).0
}

/// The hash of an event, given the one before it.
pub fn link(before: &[u8; 32], sequence: i64, line: &[u8]) -> [u8; 32] {
    ChainHash(*before).after(sequence.unsigned_abs(), line).0
}

/// What a gateway signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The event up to which it goes.
    pub sequence: i64,
    /// The chain's hash there.
    pub hash: [u8; 32],
    /// When the gateway signed it, by its clock.
    pub signed: Micros,
    /// The gateway's signature.
    pub signature: Vec<u8>,
    /// When it came.
    pub received: Micros,
}

/// Keeps a checkpoint whose signature the caller has checked. Refused when the chain has another hash there, or has not
/// come so far.
pub async fn add_checkpoint(
    tx: &mut Tx<Organisation>,
    gateway: &str,
    boot: &str,
    checkpoint: &Checkpoint,
) -> Result<()> {
    let organisation = tx.scope().id().to_owned();
    let stored = tx
        .query_first(
            "SELECT hash FROM audit_events \
             WHERE organisation_id = $1 AND gateway_id = $2 AND boot_id = $3 AND sequence = $4",
            values![&organisation, gateway, boot, checkpoint.sequence],
        )
        .await?;
    let stored: [u8; 32] = stored.ok_or(Error::NotFound("event of this checkpoint"))?.get("hash")?;
    if stored != checkpoint.hash {
        return Err(Error::Refused(format!("the chain has another hash at event {}", checkpoint.sequence)));
    }
    let sql = "INSERT INTO audit_checkpoints (organisation_id, gateway_id, boot_id, sequence, hash, signed_us, signature, received_us) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    let parameters = values![
        &organisation,
        gateway,
        boot,
        checkpoint.sequence,
        checkpoint.hash,
        checkpoint.signed,
        &checkpoint.signature,
        now()
    ];
    tx.execute(sql, parameters).await.map(drop)
}

/// The checkpoints of a stream, the oldest first.
pub async fn checkpoints(tx: &mut Tx<Organisation>, gateway: &str, boot: &str) -> Result<Vec<Checkpoint>> {
    let sql = "SELECT sequence, hash, signed_us, signature, received_us FROM audit_checkpoints \
               WHERE organisation_id = $1 AND gateway_id = $2 AND boot_id = $3 ORDER BY sequence";
    let parameters = values![tx.scope().id(), gateway, boot];
    let rows = tx.query(sql, parameters).await?;
    rows.iter()
        .map(|row| {
            Ok(Checkpoint {
                sequence: row.get("sequence")?,
                hash: row.get("hash")?,
                signed: row.get("signed_us")?,
                signature: row.get("signature")?,
                received: row.get("received_us")?,
            })
        })
        .collect()
}

/// What the verification of a stream found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every event that has not expired is there as it came.
    Whole {
        /// Events that were read.
        events: u64,
        /// Events that have expired; their run's last hash was taken as it stands.
        expired: u64,
        /// Checkpoints that agree.
        checkpoints: u64,
    },
    /// This event is missing, and the first one that is.
    Missing {
        /// Its place in the stream.
        sequence: i64,
    },
    /// This event is not as it came, and the first one that is not.
    Altered {
        /// Its place in the stream.
        sequence: i64,
    },
    /// The chain was written anew: it holds together, but is not what the gateway signed up to this event.
    Unsigned {
        /// The checkpoint's place in the stream.
        sequence: i64,
    },
}

struct Anchor {
    last: i64,
    hash: [u8; 32],
}

/// Follows a stream from its first event to its last. `is_signed` checks the signature of a checkpoint.
pub async fn verify(
    database: &Database,
    organisation: &Organisation,
    (gateway, boot): (&str, &str),
    is_signed: impl Fn(&Checkpoint) -> bool,
) -> Result<Verdict> {
    let mut tx = database.read(organisation.clone()).await?;
    let sql = "SELECT last_sequence, last_hash FROM audit_streams \
               WHERE organisation_id = $1 AND gateway_id = $2 AND boot_id = $3";
    let head = tx.query_first(sql, values![organisation.id(), gateway, boot]).await?;
    let head = head.ok_or(Error::NotFound("stream"))?;
    let (last, last_hash): (i64, [u8; 32]) = (head.get("last_sequence")?, head.get("last_hash")?);
    let checkpoints: BTreeMap<i64, Checkpoint> =
        checkpoints(&mut tx, gateway, boot).await?.into_iter().map(|point| (point.sequence, point)).collect();
    drop(tx);

    let mut hash = start_of_chain(organisation.id(), gateway, boot);
    let (mut at, mut events, mut expired, mut agreed) = (0_i64, 0_u64, 0_u64, 0_u64);
    while at < last {
        let (found, anchors) = read_step(database, organisation, (gateway, boot), at).await?;
        let mut found = found.into_iter().peekable();
        let begun_at = at;
        while at < last {
            let wanted = at + 1;
            if let Some(event) = found.next_if(|event| event.sequence == wanted) {
                hash = link(&hash, wanted, &event.line);
                if hash != event.hash || !is_as_its_line(&event) {
                    return Ok(Verdict::Altered { sequence: wanted });
                }
                events += 1;
                at = wanted;
            } else if let Some(anchor) = anchors.get(&wanted) {
                hash = anchor.hash;
                expired += (anchor.last - at).unsigned_abs();
                at = anchor.last;
            } else if found.peek().is_some() || at == begun_at {
                return Ok(Verdict::Missing { sequence: wanted });
            } else {
                break;
            }
            if let Some(point) = checkpoints.get(&at) {
                if point.hash != hash || !is_signed(point) {
                    return Ok(Verdict::Unsigned { sequence: at });
                }
                agreed += 1;
            }
        }
    }
    if hash != last_hash {
        return Ok(Verdict::Altered { sequence: last });
    }
    Ok(Verdict::Whole { events, expired, checkpoints: agreed })
}

async fn read_step(
    database: &Database,
    organisation: &Organisation,
    (gateway, boot): (&str, &str),
    after: i64,
) -> Result<(Vec<Event>, BTreeMap<i64, Anchor>)> {
    let mut tx = database.read(organisation.clone()).await?;
    let sql = format!(
        "SELECT {} FROM audit_events e WHERE e.organisation_id = $1 AND e.gateway_id = $2 AND e.boot_id = $3 \
         AND e.sequence > $4 ORDER BY e.sequence LIMIT $5",
        query::COLUMNS
    );
    let parameters = values![organisation.id(), gateway, boot, after, VERIFY_STEP];
    let events = tx.query(&sql, parameters).await?.iter().map(query::event).collect::<Result<Vec<_>>>()?;
    let sql = "SELECT first_sequence, last_sequence, last_hash FROM audit_anchors \
               WHERE organisation_id = $1 AND gateway_id = $2 AND boot_id = $3 AND first_sequence > $4";
    let mut anchors = BTreeMap::new();
    for row in tx.query(sql, values![organisation.id(), gateway, boot, after]).await? {
        let anchor = Anchor { last: row.get("last_sequence")?, hash: row.get("last_hash")? };
        anchors.insert(row.get("first_sequence")?, anchor);
    }
    Ok((events, anchors))
}

/// Whether the columns say what the line says. A row whose columns were changed would be found, or not found, wrongly.
fn is_as_its_line(event: &Event) -> bool {
    let facts = Facts::of_line(&event.line);
    event.kind == facts.kind
        && event.occurred == facts.occurred.unwrap_or(event.received)
        && event.request == facts.request
        && event.key == facts.key
        && event.team == facts.team
        && event.provider == facts.provider
        && event.model == facts.model
        && event.outcome == facts.outcome
        && event.status == facts.status
        && event.findings_total == facts.findings_total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_depends_on_every_part_and_where_it_ends() {
        let start = start_of_chain("o", "g", "b");
        assert_ne!(start, start_of_chain("og", "", "b"));
        assert_ne!(link(&start, 1, b"x"), link(&start, 2, b"x"));
        assert_ne!(link(&start, 1, b"x"), link(&start, 1, b"y"));
        assert_ne!(link(&start, 1, b"x"), link(&start_of_chain("o", "g", "c"), 1, b"x"));
    }
}
