//! What would be sent of a body, as a JSON document: the answer of `/aegis/v1/preview`. Findings are named by rule
//! and place, never by value.

use aegis_detect::Rules;
use aegis_shield::Report;
use data_encoding::BASE64;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::error_body::Failure;

/// What became of a body.
#[derive(Debug)]
pub struct Preview<'a> {
    /// What would be sent; none when the request is refused.
    pub body: Option<&'a [u8]>,
    /// Bytes of the body as it came.
    pub request_bytes: u64,
    /// What was found and done.
    pub report: &'a Report,
    /// The rules that it was found by.
    pub rules: &'a Rules,
    /// Why the request is refused.
    pub refusal: Option<&'a Failure>,
    /// The body passes unread: it cannot be scanned, and `policy.fail_mode` is open.
    pub is_unscanned: bool,
}

#[derive(Serialize)]
struct PreviewDocument<'a> {
    blocked: bool,
    error: Option<ErrorDocument<'a>>,
    unscanned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<&'a str>,
    bytes: ByteCounts,
    findings_total: u32,
    findings: Vec<FindingDocument<'a>>,
    opaque_total: u32,
    opaque: Vec<OpaqueDocument<'a>>,
}

#[derive(Serialize)]
struct ErrorDocument<'a> {
    status: u16,
    r#type: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct ByteCounts {
    request: u64,
    sent: usize,
}

#[derive(Serialize)]
struct FindingDocument<'a> {
    rule: &'a str,
    category: &'a str,
    action: &'a str,
    place: &'a str,
    token: Option<&'a str>,
}

#[derive(Serialize)]
struct OpaqueDocument<'a> {
    r#type: &'a str,
    bytes: u64,
    place: &'a str,
}

impl Preview<'_> {
    /// The document.
    pub fn to_json(&self) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
        let text = self.body.and_then(|body| std::str::from_utf8(body).ok());
        let encoded = self.body.filter(|_| text.is_none()).map(|body| Zeroizing::new(BASE64.encode(body)));
        let document = PreviewDocument {
            blocked: self.refusal.is_some(),
            error: self.refusal.map(|failure| ErrorDocument {
                status: failure.status,
                r#type: failure.kind.as_str(),
                message: &failure.message,
            }),
            unscanned: self.is_unscanned,
            body: text,
            body_base64: encoded.as_ref().map(|text| text.as_str()),
            bytes: ByteCounts { request: self.request_bytes, sent: self.body.map_or(0, <[u8]>::len) },
            findings_total: self.report.total(),
            findings: self.findings(),
            opaque_total: self.report.opaque_total(),
            opaque: self.opaque(),
        };
        // Room for it all, so that no half of it is left behind by growing.
        let room = self.body.map_or(0, <[u8]>::len) * 2 + 4_096;
        let mut out = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *out, &document)?;
        out.push(b'\n');
        Ok(out)
    }

    fn findings(&self) -> Vec<FindingDocument<'_>> {
        let findings = self.report.findings().iter();
        findings
            .map(|finding| FindingDocument {
                rule: &self.rules.get(finding.rule).id,
                category: finding.category.as_str(),
                action: finding.action.as_str(),
                place: &finding.place,
                token: finding.token.as_ref().map(aegis_shield::Token::as_str),
            })
            .collect()
    }

    fn opaque(&self) -> Vec<OpaqueDocument<'_>> {
        let values = self.report.opaque().iter();
        values
            .map(|value| OpaqueDocument {
                r#type: value.kind.as_str(),
                bytes: value.bytes,
                place: &value.place,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_no_text_is_given_in_base64() {
        let rules = Rules::builtin().unwrap();
        let report = Report::default();
        let preview = |body: Option<&[u8]>| {
            let preview = Preview {
                body,
                request_bytes: 3,
                report: &report,
                rules: &rules,
                refusal: None,
                is_unscanned: false,
            };
            serde_json::from_slice::<Value>(&preview.to_json().unwrap()).unwrap()
        };
        let text = preview(Some("a\u{e4}\"".as_bytes()));
        assert_eq!((text["body"].as_str(), &text["body_base64"]), (Some("a\u{e4}\""), &Value::Null));
        assert_eq!(text["bytes"], serde_json::json!({"request": 3, "sent": 4}));
        let binary = preview(Some(b"\xff\0"));
        assert_eq!((&binary["body"], binary["body_base64"].as_str()), (&Value::Null, Some("/wA=")));
        assert_eq!(preview(None)["bytes"]["sent"], 0);
    }
}
