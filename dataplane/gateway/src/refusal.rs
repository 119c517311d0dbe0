//! What the answer to a refused request says: which rule, which place, and what to do. Never the value.

use aegis_detect::Rules;
use aegis_shield::Refusal;

use crate::error_body::{ErrorKind, Failure};

/// The answer when the scanner cannot work.
pub const BROKEN: Failure = Failure::internal("the scanner failed; nothing was sent");

/// The answer to a request that is refused under these `rules`.
pub fn explain(rules: &Rules, refusal: &Refusal) -> Failure {
    let policy =
        |message: String| Failure { status: 403, kind: ErrorKind::PolicyViolation, message: message.into() };
    match refusal {
        Refusal::Blocked { rule, category, place } => {
            let (id, category) = (&rules.get(*rule).id, category.as_str());
            policy(format!(
                "the gateway's policy forbids to send what rule {id} ({category}) found{}: remove the secret there and \
                 send the request again. If a token may go in its place, the configuration may say policy.rules.{id} = \
                 \"tokenize\"; a value that is no secret belongs into policy.allow_sha256",
                at(place)
            ))
        }
        Refusal::Opaque { kind, place } => policy(format!(
            "the gateway's policy forbids to send what cannot be scanned, and there is such a value ({}){}: leave it out, \
             or send what it says as text. policy.opaque = \"pass\" in the configuration lets it through unread",
            kind.as_str(),
            at(place)
        )),
        Refusal::Malformed { .. } | Refusal::TooDeep { .. } => Failure {
            status: 400,
            kind: ErrorKind::InvalidRequest,
            message: format!("the request body cannot be scanned: {refusal}").into(),
        },
        Refusal::TooManySecrets => {
            Failure::new(413, ErrorKind::PayloadTooLarge, "the request holds too many different secrets")
        }
        Refusal::Collision | Refusal::Scanner => BROKEN,
    }
}

/// The place in words; a text has none.
fn at(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!(" at {place}") }
}

#[cfg(test)]
mod tests {
    use aegis_detect::Category;
    use aegis_shield::OpaqueKind;

    use super::*;

    #[test]
    fn a_block_says_which_rule_which_place_and_what_to_do() {
        let rules = Rules::builtin().unwrap();
        let rule = rules.find("github-pat").unwrap();
        let blocked = |place: &str| {
            let refusal = Refusal::Blocked { rule, category: Category::Token, place: place.to_owned() };
            explain(&rules, &refusal)
        };
        let failure = blocked("messages[0].content");
        assert_eq!((failure.status, failure.kind), (403, ErrorKind::PolicyViolation));
        for part in [
            "github-pat (TOKEN)",
            "found at messages[0].content: remove",
            "policy.rules.github-pat = \"tokenize\"",
        ] {
            assert!(failure.message.contains(part), "{}", failure.message);
        }
        assert!(blocked("").message.contains("(TOKEN) found: remove"));
        let opaque = Refusal::Opaque { kind: OpaqueKind::Pdf, place: "part[1]".to_owned() };
        let message = explain(&rules, &opaque).message;
        assert!(
            message.contains("(pdf) at part[1]: leave it out")
                && message.contains("policy.opaque = \"pass\"")
        );
    }
}
