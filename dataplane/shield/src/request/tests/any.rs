//! Whatever comes: no panic, no stall, no influence of cuts, nothing lost, bounded memory.

use proptest::prelude::*;
use serde_json::json;

use crate::format::{Boundary, Format};
use crate::request::body::encoded_text::EncodedText;
use crate::request::body::json::body::JsonBody;
use crate::request::body::multipart::MultipartBody;
use crate::request::scan::view::WINDOW;
use crate::request::tests::support::{AWS, PAT, PEM, lines, restore, run, run_pieces, shield};
use crate::request::tokenizer::Tokenizer;

/// Pieces of which documents are made, and wreckage of documents.
fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let words = [
        "{",
        "}",
        "[",
        "]",
        "\"",
        "\\",
        "\\\\",
        "\\\"",
        "\\n",
        "\\u0041",
        "\\ud83d",
        "\\ude00",
        ",",
        ":",
        "1",
        "-2.5e3",
        "true",
        "\"k\":",
        "\"text\":\"",
        "\"},{\"text\":\"",
        "\"content\":[{\"text\":\"",
        "\"signature\":\"",
        "\"signature\":\"Eu8DCkYIBxgCKkCv3k9XQ2mT7bW1nR5cY8hJ4gF6pL0aZuEv3k9XQ2mT7bW1nR5cY8hJ4gF6pL0aZuE\"",
        "{\"messages\":[{\"content\":[{\"type\":\"thinking\",\"thinking\":\"",
        "{\"pageToken\":\"",
        "{\"tools\":[{\"headers\":{\"x\":\"",
        "\"source\":{\"data\":\"",
        "data:text/plain;base64,",
        "data:image/png;base64,iVBORw0KGgo",
        "=",
        " ",
        "\n",
        "\r\n",
        "%41",
        "%",
        "+",
        "&",
        "--b",
        "--",
        "Content-Type: application/json",
        "\u{e9}",
        "AEGIS-KEY-",
        "password",
        PAT,
        AWS,
    ];
    let word = prop::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec());
    let filler = (0usize..1200).prop_map(|count| lines("some words", count).into_bytes());
    let escaped = (0usize..2000).prop_map(|count| "\\n\\t\\\"".repeat(count).into_bytes());
    let blob = (0usize..9000).prop_map(|count| "QUJD".repeat(count).into_bytes());
    let noise = prop::collection::vec(any::<u8>(), 0..9);
    let pem = Just(PEM.replace('\n', "\\n").into_bytes());
    prop_oneof![40 => word, 2 => filler, 2 => escaped, 2 => blob, 2 => noise, 2 => pem]
}

fn formats() -> impl Strategy<Value = Format> {
    prop::sample::select(vec![
        Format::Json,
        Format::JsonLines,
        Format::Text,
        Format::Form,
        Format::Unknown,
        Format::Multipart(Boundary::new(b"b").unwrap()),
    ])
}

/// Mostly one valid document that holds the fragments.
fn document(fragments: &[Vec<u8>], shape: u8) -> Vec<u8> {
    let (first, second) = fragments.split_at(fragments.len() / 2);
    let (first, second) = (text(first), text(second));
    let value = match shape {
        0 => return fragments.concat(),
        1 => json!({ "content": [{ "text": first }, { "text": second }], "x": 1 }),
        2 => json!({ "source": { "data": first }, "text": second }),
        3 => json!([{ "arguments": json!({ "code": first, "x": [second] }).to_string() }]),
        4 => json!([json!({ "a": json!([first]).to_string(), "b": second }).to_string()]),
        5 => json!({ first: [second] }),
        6 => json!({ "content": [{ "signature": first, "type": "thinking" }, { "text": second }] }),
        _ => json!([first, second]),
    };
    if shape.is_multiple_of(2) {
        value.to_string().into_bytes()
    } else {
        serde_json::to_vec_pretty(&value).unwrap()
    }
}

fn text(fragments: &[Vec<u8>]) -> String {
    String::from_utf8_lossy(&fragments.concat()).into_owned()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]
    #[test]
    fn whatever_comes(
        fragments in prop::collection::vec(fragments(), 0..40),
        shape in 0u8..8,
        format in formats(),
        sizes in prop::collection::vec(1usize..WINDOW + 5000, 1..6),
    ) {
        let body = if format == Format::Json { document(&fragments, shape) } else { fragments.concat() };
        let whole = run(format, &body);
        let mut pieces: Vec<&[u8]> = Vec::new();
        let mut rest = body.as_slice();
        for size in sizes.iter().cycle() {
            let (piece, after) = rest.split_at(rest.len().min(*size));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        pieces.push(b"");
        let cut = run_pieces(Tokenizer::new(shield(), format), &pieces);
        match (whole, cut) {
            (Ok((whole, outcome)), Ok((cut, _))) => {
                prop_assert!(whole == cut, "cuts matter");
                if format == Format::Text {
                    prop_assert!(restore(&whole, &outcome, 0) == body);
                }
            }
            (Err((whole, _)), Err((cut, _))) => prop_assert_eq!(whole, cut),
            _ => prop_assert!(false, "cuts decide whether it is refused"),
        }
    }
}

/// A request in flight keeps one of these, and a vault, and a report of bounded size; the window's bytes and the
/// buffers belong to the caller and to the shard.
#[test]
fn what_is_kept_between_windows_is_small() {
    assert!(size_of::<Tokenizer>() <= 704);
    assert!(size_of::<JsonBody>() + size_of::<EncodedText>() <= 3 * 1024);
    assert!(size_of::<MultipartBody>() + size_of::<JsonBody>() + size_of::<EncodedText>() <= 4 * 1024);
}
