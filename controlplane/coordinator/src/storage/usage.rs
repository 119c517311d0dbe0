//! Usage by hour, added up from the events: each event is counted once, in the order of its number.

use super::clock::Micros;
use super::database::Tx;
use super::error::{Error, Result};
use super::event::REQUEST;
use super::scope::Organisation;
use super::value::{Row, Value, values};

/// Microseconds of an hour.
pub const HOUR_MICROS: i64 = 3_600_000_000;
/// Events that one transaction adds up at most.
const STEP: i64 = 20_000;

/// Adds up events that were not added up yet, at most some. True: there are more.
pub async fn add_up(tx: &mut Tx<Organisation>) -> Result<bool> {
    let organisation = tx.scope().id().to_owned();
    let sql = "SELECT next_number FROM usage_cursors WHERE organisation_id = $1";
    let cursor = tx.query_locked(sql, values![&organisation]).await?;
    let first: i64 = cursor.first().ok_or(Error::NotFound("organisation"))?.get("next_number")?;
    let sql = "SELECT next_number FROM audit_counters WHERE organisation_id = $1";
    let counter = tx.query_first(sql, values![&organisation]).await?;
    let end: i64 = counter.ok_or(Error::NotFound("organisation"))?.get("next_number")?;
    let next = end.min(first + STEP);
    if next == first {
        return Ok(false);
    }
    let sql =
        "SELECT MAX(received_day) AS day FROM audit_days WHERE organisation_id = $1 AND first_number <= $2";
    let day = tx.query_first(sql, values![&organisation, first]).await?;
    let day: Option<i64> = day.ok_or(Error::NotFound("day"))?.get("day")?;
    let sql = format!(
        "INSERT INTO usage_hours (organisation_id, hour, team_id, key_id, provider, model, requests, findings, restored, \
            request_bytes, response_bytes, input_tokens, output_tokens) \
         SELECT organisation_id, occurred_us / {HOUR_MICROS}, COALESCE(team_id, ''), COALESCE(key_id, ''), \
            COALESCE(provider, ''), COALESCE(model, ''), COUNT(*), CAST(SUM(findings) AS BIGINT), \
            CAST(SUM(restored) AS BIGINT), CAST(SUM(request_bytes) AS BIGINT), CAST(SUM(response_bytes) AS BIGINT), \
            CAST(SUM(input_tokens) AS BIGINT), CAST(SUM(output_tokens) AS BIGINT) \
         FROM audit_events WHERE organisation_id = $1 AND number >= $2 AND number < $3 AND received_day >= $4 \
            AND kind = '{REQUEST}' GROUP BY 1, 2, 3, 4, 5, 6 \
         ON CONFLICT (organisation_id, hour, team_id, key_id, provider, model) DO UPDATE SET \
            requests = usage_hours.requests + excluded.requests, findings = usage_hours.findings + excluded.findings, \
            restored = usage_hours.restored + excluded.restored, \
            request_bytes = usage_hours.request_bytes + excluded.request_bytes, \
            response_bytes = usage_hours.response_bytes + excluded.response_bytes, \
            input_tokens = usage_hours.input_tokens + excluded.input_tokens, \
            output_tokens = usage_hours.output_tokens + excluded.output_tokens"
    );
    tx.execute(&sql, values![&organisation, first, next, day.unwrap_or(0)]).await?;
    let sql = "UPDATE usage_cursors SET next_number = $1 WHERE organisation_id = $2";
    tx.execute_one("organisation", sql, values![next, &organisation]).await?;
    Ok(next < end)
}

/// What usage is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// The hour since 1970, UTC: days of any time zone whose offset is in hours are sums of these.
    Hour,
    /// The key's team; empty of keys without one.
    Team,
    /// The key; empty without one.
    Key,
    /// The upstream.
    Provider,
    /// The model; empty where it is not known.
    Model,
}

impl Dimension {
    fn column(self) -> &'static str {
        match self {
            Dimension::Hour => "hour",
            Dimension::Team => "team_id",
            Dimension::Key => "key_id",
            Dimension::Provider => "provider",
            Dimension::Model => "model",
        }
    }
}

/// A sum.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// The value of each dimension that was asked for, in that order.
    pub of: Vec<String>,
    /// Requests.
    pub requests: i64,
    /// Findings.
    pub findings: i64,
    /// Tokens put back.
    pub restored: i64,
    /// Body bytes from clients.
    pub request_bytes: i64,
    /// Body bytes to clients.
    pub response_bytes: i64,
    /// Tokens of models for requests.
    pub input_tokens: i64,
    /// Tokens of models for replies.
    pub output_tokens: i64,
}

/// Adds up usage from the hour of `from` to the hour before that of `until`, divided by `dimensions`. At most `limit` sums,
/// in the order of the dimensions.
pub async fn sums(
    tx: &mut Tx<Organisation>,
    (from, until): (Micros, Micros),
    dimensions: &[Dimension],
    limit: u32,
) -> Result<Vec<Usage>> {
    let columns: Vec<&str> = dimensions.iter().map(|dimension| dimension.column()).collect();
    let list = columns.join(", ");
    let (comma, grouped) = if columns.is_empty() {
        ("", String::new())
    } else {
        (", ", format!("GROUP BY {list} ORDER BY {list}"))
    };
    let sums = [
        "requests",
        "findings",
        "restored",
        "request_bytes",
        "response_bytes",
        "input_tokens",
        "output_tokens",
    ]
    .map(|column| format!("CAST(COALESCE(SUM({column}), 0) AS BIGINT) AS {column}"))
    .join(", ");
    let sql = format!(
        "SELECT {list}{comma}{sums} FROM usage_hours WHERE organisation_id = $1 AND hour >= $2 AND hour < $3 {grouped} \
         LIMIT $4"
    );
    let hours = [from, until].map(|time| Value::from(time.div_euclid(HOUR_MICROS)));
    let mut parameters = values![tx.scope().id()];
    parameters.extend(hours);
    parameters.extend(values![limit]);
    tx.query(&sql, parameters).await?.iter().map(|row| usage(row, dimensions)).collect()
}

fn usage(row: &Row, dimensions: &[Dimension]) -> Result<Usage> {
    let of = |dimension: &Dimension| match dimension {
        Dimension::Hour => row.get::<i64>("hour").map(|hour| hour.to_string()),
        other => row.get(other.column()),
    };
    Ok(Usage {
        of: dimensions.iter().map(of).collect::<Result<_>>()?,
        requests: row.get("requests")?,
        findings: row.get("findings")?,
        restored: row.get("restored")?,
        request_bytes: row.get("request_bytes")?,
        response_bytes: row.get("response_bytes")?,
        input_tokens: row.get("input_tokens")?,
        output_tokens: row.get("output_tokens")?,
    })
}
