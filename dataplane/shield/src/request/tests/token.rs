//! What looks like a token: one of this organisation is left as it is, anything else is text.

use std::sync::Arc;

use aegis_detect::{Category, KnownKey, Rules};

use crate::format::Format;
use crate::keyring::Keyring;
use crate::policy::Policy;
use crate::request::tests::support::{restore, run_pieces};
use crate::request::tokenizer::{TokenizeOutcome, Tokenizer};
use crate::shield::{RequestLimits, Shield};

fn keyring(organisation: &str, epoch: u8, older: &[u8]) -> Keyring {
    Keyring::new(&[7; 32], organisation, epoch, older).unwrap()
}

/// An organisation in its second epoch.
fn shield() -> Arc<Shield> {
    let (rules, keyring) = (Rules::builtin().unwrap(), Arc::new(keyring("acme", 1, &[0])));
    let search_key = KnownKey::new(&[9; 32]);
    Arc::new(Shield {
        rules,
        policy: Policy::default(),
        keyring,
        search_key,
        limits: RequestLimits::default(),
    })
}

fn run(format: Format, body: &str) -> (String, TokenizeOutcome) {
    let (out, outcome) = run_pieces(Tokenizer::new(shield(), format), &[body.as_bytes()]).unwrap();
    (String::from_utf8(out).unwrap(), outcome)
}

/// Places in which rules find any value that is put there.
const PLACES: [&str; 5] = [
    "DB_PASSWORD=<>\n",
    "password = \"<>\"",
    "see postgres://app:<>@db.internal/app now",
    "mysql -u root -p<> app",
    "Authorization: Bearer <>",
];

fn ways(text: &str) -> [(Format, String); 3] {
    let string = serde_json::to_string(text).unwrap();
    let inner = serde_json::to_string(&format!("{{\"args\":{string}}}")).unwrap();
    [
        (Format::Text, text.to_owned()),
        (Format::Json, format!("{{\"content\":{string}}}")),
        (Format::Json, format!("{{\"content\":{inner}}}")),
    ]
}

#[test]
fn forged_and_foreign_words_are_hidden_like_any_other_value() {
    let foreign = keyring("other", 1, &[]).mint(Category::Secret, b"theirs");
    let dropped = keyring("acme", 2, &[]).mint(Category::Secret, b"of an epoch that is not held");
    let mut forged = keyring("acme", 1, &[]).mint(Category::Secret, b"ours").to_string();
    forged.replace_range(20..21, if &forged[20..21] == "7" { "8" } else { "7" });
    let words = ["AEGIS-hunter2Qx9", "aegis-Hunter2Qx9Z", foreign.as_str(), dropped.as_str(), &forged];
    for place in PLACES {
        // A bearer's credential is longer; bare capitals behind `=` are the name of a constant, whatever they spell.
        let fits = |word: &str| match place {
            place if place.contains("Bearer") => word.len() > 20,
            place if place.starts_with("DB") => word.bytes().any(|byte| byte.is_ascii_lowercase()),
            _ => true,
        };
        for word in words.iter().filter(|word| fits(word)) {
            for (format, body) in ways(&place.replace("<>", word)) {
                let (out, outcome) = run(format, &body);
                assert!(!out.contains(word), "{out}");
                assert_eq!(restore(out.as_bytes(), &outcome, 0), body.as_bytes());
            }
        }
    }
    let (out, outcome) = run(Format::Text, "use AEGIS-KEY-AKIAQ3EGV7ZKLM2XTN4D now");
    assert!(!out.contains("AKIAQ3EGV7ZKLM2XTN4D"), "{out}");
    assert_eq!(outcome.report.total(), 1);
}

#[test]
fn tokens_of_every_held_epoch_are_left_in_any_case() {
    let ring = shield();
    let current = ring.keyring.mint(Category::Secret, b"hunter2Qx9").to_string();
    let older = ring.keyring.mint_older(Category::Token, b"hunter2Qx9").next().unwrap().to_string();
    for place in PLACES {
        for token in [&current, &older, &current.to_lowercase(), &format!("{older}{current}")] {
            for (format, body) in ways(&place.replace("<>", token)) {
                let (out, outcome) = run(format, &body);
                assert_eq!(out, body);
                assert_eq!((outcome.report.total(), outcome.vault.len()), (0, 0));
            }
        }
    }
}

#[test]
fn what_is_glued_to_a_token_is_hidden_and_a_second_pass_changes_nothing() {
    let token = shield().keyring.mint(Category::Secret, b"x").to_string();
    for glued in
        [format!("{token}hunter2Qx9"), format!("hunter2Qx9{token}"), format!("hunter2Qx9{token}-Tr0ub4dor")]
    {
        for (format, body) in ways(&format!("DB_PASSWORD={glued}\n")) {
            let (once, outcome) = run(format, &body);
            assert!(
                once.contains(&token) && !once.contains("hunter2Qx9") && !once.contains("Tr0ub4dor"),
                "{once}"
            );
            assert_eq!(restore(once.as_bytes(), &outcome, 0), body.as_bytes());
            let (twice, outcome) = run(format, &once);
            assert_eq!(once, twice);
            assert_eq!(outcome.report.total(), 0);
        }
    }
}
