//! Searching events. The cursor is an event's number; a search goes over the numbers in strides, each a transaction of
//! its own, so that a rare event in a long log keeps neither a reader nor the database for long.

use super::filter::{Filter, Order};
use super::query_text::{Range, search};
use crate::storage::clock::{Day, Micros, day_of};
use crate::storage::database::{Database, Tx};
use crate::storage::error::{Error, Result};
use crate::storage::retention::RETENTION_DAYS;
use crate::storage::scope::Organisation;
use crate::storage::value::{Row, values};

/// Most events of a page.
pub const MAX_PAGE_EVENTS: u32 = 1000;
/// Events that one statement looks at when no index leads to what is wanted.
const STRIDE: i64 = 20_000;
/// By how much a stride grows where an index does: what it costs depends on what is found.
const STRIDE_GROWTH: i64 = 8;
/// Statements of a page. What is not found by then is told by a page that is not full.
const MAX_STRIDES: usize = 50;

/// Events, and where to go on.
#[derive(Debug, Clone)]
pub struct Page {
    /// At most as many as were asked for; fewer do not mean that there are no more.
    pub events: Vec<Event>,
    /// The cursor of the next page. None at the end; a tail goes on from the last event it has seen.
    pub next: Option<i64>,
}

/// An event as it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its number in the organisation.
    pub number: i64,
    /// Who shipped it.
    pub gateway: String,
    /// Its process.
    pub boot: String,
    /// Its place in the stream.
    pub sequence: i64,
    /// The chain's hash.
    pub hash: [u8; 32],
    /// When it came, by the database's clock.
    pub received: Micros,
    /// When it happened, by the gateway's clock.
    pub occurred: Micros,
    /// By how much the gateway's clock was ahead.
    pub clock_skew: Micros,
    /// What it is about.
    pub kind: String,
    /// The request's id.
    pub request: Option<String>,
    /// The gateway key.
    pub key: Option<String>,
    /// The key's team.
    pub team: Option<String>,
    /// The upstream.
    pub provider: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// How it ended.
    pub outcome: Option<String>,
    /// Status sent to the client.
    pub status: Option<i64>,
    /// Findings in all.
    pub findings_total: i64,
    /// The exact line.
    pub line: Vec<u8>,
}

pub(super) const COLUMNS: &str = "e.number, e.gateway_id, e.boot_id, e.sequence, e.hash, e.received_us, e.occurred_us, \
    e.clock_skew_us, e.kind, e.request_id, e.key_id, e.team_id, e.provider, e.model, e.outcome, e.status, e.findings, \
    e.line";

pub(super) fn event(row: &Row) -> Result<Event> {
    Ok(Event {
        number: row.get("number")?,
        gateway: row.get("gateway_id")?,
        boot: row.get("boot_id")?,
        sequence: row.get("sequence")?,
        hash: row.get("hash")?,
        received: row.get("received_us")?,
        occurred: row.get("occurred_us")?,
        clock_skew: row.get("clock_skew_us")?,
        kind: row.get("kind")?,
        request: row.get("request_id")?,
        key: row.get("key_id")?,
        team: row.get("team_id")?,
        provider: row.get("provider")?,
        model: row.get("model")?,
        outcome: row.get("outcome")?,
        status: row.get("status")?,
        findings_total: row.get("findings")?,
        line: row.get("line")?,
    })
}

/// Finds events. `cursor` is the number of the last event that was seen; none begins at the end that `order` names.
pub async fn page(
    database: &Database,
    organisation: &Organisation,
    filter: &Filter,
    (order, cursor, limit): (Order, Option<i64>, u32),
) -> Result<Page> {
    let limit = usize::try_from(limit.clamp(1, MAX_PAGE_EVENTS)).unwrap_or(1);
    let mut tx = database.read(organisation.clone()).await?;
    let mut bounds = Bounds::read(&mut tx, filter).await?;
    drop(tx);
    match (order, cursor) {
        (Order::NewestFirst, Some(cursor)) => bounds.last = bounds.last.min(cursor.saturating_sub(1)),
        (Order::OldestFirst, Some(cursor)) => bounds.first = bounds.first.max(cursor.saturating_add(1)),
        (_, None) => {}
    }
    let mut events = Vec::new();
    let mut stride = STRIDE;
    for _ in 0..MAX_STRIDES {
        let Some(range) = bounds.stride(order, stride) else { return Ok(Page { events, next: None }) };
        let left = i64::try_from(limit - events.len()).unwrap_or(1);
        let (sql, parameters) = search(COLUMNS, organisation.id(), filter, (range, order, left));
        let mut tx = database.read(organisation.clone()).await?;
        for row in tx.query(&sql, parameters).await? {
            events.push(event(&row)?);
        }
        if events.len() >= limit {
            let next = events.last().map(|event| event.number);
            return Ok(Page { events, next });
        }
        bounds.after(order, range);
        if filter.is_indexed() {
            stride = stride.saturating_mul(STRIDE_GROWTH);
        }
    }
    let next = match order {
        Order::NewestFirst => bounds.last.saturating_add(1),
        Order::OldestFirst => bounds.first.saturating_sub(1),
    };
    Ok(Page { events, next: Some(next) })
}

