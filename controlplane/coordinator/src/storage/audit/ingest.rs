//! Taking a batch of events. The stream's row is locked first, then the organisation's counter, and both until the
//! commit: events are numbered in the order they become visible, and an answer means that they outlive a crash.

use super::chain::link;
use crate::storage::clock::day_of;
use crate::storage::database::{Database, Tx};
use crate::storage::error::{Error, Result};
use crate::storage::event::{Facts, MAX_LINE_BYTES, StoredEvent};
use crate::storage::scope::Organisation;
use crate::storage::value::values;

/// Most events of a batch.
pub const MAX_BATCH_EVENTS: usize = 5000;

/// Consecutive events of one stream.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Who ships them.
    pub gateway: String,
    /// Its process.
    pub boot: String,
    /// Sequence of the first line; a stream begins with 1.
    pub first_sequence: i64,
    /// The events, each the exact bytes of its line without the line's end.
    pub lines: Vec<Vec<u8>>,
    /// The chain's hash after the last line, as the gateway has it. Another one here means that two processes wrote
    /// under one name.
    pub hash: Option<[u8; 32]>,
}

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ingested {
    /// All up to `last_sequence` is committed.
    Stored {
        /// The last event of the stream that is committed.
        last_sequence: i64,
        /// How many of the batch were new.
        new: usize,
    },
    /// The partition of today is not there yet: nothing was written; the same batch is to be sent again.
    Wait,
    /// Events before the batch are missing: nothing was written.
    Hole {
        /// The sequence that is expected.
        expected: i64,
    },
    /// The chain is another than the gateway's: nothing was written.
    Forked {
        /// The last event of the stream that is committed.
        last_sequence: i64,
    },
    /// The stream was ended: nothing was written.
    Ended,
}

/// Takes a batch. When it returns [`Ingested::Stored`], the events are committed and on the disk.
pub async fn ingest(database: &Database, organisation: Organisation, batch: Batch) -> Result<Ingested> {
    if batch.lines.len() > MAX_BATCH_EVENTS || batch.first_sequence < 1 {
        return Err(Error::Refused(format!("a batch has at most {MAX_BATCH_EVENTS} events, counted from 1")));
    }
    if batch.lines.iter().any(|line| line.len() > MAX_LINE_BYTES) {
        return Err(Error::Refused(format!("an event is longer than {MAX_LINE_BYTES} bytes")));
    }
    let mut tx = database.ingest(organisation).await?;
    let parameters = values![tx.scope().id(), &batch.gateway, &batch.boot];
    let sql = "SELECT last_sequence, last_hash, clock_skew_us, ended_us FROM audit_streams \
               WHERE organisation_id = $1 AND gateway_id = $2 AND boot_id = $3";
    let stream = tx.query_locked(sql, parameters).await?;
    let stream = stream.first().ok_or(Error::NotFound("stream: it was not opened"))?;
    let last: i64 = stream.get("last_sequence")?;
    let mut hash: [u8; 32] = stream.get("last_hash")?;
    if batch.first_sequence > last + 1 {
        return Ok(Ingested::Hole { expected: last + 1 });
    }
    let batch_len = i64::try_from(batch.lines.len()).unwrap_or(i64::MAX);
    let repeats =
        usize::try_from(last + 1 - batch.first_sequence).unwrap_or(usize::MAX).min(batch.lines.len());
    let count = batch_len - i64::try_from(repeats).unwrap_or(i64::MAX);
    let mut events = Vec::with_capacity(batch.lines.len() - repeats);
    for (sequence, line) in (last + 1..).zip(batch.lines.into_iter().skip(repeats)) {
        hash = link(&hash, sequence, &line);
        let facts = Facts::of_line(&line);
        events.push(StoredEvent {
            organisation: tx.scope().id().to_owned(),
            number: 0,
            retention_days: 0,
            received_day: 0,
            gateway: batch.gateway.clone(),
            boot: batch.boot.clone(),
            sequence,
            hash,
            received: 0,
            clock_skew: stream.get("clock_skew_us")?,
            line,
            facts,
        });
    }
    // What ends before the last committed event cannot be compared: its hash is no longer at hand.
    let ends_at = batch.first_sequence + batch_len - 1;
    if ends_at == last + count && batch.hash.is_some_and(|theirs| theirs != hash) {
        return Ok(Ingested::Forked { last_sequence: last });
    }
    if events.is_empty() {
        return Ok(Ingested::Stored { last_sequence: last, new: 0 });
    }
    if stream.get::<Option<i64>>("ended_us")?.is_some() {
        return Ok(Ingested::Ended);
    }
    let new = events.len();
    let parameters =
        values![last + count, hash, tx.clock().await?, tx.scope().id(), &batch.gateway, &batch.boot];
    let sql = "UPDATE audit_streams SET last_sequence = $1, last_hash = $2, updated_us = $3 \
               WHERE organisation_id = $4 AND gateway_id = $5 AND boot_id = $6";
    tx.execute_one("stream", sql, parameters).await?;
    number(&mut tx, &mut events).await?;
    if !tx.engine().insert_events(events).await? {
        return Ok(Ingested::Wait);
    }
    tx.commit().await?;
    Ok(Ingested::Stored { last_sequence: last + count, new })
}

/// Gives the events their numbers and their time. Both only grow in an organisation: whoever has read up to a number
/// has read all that was received up to its time.
async fn number(tx: &mut Tx<Organisation>, events: &mut [StoredEvent]) -> Result<()> {
    let parameters = values![tx.scope().id()];
    let sql =
        "SELECT next_number, last_received_us, retention_days FROM audit_counters WHERE organisation_id = $1";
    let counter = tx.query_locked(sql, parameters).await?;
    let counter = counter.first().ok_or(Error::NotFound("counter of this organisation"))?;
    let first: i64 = counter.get("next_number")?;
    let last_received: i64 = counter.get("last_received_us")?;
    let received = tx.clock().await?.max(last_received);
    let day = day_of(received);
    for (number, event) in (first..).zip(events.iter_mut()) {
        event.number = number;
        event.received = received;
        event.received_day = day;
        event.retention_days = counter.get("retention_days")?;
    }
    // Searches go by these marks: one that is missing would hide events. So each batch makes sure of its day's.
    let sql = "INSERT INTO audit_days (organisation_id, received_day, first_number) VALUES ($1, $2, $3) \
               ON CONFLICT DO NOTHING";
    let parameters = values![tx.scope().id(), day, first];
    tx.execute(sql, parameters).await?;
    let next = first + i64::try_from(events.len()).unwrap_or(i64::MAX);
    let parameters = values![next, received, tx.scope().id()];
    let sql = "UPDATE audit_counters SET next_number = $1, last_received_us = $2 WHERE organisation_id = $3";
    tx.execute_one("counter of this organisation", sql, parameters).await
}
