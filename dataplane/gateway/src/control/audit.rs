//! Audit events: one JSON object a line, one line a request. The token is a value's only trace.

use std::sync::{Arc, Mutex, PoisonError};

use aegis_detect::{RuleIndex, Rules};
use aegis_wire::head::Method;
use serde::Serialize;

use crate::clock;
use crate::events::{RecordedFinding, RecordedOpaque, RequestRecord};

/// Version of the schema below; counts up when a field changes its meaning.
pub const SCHEMA_VERSION: u32 = 1;
/// Rule sets remembered for records of requests that began before a reload.
const REMEMBERED: usize = 16;

/// One audit event.
#[derive(Debug, Serialize)]
pub struct AuditEvent<'a> {
    v: u32,
    id: String,
    time: String,
    key: Option<&'a str>,
    org: Option<&'a str>,
    peer: String,
    method: Option<&'a str>,
    upstream: Option<&'a str>,
    path: &'a str,
    status: Option<u16>,
    upstream_status: Option<u16>,
    error: Option<&'a str>,
    ended: &'a str,
    bytes: AuditBytes,
    us: AuditTimes,
    findings_total: u32,
    findings_in_place: u32,
    findings: Vec<AuditFinding<'a>>,
    opaque_total: u32,
    opaque: Vec<AuditOpaque<'a>>,
    restored: u64,
    unresolved: u64,
    kept: u64,
    restore: AuditRestore,
    failed_open: bool,
    streamed: bool,
}

#[derive(Debug, Serialize)]
struct AuditBytes {
    request: u64,
    sent: u64,
    response: u64,
    delivered: u64,
}

#[derive(Debug, Serialize)]
struct AuditTimes {
    total: u64,
    added: u64,
    first_byte: Option<u64>,
    connect: Option<u64>,
}

/// What the policy on restoring did.
#[derive(Debug, Serialize)]
struct AuditRestore {
    withheld_by_policy: u64,
    withheld_by_guard: u64,
    beside_unnamed_hosts: u64,
}

#[derive(Debug, Serialize)]
struct AuditFinding<'a> {
    rule: &'a str,
    category: &'a str,
    action: &'a str,
    place: &'a str,
    token: Option<&'a str>,
    /// Of a private key; nothing else has lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<u32>,
    /// The rule found the same value elsewhere.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    by_value: bool,
}

/// A value that was not read.
#[derive(Debug, Serialize)]
struct AuditOpaque<'a> {
    r#type: &'a str,
    bytes: u64,
    place: &'a str,
}

impl<'a> AuditEvent<'a> {
    /// The event of a record; `rules` are those of its generation.
    pub fn new(record: &'a RequestRecord, rules: Option<&'a Rules>) -> Self {
        AuditEvent {
            v: SCHEMA_VERSION,
            id: record.id.to_string(),
            time: clock::rfc3339(record.started),
            key: record.key.as_deref(),
            org: record.organisation.as_deref(),
            peer: record.peer.to_string(),
            method: record.method.as_ref().map(Method::as_str),
            upstream: record.upstream.as_deref(),
            path: &record.path,
            status: (record.status != 0).then_some(record.status),
            upstream_status: record.upstream_status,
            error: record.error,
            ended: record.ended.as_str(),
            bytes: AuditBytes {
                request: record.request_bytes,
                sent: record.sent_bytes,
                response: record.response_bytes,
                delivered: record.delivered_bytes,
            },
            us: AuditTimes {
                total: record.times.total,
                added: record.times.added,
                first_byte: record.times.first_byte,
                connect: record.times.connect,
            },
            findings_total: record.findings_total,
            findings_in_place: record.findings_in_place,
            findings: record.findings.iter().map(|finding| AuditFinding::new(finding, rules)).collect(),
            opaque_total: record.opaque_total,
            opaque: record.opaque.iter().map(AuditOpaque::new).collect(),
            restored: record.restored,
            unresolved: record.unresolved,
            kept: record.kept,
            restore: AuditRestore {
                withheld_by_policy: record.restore.withheld_by_policy,
                withheld_by_guard: record.restore.withheld_by_guard,
                beside_unnamed_hosts: record.restore.beside_unnamed_hosts,
            },
            failed_open: record.failed_open,
            streamed: record.streamed,
        }
    }

    /// Appends the event as one line.
    pub fn write(&self, out: &mut Vec<u8>) {
        let before = out.len();
        if serde_json::to_writer(&mut *out, self).is_err() {
            // Only a broken `Serialize` could fail here; half a line would spoil the file.
            out.truncate(before);
            return;
        }
        out.push(b'\n');
    }
}

impl<'a> AuditFinding<'a> {
    fn new(finding: &'a RecordedFinding, rules: Option<&'a Rules>) -> Self {
        let known = rules.filter(|rules| usize::from(finding.rule) < rules.len());
        AuditFinding {
            rule: known.map_or("unknown", |rules| &rules.get(RuleIndex(finding.rule)).id),
            category: finding.category.as_str(),
            action: finding.action.as_str(),
            place: &finding.place,
            token: finding.token.as_deref(),
            lines: (finding.lines > 1).then_some(finding.lines),
            by_value: finding.by_value,
        }
    }
}

