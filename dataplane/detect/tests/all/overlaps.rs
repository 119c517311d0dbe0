//! Overlaps of real rules: which of several readings of the same bytes is reported, and how sure it is.

use crate::common::{builtin, show, whole};
use aegis_detect::Confidence::{self, High, Low, Medium};

/// GitHub tokens with a right and a wrong check value, and others with right ones.
const RIGHT: &str = "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";
const WRONG: &str = "ghp_AeHwZJrCI8HiOtwIJvCqDIOiuchaNl3XCPTa";
const GRAFANA: &str = "glsa_ZVMNVZXm9PNuNalqjD9D1LWINJ1yYBFv_b30d3d0d";
const NPM: &str = "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";
/// Keys of Azure storage, and of Azure DevOps in both writings.
const STORAGE: &str =
    "7Oj+hyKOTN7cXk1wqM+xpuldEs/qYOY3MH0uNSGa7csfJrFunF7VuuahEl7Lp50xghmlVIIQEaTm+ASt/V7RQA==";
const STORAGE_WRONG: &str =
    "AOj+hyKOTN7cXk1wqM+xpuldEs/qYOY3MH0uNSGa7csfJrFunF7VuuahEl7Lp50xghmlVIIQEaTm+ASt/V7RQA==";
const DEVOPS: &str = "eCQVSVkZepp1U9NvGyxT5Ljn7i1rSFLMB6ymXs9GqZS6Tp14MHdMJQQJ99BFACAAAAALGcqjAAASAZDO3Hxk";
const DEVOPS_WRONG: &str =
    "eCQVSVkZepp1U9NvGyxT5Ljn7i1rSFLMB6ymXs9GqZS6Tp14MHdMJQQJ99BFACAAAAALGcqjAAASAZDO3Hxq";
const OLD: &str = "v4zdtrghmmvizvd7rx7ch7i7bq76wpagys4kqihdnmtl5zom5t5q";
const OLD_WRONG: &str = "k4zdtrghmmvizvd7rx7ch7i7bq76wpagys4kqihdnmtl5zom5t5q";
/// The line of a private key.
const LINE: &str = "MC4CAQAwBQYDK2VwBCIEIIXHhyWvM8SsYlxKC2qHubNJPY4TNb4tTilP6xRv80CC";
const TWO_KEYS: &str = "-----BEGIN PRIVATE KEY-----\n{0}\n-----END PRIVATE KEY----------BEGIN PRIVATE KEY-----\n{1}\n\
                        -----END PRIVATE KEY-----";

/// A text with its secrets as `{0}`, `{1}`, the secrets, and the rule and confidence that each is to be reported with.
type Case<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, Confidence)]);

