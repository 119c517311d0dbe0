//! An audit event as it is kept: the exact bytes of its line, for the chain, and beside them what is searched for.

use serde::Deserialize;

use super::clock::{Day, Micros};

/// Longest line that is taken.
pub const MAX_LINE_BYTES: usize = 256 << 10;
/// Bytes of a text that a column keeps. The line has all of it.
pub const MAX_COLUMN_BYTES: usize = 512;
/// Findings of an event that are searched for; a gateway lists no more.
pub const MAX_FINDINGS: usize = 100;

/// Kind of an event whose line could not be read.
pub const UNREADABLE: &str = "unreadable";
/// Kind of an event about one request.
pub const REQUEST: &str = "request";

/// A row of the events, with the rows of its findings.
#[derive(Debug, Clone)]
pub(crate) struct StoredEvent {
    /// Whose it is.
    pub organisation: String,
    /// Its number in the organisation.
    pub number: i64,
    /// How long it is kept.
    pub retention_days: i64,
    /// Day of `received`.
    pub received_day: Day,
    /// Who shipped it.
    pub gateway: String,
    /// Which process of the gateway.
    pub boot: String,
    /// Its place in the stream.
    pub sequence: i64,
    /// The chain's hash up to it.
    pub hash: [u8; 32],
    /// When it came, by the database's clock.
    pub received: Micros,
    /// By how much the gateway's clock is ahead.
    pub clock_skew: Micros,
    /// The line, without its line end.
    pub line: Vec<u8>,
    /// What was read from the line.
    pub facts: Facts,
}

/// What is searched for in an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// [`REQUEST`], [`UNREADABLE`], or the kind that the line names.
    pub kind: String,
    /// When it happened, by the gateway's clock; none if the line does not say.
    pub occurred: Option<Micros>,
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
    /// The gateway's own error, or how the exchange ended.
    pub outcome: Option<String>,
    /// Status sent to the client.
    pub status: Option<i64>,
    /// Findings in all.
    pub findings_total: i64,
    /// Tokens put back.
    pub restored: i64,
    /// Body bytes from the client.
    pub request_bytes: i64,
    /// Body bytes to the client.
    pub response_bytes: i64,
    /// Tokens of the model that the request cost.
    pub input_tokens: i64,
    /// Tokens of the model that the reply cost.
    pub output_tokens: i64,
    /// The findings that are listed, at most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
}

/// A finding of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The rule's id.
    pub rule: String,
    /// The kind of value.
    pub category: String,
    /// What was done.
    pub action: String,
    /// Where it stood.
    pub place: String,
    /// The token that stands for the value.
    pub token: Option<String>,
}

