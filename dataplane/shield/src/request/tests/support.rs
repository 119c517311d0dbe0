//! What the tests of the request side share.

#![expect(
    clippy::cast_possible_truncation,
    reason = "offsets are those of a short body, and noise is made of the low bits"
)]

use std::sync::Arc;

use aegis_detect::{KnownKey, RuleSource, Rules};

use crate::format::Format;
use crate::json::{Lexeme, LexemeKind, Nested, Sink, StringRole};
use crate::keyring::Keyring;
use crate::places::{Place, PlaceTable, Scope};
use crate::policy::Policy;
use crate::request::body::json::path::JsonPath;
use crate::request::refusal::Refusal;
use crate::request::scan::scratch::ShardScratch;
use crate::request::scan::view::WINDOW;
use crate::request::scan::window::WindowContext;
use crate::request::splice::Splice;
use crate::request::tokenizer::{TokenizeOutcome, Tokenizer};
use crate::shield::{RequestLimits, Shield};

/// Made up, with the right check values.
pub(crate) const PAT: &str = "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";
pub(crate) const OTHER_PAT: &str = "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";
pub(crate) const AWS: &str = "AKIAQ3EGV7ZKLM2XTN4D";
/// A private key of one line, with line ends.
pub(crate) const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIq1w2e3r4t5y6u7i8o9p0a1S2d3f4g5h6j7k8l9z0x1\n-----END PRIVATE KEY-----";

/// Numbered lines that start with `word`.
pub(crate) fn lines(word: &str, count: usize) -> String {
    (0..count).fold(String::new(), |text, n| text + word + " " + &n.to_string() + "\n")
}

pub(crate) fn shield_with(policy: Policy) -> Arc<Shield> {
    let keyring = Keyring::new(&[7; 32], "acme", 0, &[]).unwrap();
    let rules = Rules::builtin().unwrap();
    let search_key = KnownKey::new(&[9; 32]);
    Arc::new(Shield {
        rules,
        policy,
        keyring: Arc::new(keyring),
        search_key,
        limits: RequestLimits::default(),
    })
}

/// With one more rule, for an account number.
pub(crate) fn shield_with_account_numbers() -> Arc<Shield> {
    let text = "[[rule]]\nid = \"account\"\nname = \"Account\"\ncategory = \"pii\"\nseverity = \"low\"\n\
        impact = \"None.\"\npattern = '48151623[0-9]{5}'\nmatch = [\"«4815162342108»\"]\nno_match = [\"48151623\"]\n";
    let source = RuleSource { name: "test".to_owned(), text: text.to_owned() };
    let mut shield = Arc::into_inner(shield()).unwrap();
    shield.rules = Rules::with_custom(&[source]).unwrap();
    Arc::new(shield)
}

pub(crate) fn shield() -> Arc<Shield> {
    shield_with(Policy::default())
}

/// Pushes `pieces` as they would arrive.
pub(crate) fn run_pieces(
    mut tokenizer: Tokenizer,
    pieces: &[&[u8]],
) -> Result<(Vec<u8>, TokenizeOutcome), (Refusal, Vec<u8>)> {
    let mut scratch = ShardScratch::new(&tokenizer.shield().rules).unwrap();
    let mut out = read_once(&mut tokenizer, &mut scratch, pieces)?;
    if tokenizer.rewind() {
        out = read_once(&mut tokenizer, &mut scratch, pieces)?;
        assert!(!tokenizer.rewind(), "twice at most");
    }
    Ok((out, tokenizer.finish()))
}

/// Reads the whole body.
fn read_once(
    tokenizer: &mut Tokenizer,
    scratch: &mut ShardScratch,
    pieces: &[&[u8]],
) -> Result<Vec<u8>, (Refusal, Vec<u8>)> {
    let (mut pending, mut out, mut splice) = (Vec::new(), Vec::new(), Splice::new());
    for (index, piece) in pieces.iter().enumerate() {
        pending.extend_from_slice(piece);
        let last = index + 1 == pieces.len();
        loop {
            splice.clear();
            let consumed = match tokenizer.push(scratch, &pending, last, &mut splice) {
                Ok(consumed) => consumed,
                Err(refusal) => return Err((refusal, out)),
            };
            splice.write_to(&pending, &mut out);
            pending.drain(..consumed);
            if consumed == 0 {
                break;
            }
        }
    }
    assert!(pending.is_empty(), "everything is consumed at the end");
    Ok(out)
}