/// Numbers that a search still goes over, and on which days they were given.
struct Bounds {
    first: i64,
    last: i64,
    /// Each day that has events, with its first number; the oldest first.
    days: Vec<(Day, i64)>,
}

impl Bounds {
    async fn read(tx: &mut Tx<Organisation>, filter: &Filter) -> Result<Bounds> {
        let organisation = tx.scope().id().to_owned();
        let sql = "SELECT next_number FROM audit_counters WHERE organisation_id = $1";
        let counter = tx.query_first(sql, values![&organisation]).await?;
        let next: i64 = counter.ok_or(Error::NotFound("organisation"))?.get("next_number")?;
        let sql = "SELECT received_day, first_number FROM audit_days WHERE organisation_id = $1 ORDER BY received_day";
        let days = tx
            .query(sql, values![&organisation])
            .await?
            .iter()
            .map(|row| Ok((row.get("received_day")?, row.get("first_number")?)))
            .collect::<Result<Vec<(Day, i64)>>>()?;
        let oldest = day_of(tx.clock().await?) - RETENTION_DAYS[RETENTION_DAYS.len() - 1] - 1;
        let from = filter.from.map_or(oldest, |from| day_of(from).max(oldest));
        let first = days.iter().find(|(day, _)| *day >= from).map_or(next, |(_, first)| *first);
        let until = filter.until.and_then(|until| days.iter().find(|(day, _)| *day > day_of(until)));
        Ok(Bounds { first, last: until.map_or(next, |(_, first)| *first) - 1, days })
    }

    /// The next stretch of at most `stride` numbers; none when all was looked at.
    fn stride(&self, order: Order, stride: i64) -> Option<Range> {
        if self.first > self.last {
            return None;
        }
        let (first, last) = match order {
            Order::NewestFirst => (self.first.max(self.last.saturating_sub(stride - 1)), self.last),
            Order::OldestFirst => (self.first, self.last.min(self.first.saturating_add(stride - 1))),
        };
        Some(Range { first, last, first_day: self.day(first), last_day: self.day(last) })
    }

    /// The day on which a number was given.
    fn day(&self, number: i64) -> Day {
        let after = self.days.partition_point(|(_, first)| *first <= number);
        self.days.get(after.saturating_sub(1)).map_or(0, |(day, _)| *day)
    }

    fn after(&mut self, order: Order, done: Range) {
        match order {
            Order::NewestFirst => self.last = done.first - 1,
            Order::OldestFirst => self.first = done.last + 1,
        }
    }
}

/// Sets for how long events that come from now on are kept: one of [`RETENTION_DAYS`].
pub async fn set_retention(tx: &mut Tx<Organisation>, days: i64) -> Result<()> {
    if !RETENTION_DAYS.contains(&days) {
        return Err(Error::Refused(format!("events are kept for one of {RETENTION_DAYS:?} days")));
    }
    let parameters = values![days, tx.scope().id()];
    let sql = "UPDATE audit_counters SET retention_days = $1 WHERE organisation_id = $2";
    tx.execute_one("organisation", sql, parameters).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds() -> Bounds {
        Bounds { first: 1, last: 100, days: vec![(10, 1), (11, 40), (15, 90)] }
    }

    #[test]
    fn strides_cover_every_number_once_in_either_order() {
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let mut left = bounds();
            let mut seen = Vec::new();
            while let Some(range) = left.stride(order, 7) {
                assert!(range.last - range.first < 7);
                seen.extend(range.first..=range.last);
                left.after(order, range);
            }
            seen.sort_unstable();
            assert_eq!(seen, (1..=100).collect::<Vec<_>>());
        }
    }

    #[test]
    fn numbers_have_the_day_they_were_given_on() {
        let bounds = bounds();
        let days: Vec<Day> = [1, 39, 40, 89, 90, 100].map(|number| bounds.day(number)).to_vec();
        assert_eq!(days, [10, 10, 11, 11, 15, 15]);
    }
}