fn check(cases: &[Case<'_>]) {
    let (rules, mut scanner) = builtin();
    for (frame, secrets, expected) in cases {
        let mut text = (*frame).to_owned();
        let mut spans = Vec::new();
        for (index, secret) in secrets.iter().enumerate() {
            let mark = format!("{{{index}}}");
            let start = text.find(&mark).expect("the text has a place for each secret");
            text = text.replacen(&mark, secret, 1);
            spans.push((start, start + secret.len()));
        }
        let findings = whole(&mut scanner, text.as_bytes());
        let reported: Vec<_> = findings
            .iter()
            .map(|f| (rules.get(f.rule).id.as_str(), f.confidence, (f.span.start, f.span.end)))
            .collect();
        let wanted: Vec<_> =
            expected.iter().zip(&spans).map(|((id, sure), span)| (*id, *sure, *span)).collect();
        assert_eq!(reported, wanted, "{text}\n{}", show(&rules, &text, &findings));
    }
}

#[test]
fn a_right_check_value_settles_it() {
    check(&[
        ("password = \"{0}\"", &[RIGHT], &[("github-pat", High)]),
        ("curl -H 'Authorization: Bearer {0}' h", &[GRAFANA], &[("grafana-service-token", High)]),
        ("AccountKey={0};EndpointSuffix=x", &[STORAGE], &[("azure-storage-key", High)]),
        ("AZURE_DEVOPS_TOKEN={0}", &[DEVOPS], &[("azure-devops-pat", High)]),
        ("vsts_token: {0}", &[OLD], &[("azure-devops-legacy-pat", High)]),
        ("vsts: {0}", &[OLD], &[("azure-devops-legacy-pat", High)]),
    ]);
}

#[test]
fn a_wrong_one_never_lets_a_known_prefix_pass() {
    check(&[
        ("look: {0}", &[WRONG], &[("github-pat", Medium)]),
        ("password = \"{0}\"", &[WRONG], &[("github-pat", Medium)]),
        ("key {0}", &[STORAGE_WRONG], &[("azure-storage-key", Medium)]),
        ("AZURE_DEVOPS_TOKEN={0}", &[DEVOPS_WRONG], &[("azure-devops-pat", Medium)]),
    ]);
}

#[test]
fn where_only_a_name_speaks_for_it_the_surroundings_decide() {
    check(&[
        ("vsts: {0}", &[OLD_WRONG], &[("azure-devops-legacy-pat", Low)]),
        ("vsts_secret = \"{0}\"", &[OLD_WRONG], &[("generic-secret", Medium)]),
    ]);
}

#[test]
fn nested_secrets_give_the_inner() {
    check(&[
        ("https://user:{0}@github.com/a/b.git", &[RIGHT], &[("github-pat", High)]),
        ("https://user:{0}@github.com/a/b.git", &[WRONG], &[("github-pat", Medium)]),
        ("https://{0}@github.com/a/b.git", &[RIGHT], &[("github-pat", High)]),
        ("db = \"postgres://app:{0}@db/x\"", &[GRAFANA], &[("grafana-service-token", High)]),
        ("//npm.example.org/:_authToken={0}", &[NPM], &[("npm-token", High)]),
    ]);
}

#[test]
fn secrets_that_touch_stay_two() {
    check(&[
        (TWO_KEYS, &[LINE, LINE], &[("private-key-pem", High), ("private-key-pem", High)]),
        ("{0}:{1}", &[RIGHT, NPM], &[("github-pat", High), ("npm-token", High)]),
        ("https://{0}:{1}@h/", &[RIGHT, GRAFANA], &[("github-pat", High), ("grafana-service-token", High)]),
        ("tokens: {0},{1}", &[WRONG, RIGHT], &[("github-pat", Medium), ("github-pat", High)]),
    ]);
}

#[test]
fn a_plausible_password_is_replaced_and_a_word_for_one_is_reported() {
    let (rules, mut scanner) = builtin();
    for (text, sure) in [
        ("password = \"swordfish\"", Medium),
        ("DB_PASSWORD=swordfish", Medium),
        ("password: heron7824", Medium),
        ("the password is 'swordfish'", Medium),
        ("sshpass -p swordfish ssh host", Medium),
        ("[db]\nuser=app\npassword=swordfish\n", Medium),
        ("secret = \"a+little+bird\"", Medium),
        ("bucket = s3://quiet-lake/backup/", Low),
        ("sshpass -p letmein ssh host", Low),
    ] {
        let findings = whole(&mut scanner, text.as_bytes());
        let reported: Vec<_> = findings.iter().map(|f| f.confidence).collect();
        assert_eq!(reported, [sure], "{text}\n{}", show(&rules, text, &findings));
    }
}

#[test]
fn the_net_takes_only_what_no_other_rule_does() {
    let short = &WRONG[..32];
    let long = format!("{RIGHT}_{}", &WRONG[4..]);
    check(&[
        ("it was {0}, I think", &[RIGHT], &[("github-pat", High)]),
        ("it was {0}, I think", &[WRONG], &[("github-pat", Medium)]),
        ("it was {0}, I think", &[short], &[("new-shape-code-hosting", Medium)]),
        ("it was {0}, I think", &[&long], &[("new-shape-code-hosting", Medium)]),
        ("it was {0}-{1}", &[RIGHT, "once"], &[("github-pat", High)]),
        ("password = \"{0}\"", &[short], &[("generic-password", Medium)]),
    ]);
}
