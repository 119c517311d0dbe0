//! The access log: one line a request, for people and for machines. Neither bodies, nor header values, nor queries.

use aegis_wire::head::Method;
use serde::Serialize;

use crate::clock;
use crate::config::settings::LogFormat;
use crate::events::RequestRecord;

#[derive(Serialize)]
struct AccessLine<'a> {
    time: String,
    id: String,
    peer: String,
    key: Option<&'a str>,
    method: Option<&'a str>,
    upstream: Option<&'a str>,
    path: &'a str,
    status: u16,
    error: Option<&'a str>,
    ended: &'a str,
    request_bytes: u64,
    response_bytes: u64,
    total_us: u64,
    added_us: u64,
    first_byte_us: Option<u64>,
    findings: u32,
    restored: u64,
}

/// Appends the line of `record`.
pub fn write(record: &RequestRecord, format: LogFormat, out: &mut Vec<u8>) {
    let line = AccessLine {
        time: clock::rfc3339(record.started),
        id: record.id.to_string(),
        peer: record.peer.to_string(),
        key: record.key.as_deref(),
        method: record.method.as_ref().map(Method::as_str),
        upstream: record.upstream.as_deref(),
        path: &record.path,
        status: record.status,
        error: record.error,
        ended: record.ended.as_str(),
        request_bytes: record.request_bytes,
        response_bytes: record.delivered_bytes,
        total_us: record.times.total,
        added_us: record.times.added,
        first_byte_us: record.times.first_byte,
        findings: record.findings_total,
        restored: record.restored,
    };
    match format {
        LogFormat::Json => {
            let before = out.len();
            if serde_json::to_writer(&mut *out, &line).is_err() {
                out.truncate(before);
                return;
            }
            out.push(b'\n');
        }
        LogFormat::Text => out.extend_from_slice(text(&line).as_bytes()),
    }
}

/// Fields in a fixed order, `-` where there is none. What came from outside cannot break the line.
fn text(line: &AccessLine<'_>) -> String {
    let plain = |text: &str| {
        text.chars().map(|c| if c.is_control() || c == ' ' { '?' } else { c }).collect::<String>()
    };
    format!(
        "{} {} {} key={} {} {}{} {} {} in={} out={} total={}us added={}us first_byte={} findings={} restored={}{}\n",
        line.time,
        line.id,
        line.peer,
        line.key.map_or_else(|| "-".to_owned(), plain),
        line.method.map_or_else(|| "-".to_owned(), plain),
        line.upstream.unwrap_or("-"),
        plain(line.path),
        line.status,
        line.ended,
        line.request_bytes,
        line.response_bytes,
        line.total_us,
        line.added_us,
        line.first_byte_us.map_or_else(|| "-".to_owned(), |us| format!("{us}us")),
        line.findings,
        line.restored,
        line.error.map(|error| format!(" error={error}")).unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::tests::record;

    #[test]
    fn text_lines_have_fixed_fields_that_nothing_breaks() {
        let mut record = record("/v1/a b\nc");
        record.error = Some("policy_violation");
        let mut out = Vec::new();
        write(&record, LogFormat::Text, &mut out);
        let expected = "2023-11-14T22:13:20.123000Z abababababababababababababababab 192.0.2.7 key=- POST anthropic/v1/a?b?c 200 complete \
                        in=10 out=13 total=900us added=40us first_byte=700us findings=0 restored=0 error=policy_violation\n";
        assert_eq!(String::from_utf8(out).expect("UTF-8"), expected);
    }

    #[test]
    fn json_lines_are_objects() {
        let mut out = Vec::new();
        write(&record("/v1/messages"), LogFormat::Json, &mut out);
        let line: serde_json::Value = serde_json::from_slice(&out).expect("one object");
        assert_eq!((line["status"].as_u64(), line["path"].as_str()), (Some(200), Some("/v1/messages")));
        // The program's log calls it so, too.
        assert_eq!(line["time"].as_str(), Some("2023-11-14T22:13:20.123000Z"));
        assert!(line["timestamp"].is_null(), "{line}");
        assert_eq!(memchr::memchr(b'\n', &out), Some(out.len() - 1));
    }
}