pub(crate) fn run(format: Format, body: &[u8]) -> Result<(Vec<u8>, TokenizeOutcome), (Refusal, Vec<u8>)> {
    run_pieces(Tokenizer::new(shield(), format), &[body])
}

/// Runs a JSON body whole and in pieces, which must give the same output.
pub(crate) fn run_in_pieces(body: &str) -> (String, TokenizeOutcome) {
    let (out, outcome) =
        run(Format::Json, body.as_bytes()).unwrap_or_else(|(refusal, _)| panic!("{refusal}"));
    for size in [7001, WINDOW, WINDOW + 77] {
        let mut pieces: Vec<&[u8]> = body.as_bytes().chunks(size).collect();
        pieces.push(b"");
        let (cut, _) = run_pieces(Tokenizer::new(shield(), Format::Json), &pieces).unwrap();
        assert!(cut == out, "cuts matter");
    }
    (String::from_utf8(out).unwrap(), outcome)
}

/// Bytes of no file format and no text, always the same.
pub(crate) fn noise(len: u32) -> Vec<u8> {
    (0..len).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// `text` with the tokens of `outcome` replaced by what they stand for.
pub(crate) fn restore(text: &[u8], outcome: &TokenizeOutcome, escape_depth: u8) -> Vec<u8> {
    let mut text = text.to_vec();
    for token in outcome.vault.tokens() {
        let mut secret = Vec::new();
        let (written, spelling) = outcome.vault.spelling(token).unwrap();
        let depth = escape_depth - spelling.layers.min(escape_depth);
        crate::json::escape_into(written, depth, &mut secret);
        text = replace(&text, token.as_bytes(), &secret);
    }
    text
}

pub(crate) fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest, from) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// Whether each string `"@"` of a document, in order, is at a place of the table, and at which one.
pub(crate) fn places_in(
    table: &'static PlaceTable,
    scope: Scope,
    document: &str,
) -> Vec<Option<&'static Place>> {
    struct Follow<'a> {
        table: &'static PlaceTable,
        path: JsonPath,
        context: WindowContext<'a>,
        found: Vec<Option<&'static Place>>,
    }
    impl Sink for Follow<'_> {
        fn lexeme(&mut self, lexeme: Lexeme<'_>) {
            self.path.see(&lexeme, self.context);
            let mark = self.context.window[lexeme.end as usize..].starts_with(b"@\"");
            if lexeme.kind == LexemeKind::StringStart(StringRole::Value) && lexeme.layer == 0 && mark {
                self.found.push(self.path.containers.listed_in(self.table));
            }
        }
    }
    let context = WindowContext { window: document.as_bytes(), base: 0, last: true };
    let mut follow = Follow { table, path: JsonPath::new(scope), context, found: Vec::new() };
    let mut nested = Nested::document();
    nested.feed(document.as_bytes(), &mut follow).unwrap();
    nested.finish(&mut follow).unwrap();
    follow.found
}

/// Beginnings of texts, up to the mark, and in how many layers of strings of members the mark stands. Requests and replies
/// must agree on it.
pub(crate) const MEMBER_STRINGS: [(&str, u8); 21] = [
    ("@", 0),
    ("\"@", 0),
    ("see it: {\"a\": \"@", 1),
    ("  \"a\" :\n\t\"https://x:@", 1),
    ("\"a\":\"\\\"@", 1),
    ("\"a\":\"say \\\"x\\\" @", 1),
    ("\"a\":\"\\\\\"@", 0),
    ("\"a\":\"b\" @", 0),
    ("\"a\":\"b\", \"c\": \"@", 1),
    ("\"a\": @", 0),
    ("\"a\":\"b\n@", 0),
    ("a: \"@", 0),
    ("export A=\"@", 0),
    ("\"a\", \"@", 0),
    ("{\"m\":\"{\\\"a\\\": \\\"@", 2),
    ("{\"m\":\"{\\\"a\\\": \\\"b\\\" @", 1),
    ("{\"m\":\"{\\\"a\\\": \\\"b\\\"}\"} @", 0),
    ("\\\\\\\"a\\\\\\\":\\\\\\\"@", 3),
    ("\"a\": \"@", 1),
    ("```json\n{\n  \"a\": \"@", 1),
    ("{\"m\":\"{\\\"a\\\": \\\"b\"} @", 0),
];