impl<'a> AuditOpaque<'a> {
    fn new(opaque: &'a RecordedOpaque) -> Self {
        AuditOpaque { r#type: opaque.kind.as_str(), bytes: opaque.bytes, place: &opaque.place }
    }
}

/// Which rules each generation had. Written at a reload, read by the journal.
#[derive(Debug, Default)]
pub struct RuleBook(Mutex<Vec<(u64, Arc<Rules>)>>);

impl RuleBook {
    /// Notes the rules of `generation` and all that follow.
    pub fn add(&self, generation: u64, rules: &Arc<Rules>) {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if book.last().is_some_and(|(_, last)| Arc::ptr_eq(last, rules)) {
            return;
        }
        if book.len() == REMEMBERED {
            book.remove(0);
        }
        book.push((generation, Arc::clone(rules)));
    }

    /// The rules that `generation` had, unless they are forgotten.
    pub fn of(&self, generation: u64) -> Option<Arc<Rules>> {
        let book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.iter().rev().find(|(first, _)| *first <= generation).map(|(_, rules)| Arc::clone(rules))
    }
}

#[cfg(test)]
mod tests {
    use aegis_detect::Category;
    use aegis_shield::{Action, OpaqueKind};

    use super::*;
    use crate::events::RestoreRecord;
    use crate::events::tests::record;

    #[test]
    fn an_event_is_one_line_of_the_documented_schema() {
        let rules = Rules::builtin().expect("rules");
        let rule = rules.find("github-pat").expect("a rule").0;
        let mut record = record("/v1/messages");
        record.findings_total = 2;
        record.findings_in_place = 1;
        record.findings = vec![
            RecordedFinding {
                rule,
                category: Category::Token,
                action: Action::Tokenize,
                place: "messages[0].content".into(),
                token: Some("AEGIS-TOKEN-0MADEUP".into()),
                lines: 1,
                by_value: false,
            },
            RecordedFinding {
                rule: u16::MAX,
                category: Category::Pii,
                action: Action::Block,
                place: "line\n2".into(),
                token: None,
                lines: 25,
                by_value: false,
            },
        ];
        record.kept = 3;
        record.restore =
            RestoreRecord { withheld_by_policy: 1, withheld_by_guard: 2, beside_unnamed_hosts: 4 };
        record.opaque_total = 2;
        record.opaque = vec![
            RecordedOpaque {
                kind: OpaqueKind::Image,
                bytes: 1234,
                place: "messages[0].content[1].source.data".into(),
            },
            RecordedOpaque { kind: OpaqueKind::Other, bytes: 0, place: "".into() },
        ];
        let mut line = Vec::new();
        AuditEvent::new(&record, Some(&rules)).write(&mut line);
        assert_eq!(memchr::memchr(b'\n', &line), Some(line.len() - 1));
        let expected = concat!(
            r#"{"v":1,"id":"abababababababababababababababab","time":"2023-11-14T22:13:20.123000Z","key":null,"org":null,"#,
            r#""peer":"192.0.2.7","method":"POST","upstream":"anthropic","path":"/v1/messages","status":200,"#,
            r#""upstream_status":200,"error":null,"ended":"complete","bytes":{"request":10,"sent":11,"response":12,"delivered":13},"#,
            r#""us":{"total":900,"added":40,"first_byte":700,"connect":null},"findings_total":2,"findings_in_place":1,"findings":[{"rule":"github-pat","#,
            r#""category":"TOKEN","action":"tokenize","place":"messages[0].content","token":"AEGIS-TOKEN-0MADEUP"},{"rule":"unknown","#,
            r#""category":"PII","action":"block","place":"line\n2","token":null,"lines":25}],"opaque_total":2,"#,
            r#""opaque":[{"type":"image","bytes":1234,"place":"messages[0].content[1].source.data"},"#,
            r#"{"type":"other","bytes":0,"place":""}],"restored":0,"unresolved":0,"kept":3,"#,
            r#""restore":{"withheld_by_policy":1,"withheld_by_guard":2,"beside_unnamed_hosts":4},"failed_open":false,"streamed":false}"#,
            "\n"
        );
        assert_eq!(String::from_utf8(line).expect("UTF-8"), expected);
    }

    #[test]
    fn rules_are_those_of_the_generation() {
        let book = RuleBook::default();
        let rules = Rules::builtin().expect("rules");
        assert!(book.of(1).is_none());
        book.add(3, &rules);
        book.add(4, &rules);
        assert!(book.of(2).is_none());
        assert!(book.of(3).is_some() && book.of(9).is_some());
        assert_eq!(book.0.lock().expect("not poisoned").len(), 1);
    }
}
