//! Kubernetes Secrets: every value of one, nothing of other manifests, however the text is cut.

use crate::common::{builtin, show, whole, windowed};
use std::fmt::Write as _;

/// The text without its marks, and what was marked.
fn unmark(example: &str) -> (String, Vec<String>) {
    let secrets = example.split('«').skip(1).filter_map(|s| s.split('»').next()).map(str::to_owned).collect();
    (example.replace(['«', '»'], ""), secrets)
}

const SECRETS: &[&str] = &[
    "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\ntype: Opaque\ndata:\n  user: «YXBwLXVzZXI=»\n  key: «bXktYmx1ZS1ob3VzZQ==»\n",
    "apiVersion: v1\ndata:\n  key: «bXktYmx1ZS1ob3VzZQ==»\nkind: Secret\nmetadata:\n  name: a\n",
    "kind: Secret\napiVersion: v1\nstringData:\n  plain: «k7Vq-mount-2»\n",
    "kind: \"Secret\"\ndata:\n  key: \"«bXktYmx1ZS1ob3VzZQ==»\"  # comment\n  other: '«c2Vjb25kLW9uZQ==»'\n",
    "apiVersion: v1\nkind: Secret\nstringData:\n  app.ini: |\n    «[db]\n    code = k7Vqmount»\n  next: «Zx8-last»\nmetadata:\n  name: app\n",
    "apiVersion: v1\nkind: Secret\ndata:\n  .dockercfg: >-\n    «eyJhdXRocyI6e319Cg»\n",
    "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  data:\n    key: «bXktYmx1ZS1ob3VzZQ==»\n- apiVersion: v1\n  kind: ConfigMap\n  data:\n    key: bm90LXNvLXNlY3JldA==\n",
    "apiVersion: v1\n data:\n \tkey: «bXktYmx1ZS1ob3VzZQ==»\n kind: secret\n",
    "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"data\":{\"a\":\"«YWJjZGVmZ2g=»\",\"b\":\"«bXktYmx1ZS1ob3VzZQ==»\"}}",
    "{\n  \"apiVersion\": \"v1\",\n  \"data\": {\n    \"a\": \"«bXktYmx1ZS1ob3VzZQ==»\"\n  },\n  \"kind\": \"Secret\",\n  \"metadata\": {\"name\": \"x\"}\n}",
    "{\"kind\": \"Secret\", \"stringData\": {\"a\": \"«k7Vq-mount-2»\"}}",
];

const OTHERS: &[&str] = &[
    "apiVersion: v1\nkind: ConfigMap\ndata:\n  key: bXktYmx1ZS1ob3VzZQ==\n",
    "apiVersion: v1\nkind: Secret\ndata:\n  ca.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUR4RENDQXF5\n",
    "apiVersion: v1\nkind: Secret\ndata:\n  key: {{ .Values.key | b64enc }}\n  other: <base64>\n  more: ${KEY}\n",
    "apiVersion: v1\nkind: Secret\nmetadata:\n  labels:\n    data: bXktYmx1ZS1ob3VzZQ==\n",
    "apiVersion: v1\nkind: Secret\n---\napiVersion: v1\nkind: ConfigMap\ndata:\n  key: bXktYmx1ZS1ob3VzZQ==\n",
    "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nspec:\n  encryptedData:\n    key: bXktYmx1ZS1ob3VzZQ==\n",
    "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"a\":\"bXktYmx1ZS1ob3VzZQ==\"}}",
    "{\"kind\":\"Secret\",\"metadata\":{\"data\":\"bXktYmx1ZS1ob3VzZQ==\"}}",
];

fn check(examples: &[&str]) {
    let (rules, mut scanner) = builtin();
    for example in examples {
        let (plain, expected) = unmark(example);
        let quoted = |s: &str| serde_json::Value::from(s).to_string().trim_matches('"').to_owned();
        let inside = format!("{{\"role\":\"user\",\"content\":\"```\\n{}\\n```\"}}", quoted(&plain));
        let within: Vec<String> = expected.iter().map(|s| quoted(s)).collect();
        for (text, expected) in [(plain, expected), (inside, within)] {
            let findings = whole(&mut scanner, text.as_bytes());
            let found: Vec<&str> = findings.iter().map(|f| &text[f.span.range()]).collect();
            assert_eq!(found, expected, "{text:?}\n{}", show(&rules, &text, &findings));
        }
    }
}

#[test]
fn every_value_of_a_secret_is_found() {
    check(SECRETS);
}

#[test]
fn other_manifests_and_public_parts_are_left_alone() {
    check(OTHERS);
}

/// A manifest whose last value begins `distance` bytes behind its first key.
fn long(distance: usize) -> String {
    let mut text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\ndata:\n".to_owned();
    let last = "  last: ";
    for index in 0.. {
        let rest = distance - text.len() - last.len();
        if rest < 200 {
            let _ = writeln!(text, "  #{}", "x".repeat(rest - 4));
            break;
        }
        let _ = writeln!(text, "  k{index:04}: bXktYmx1ZS1ob3VzZS{index:04}==");
    }
    text + last + "bGFzdC1ibHVlLWhvdXNl"
}

#[test]
fn a_long_manifest_is_the_same_however_it_is_cut() {
    let (rules, mut scanner) = builtin();
    let text = format!("some words\n{}\n---\nsome more words\n", long(7000));
    let expected = whole(&mut scanner, text.as_bytes());
    assert!(expected.len() > 100, "{}", expected.len());
    for size in [700, 1111, 3000, 5000] {
        let found = windowed(&mut scanner, text.as_bytes(), (size..text.len()).step_by(size));
        assert_eq!(show(&rules, &text, &found), show(&rules, &text, &expected), "windows of {size}");
    }
}

#[test]
fn a_manifest_is_read_so_far_and_no_farther() {
    const REACH: usize = 8 * 1024;
    let (_, mut scanner) = builtin();
    let mut last = |distance: usize| {
        let text = long(distance) + "\n";
        let findings = whole(&mut scanner, text.as_bytes());
        findings.last().is_some_and(|f| &text[f.span.range()] == "bGFzdC1ibHVlLWhvdXNl")
    };
    let width = "bGFzdC1ibHVlLWhvdXNl".len();
    assert!(last(REACH - width));
    assert!(last(REACH - width + 1), "a value that is read in part is found to its end");
    assert!(last(REACH - width / 2));
    assert!(!last(REACH));
}
