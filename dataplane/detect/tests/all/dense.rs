//! Adversarial texts made of nothing but candidates: work grows with the text, not with its square.

use crate::common::{builtin, whole, with_packs};
use aegis_detect::Finding;

/// How often each byte may be looked at again: a text of nothing but candidates may be slow, not stand still.
const MAX_WORK: u64 = 64;

/// What the texts are made of.
const UNITS: &[&str] = &[
    "eyJ",
    "eyJhbGciOiJIUzI1NiJ9.eyJ",
    "-----BEGIN PRIVATE KEY-----",
    "ghp_",
    "://a:",
    "token=",
    "password=\"",
    "curl -u a:b ",
    "curl -u \"",
    "echo x | sudo -S ",
    "login(\"a\",",
    "apiVersion: v1\n",
    "kind: Secret\ndata:\n  a: b\n",
    "a: apiVersion: v1\n",
    "apiversion\n",
    "apiVersion: v1\nx:\n",
    "{{apiVersion: v1\n",
    "- apiVersion: v1\n  kind: x\n",
    "\"apiversion\":1,",
    "\"apiVersion\",",
    "\"apiVersion\":{",
    "\"kind\":\"Secret\",",
    "password for ",
    "name: token\n",
    "a@",
    "+1 2 3 4 5 6 7 ",
    "4111 1111 ",
    "1.2.3.4.",
    "fe80:",
    "born ",
    "passport ",
    "<<<<<",
    "a.local.",
    "secret%3D",
    "%2573ecret%253D",
    "%3D ",
    "c2VjcmV0",
    "YzJWamNtVjA",
    "c2VjcmV0PXBhc3N3b3Jk ",
    "7365637265743d",
    "password&quot;",
    "<password>a&lt;b ",
    "<password><![CDATA[",
    "<password>a</a ",
    "Server=a;Password=b,c ",
    ";password=&amp;",
    "?password=%22a&amp;",
    "user%5Bpassword%5D=",
    "password=%41%",
    "-----BEGIN RSA PRIVATE KEY-----<br>&#10;",
    "&#112;&#97;",
    "secret\\u003d",
    "\\x70\\x61",
    "0x70, 0x61, ",
    "\u{1b}[0m",
    "\u{1b}[1mpassword\u{1b}[0m=",
    "\\u001b[0m",
    "\u{1b}]8;;a",
    "p\u{8}p",
    "1: name: token\n",
    "+token:\n",
    "a,password\n",
    "password,password,",
    "| password |\n",
    "| password | a1b2c3d4 |\n",
    "a  password\n",
    "a  password  password\n",
    "INSERT INTO t (password) VALUES ('a'),(",
    "('a'),(INSERT INTO t (password) VALUES ",
    "password  a1b2c3d4\n",
    "> \"password\",\n",
];

#[test]
fn dense_candidates_stay_linear() {
    let (_, mut scanner) = with_packs();
    for unit in UNITS {
        let mut work = [0u64; 2];
        for (factor, slot) in [1usize, 4].into_iter().zip(&mut work) {
            let text = unit.repeat(40_000 * factor / unit.len() + 1);
            whole(&mut scanner, text.as_bytes());
            *slot = scanner.work();
        }
        assert!(work[1] <= 6 * work[0].max(40_000), "{unit}: {work:?}");
        assert!(work[1] <= MAX_WORK * 160_000, "{unit}: {work:?}");
    }
}

#[test]
fn a_key_block_that_never_closes_ends_where_the_next_begins() {
    let (_, mut scanner) = builtin();
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7\n".repeat(3);
    let text = format!(
        "-----BEGIN PRIVATE KEY-----\n{body}-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n"
    );
    let second = text.rfind("-----BEGIN").unwrap();
    let findings = Finding::joined(&whole(&mut scanner, text.as_bytes()));
    let spans: Vec<_> = findings.iter().map(|f| (f.span.start, f.span.end)).collect();
    let behind = "-----BEGIN PRIVATE KEY-----\n".len();
    assert_eq!(spans, [(behind, second - 1), (second + behind, second + behind + body.len() - 1)]);
}