#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    time: Option<String>,
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    team: Option<String>,
    #[serde(default)]
    upstream: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    status: Option<i64>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    ended: Option<String>,
    #[serde(default)]
    bytes: Bytes,
    #[serde(default)]
    usage: Usage,
    #[serde(default)]
    findings_total: i64,
    #[serde(default)]
    restored: i64,
    #[serde(default)]
    findings: Vec<LineFinding>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Bytes {
    request: i64,
    delivered: i64,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Usage {
    input_tokens: i64,
    output_tokens: i64,
}

#[derive(Deserialize)]
struct LineFinding {
    rule: String,
    category: String,
    action: String,
    place: String,
    #[serde(default)]
    token: Option<String>,
}

impl Facts {
    /// Reads a line. One that cannot be read is kept all the same, as [`UNREADABLE`]: refusing it would hold up all
    /// that come after it.
    pub(crate) fn of_line(line: &[u8]) -> Facts {
        // An array of the members' values would be taken for an object.
        let is_object = line.trim_ascii_start().starts_with(b"{");
        let Some(line) = is_object.then(|| serde_json::from_slice::<Line>(line).ok()).flatten() else {
            return Facts { kind: UNREADABLE.into(), ..Facts::default() };
        };
        let text = |text: Option<String>| text.map(column);
        Facts {
            kind: text(line.kind).unwrap_or_else(|| REQUEST.into()),
            occurred: line.time.as_deref().and_then(parse_time),
            request: text(line.id),
            key: text(line.key),
            team: text(line.team),
            provider: text(line.upstream),
            model: text(line.model),
            outcome: text(line.error.or(line.ended)),
            status: line.status,
            findings_total: line.findings_total.max(0),
            restored: line.restored.max(0),
            request_bytes: line.bytes.request.max(0),
            response_bytes: line.bytes.delivered.max(0),
            input_tokens: line.usage.input_tokens.max(0),
            output_tokens: line.usage.output_tokens.max(0),
            findings: line.findings.into_iter().take(MAX_FINDINGS).map(finding).collect(),
        }
    }
}

fn finding(found: LineFinding) -> Finding {
    Finding {
        rule: column(found.rule),
        category: column(found.category),
        action: column(found.action),
        place: column(found.place),
        token: found.token.map(column),
    }
}

/// A text as a column keeps it: cut between characters, and without NUL, which PostgreSQL's text cannot hold.
fn column(mut text: String) -> String {
    if text.len() > MAX_COLUMN_BYTES {
        let mut end = MAX_COLUMN_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    if text.contains('\0') { text.replace('\0', " ") } else { text }
}

/// Reads a time such as `2023-11-14T22:13:20.123000Z`: UTC, up to six digits of a fraction.
pub(crate) fn parse_time(text: &str) -> Option<Micros> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-').map(number);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut time = time.splitn(3, ':').map(number);
    let (hour, minute, second) = (time.next()??, time.next()??, time.next()??);
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60
        && fraction.len() <= 6;
    if !in_range {
        return None;
    }
    let micros = if fraction.is_empty() { 0 } else { number(&format!("{fraction:0<6}"))? };
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(seconds * 1_000_000 + micros)
}

fn number(digits: &str) -> Option<i64> {
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that a leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    before + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_gateway_is_read() {
        let line = concat!(
            r#"{"v":1,"id":"ab","time":"2023-11-14T22:13:20.123000Z","key":"ci","org":"o","upstream":"anthropic","#,
            r#""path":"/v1/messages","status":200,"error":null,"ended":"complete","bytes":{"request":10,"sent":11,"#,
            r#""response":12,"delivered":13},"findings_total":2,"findings":[{"rule":"github-pat","category":"TOKEN","#,
            r#""action":"tokenize","place":"messages[0].content","token":"AEGIS-TOKEN-0MADEUP"}],"restored":3}"#
        );
        let facts = Facts::of_line(line.as_bytes());
        assert_eq!(facts.kind, REQUEST);
        assert_eq!(facts.occurred, Some(1_700_000_000_123_000));
        assert_eq!((facts.request_bytes, facts.response_bytes, facts.restored), (10, 13, 3));
        assert_eq!(facts.outcome.as_deref(), Some("complete"));
        assert_eq!(facts.findings[0].token.as_deref(), Some("AEGIS-TOKEN-0MADEUP"));
    }

    #[test]
    fn what_cannot_be_read_is_kept_as_such() {
        for line in [b"".as_slice(), b"{", b"\xff\xfe", b"[]", br#"{"status":"x"}"#] {
            assert_eq!(Facts::of_line(line).kind, UNREADABLE, "{line:?}");
        }
        assert_eq!(Facts::of_line(b"{}").kind, REQUEST);
    }

    #[test]
    fn texts_fit_their_columns() {
        let long = "ä".repeat(MAX_COLUMN_BYTES);
        let facts = Facts::of_line(format!(r#"{{"model":"{long}","key":"a\u0000b"}}"#).as_bytes());
        assert_eq!(facts.model.as_deref().map(str::len), Some(MAX_COLUMN_BYTES));
        assert_eq!(facts.key.as_deref(), Some("a b"));
        let many =
            vec![r#"{"rule":"r","category":"c","action":"a","place":"p"}"#; MAX_FINDINGS + 1].join(",");
        let facts = Facts::of_line(format!(r#"{{"findings":[{many}]}}"#).as_bytes());
        assert_eq!(facts.findings.len(), MAX_FINDINGS);
    }

    #[test]
    fn times_are_read_exactly_or_not_at_all() {
        assert_eq!(parse_time("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse_time("2000-02-29T00:00:00.5Z"), Some(951_782_400_500_000));
        assert_eq!(parse_time("2026-12-31T23:59:59.999999Z"), Some(1_798_761_599_999_999));
        for wrong in ["", "2023-11-14", "2023-11-14T22:13:20", "2023-13-14T22:13:20Z", "2023-11-14T24:00:00Z"]
        {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
        assert_eq!(parse_time("2023-11-14T22:13:20.1234567Z"), None);
        assert_eq!(parse_time("2023-+1-14T22:13:20Z"), None);
    }
}
