//! An audit event as a person reads it: one line.

use std::borrow::Cow;

use serde::Deserialize;

use crate::cli::terminal::{Color, Paint, printable};

/// Findings that one line names; the rest is counted.
const MAX_NAMED: usize = 4;

/// What is shown of an event. Fields that this version does not know are passed over.
#[derive(Debug, Deserialize)]
pub(super) struct TailEvent<'a> {
    #[serde(borrow)]
    time: Cow<'a, str>,
    method: Option<Cow<'a, str>>,
    #[serde(borrow)]
    path: Cow<'a, str>,
    upstream: Option<Cow<'a, str>>,
    key: Option<Cow<'a, str>>,
    status: Option<u16>,
    error: Option<Cow<'a, str>>,
    #[serde(default)]
    ended: Cow<'a, str>,
    us: Option<TailTimes>,
    #[serde(default)]
    findings_total: u64,
    #[serde(default)]
    findings: Vec<TailFinding<'a>>,
    #[serde(default)]
    opaque_total: u64,
    #[serde(default)]
    restored: u64,
    #[serde(default)]
    unresolved: u64,
    #[serde(default)]
    failed_open: bool,
}

#[derive(Debug, Deserialize)]
struct TailTimes {
    total: u64,
    added: u64,
}

#[derive(Debug, Deserialize)]
struct TailFinding<'a> {
    rule: Cow<'a, str>,
    action: Cow<'a, str>,
    place: Cow<'a, str>,
}

impl TailEvent<'_> {
    /// The line, without its end.
    pub(super) fn line(&self, paint: Paint) -> String {
        // Whole seconds are enough for people.
        let time = self.time.split('.').next().unwrap_or_default();
        let mut parts = vec![paint.paint(Color::Dim, &printable(time)), self.status(paint)];
        let upstream = printable(self.upstream.as_deref().unwrap_or("-"));
        parts.push(format!(
            "{} {} {}",
            printable(self.method.as_deref().unwrap_or("-")),
            paint.paint(Color::Cyan, &upstream),
            printable(&self.path)
        ));
        if let Some(times) = &self.us {
            let times = format!("{} (+{})", duration(times.total), duration(times.added));
            parts.push(paint.paint(Color::Dim, &times));
        }
        if let Some(key) = &self.key {
            parts.push(format!("key {}", printable(key)));
        }
        if self.findings_total > 0 {
            parts.push(self.findings(paint));
        }
        for (count, what, color) in [
            (self.restored, "restored", Color::Green),
            (self.unresolved, "unresolved", Color::Yellow),
            (self.opaque_total, "not read", Color::Yellow),
        ] {
            if count > 0 {
                parts.push(paint.paint(color, &format!("{count} {what}")));
            }
        }
        if let Some(error) = &self.error {
            parts.push(paint.paint(Color::Red, &printable(error)));
        }
        if !matches!(&*self.ended, "" | "complete") {
            parts.push(paint.paint(Color::Yellow, &printable(&self.ended)));
        }
        if self.failed_open {
            parts.push(paint.paint(Color::Red, "PASSED UNSCANNED"));
        }
        parts.join("  ")
    }

    fn status(&self, paint: Paint) -> String {
        let color = match self.status {
            Some(200..=399) => Color::Green,
            Some(400..=499) => Color::Yellow,
            Some(_) => Color::Red,
            None => Color::Dim,
        };
        paint.paint(color, &self.status.map_or("---".to_owned(), |status| status.to_string()))
    }

    fn findings(&self, paint: Paint) -> String {
        let named = |finding: &TailFinding<'_>| {
            let text = format!("{} {}", printable(&finding.rule), printable(&finding.action));
            let color = if finding.action == "block" { Color::Red } else { Color::Yellow };
            let place = printable(&finding.place);
            let place = if place.is_empty() { String::new() } else { format!(" at {place}") };
            format!("{}{place}", paint.paint(color, &text))
        };
        let mut list: Vec<String> = self.findings.iter().take(MAX_NAMED).map(named).collect();
        let more = self.findings_total.saturating_sub(list.len() as u64);
        if more > 0 {
            list.push(format!("{more} more"));
        }
        format!("{} found: {}", self.findings_total, list.join(", "))
    }
}

/// Microseconds in the unit that reads best.
fn duration(us: u64) -> String {
    match us {
        0..=999 => format!("{us} us"),
        1_000..=999_999 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        _ => format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::terminal::ColorChoice;

    const EVENT: &str = concat!(
        r#"{"v":1,"id":"ab","time":"2026-01-31T08:05:09.123456Z","key":"ci","org":null,"peer":"127.0.0.1","method":"POST","#,
        r#""upstream":"openai","path":"/v1/chat","status":403,"upstream_status":null,"error":"policy_violation","ended":"complete","#,
        r#""us":{"total":1234567,"added":42},"findings_total":6,"findings":[{"rule":"a","category":"KEY","action":"block","#,
        r#""place":"messages[0].content","token":null},{"rule":"b","category":"KEY","action":"tokenize","place":"","token":"T"}],"#,
        r#""opaque_total":1,"restored":2,"unresolved":0,"kept":0,"failed_open":true,"new":{}}"#
    );

    #[test]
    fn an_event_is_a_line() {
        let event: TailEvent<'_> = serde_json::from_str(EVENT).unwrap();
        let expected = "2026-01-31T08:05:09  403  POST openai /v1/chat  1.2 s (+42 us)  key ci  \
                        6 found: a block at messages[0].content, b tokenize, 4 more  2 restored  1 not read  \
                        policy_violation  PASSED UNSCANNED";
        assert_eq!(event.line(Paint::NONE), expected);
        let coloured = event.line(Paint::for_stdout(ColorChoice::Always));
        assert!(coloured.contains("\x1b[31ma block\x1b[0m at messages"), "{coloured}");
    }

    #[test]
    fn what_an_event_holds_does_not_move_the_cursor() {
        let event = r#"{"time":"\u001b[2J","method":"GET","path":"/\u001b]0;x\u0007","status":null}"#;
        let event: TailEvent<'_> = serde_json::from_str(event).unwrap();
        assert_eq!(event.line(Paint::NONE), "\\u{1b}[2J  ---  GET - /\\u{1b}]0;x\\u{7}");
    }

    #[test]
    fn durations_read_well() {
        for (us, text) in
            [(0, "0 us"), (999, "999 us"), (1_000, "1.0 ms"), (999_999, "999.9 ms"), (61_500_000, "61.5 s")]
        {
            assert_eq!(duration(us), text);
        }
    }
}
