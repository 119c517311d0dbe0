use proptest::prelude::*;

use super::*;

/// Keeps all lexemes, text and scalars joined; checks that ranges have no gap.
#[derive(Default, Debug, PartialEq)]
struct Keep {
    lexemes: Vec<(LexemeKind, u8, Vec<u8>)>,
    end: u64,
}

impl Sink for Keep {
    fn lexeme(&mut self, lexeme: Lexeme<'_>) {
        assert_eq!(lexeme.start, self.end, "{lexeme:?}");
        assert!(lexeme.end >= lexeme.start);
        self.end = lexeme.end;
        if lexeme.kind == LexemeKind::Space {
            return;
        }
        match self.lexemes.last_mut() {
            Some((kind @ (LexemeKind::Text | LexemeKind::Scalar), layer, bytes))
                if *layer == lexeme.layer && *kind == lexeme.kind =>
            {
                bytes.extend_from_slice(lexeme.bytes);
            }
            _ => self.lexemes.push((lexeme.kind, lexeme.layer, lexeme.bytes.to_vec())),
        }
    }
}

impl Keep {
    fn texts(&self) -> Vec<(u8, &str)> {
        let texts = self.lexemes.iter().filter(|(kind, ..)| *kind == LexemeKind::Text);
        texts.map(|(_, layer, bytes)| (*layer, std::str::from_utf8(bytes).unwrap())).collect()
    }
}

fn run(mut nested: Nested, pieces: &[&[u8]]) -> Keep {
    let mut keep = Keep::default();
    for piece in pieces {
        nested.feed(piece, &mut keep).unwrap();
    }
    nested.finish(&mut keep).unwrap();
    assert_eq!(keep.end, nested.position());
    keep
}

fn document(text: &str) -> Keep {
    let whole = run(Nested::document(), &[text.as_bytes()]);
    let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    assert_eq!(run(Nested::document(), &single), whole);
    whole
}

fn channel(text: &str) -> Keep {
    let whole = run(Nested::channel(), &[text.as_bytes()]);
    let single: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    assert_eq!(run(Nested::channel(), &single), whole);
    whole
}

/// `value` as a JSON string.
fn quoted(value: &str) -> String {
    serde_json::to_string(value).unwrap()
}

#[test]
fn sees_through_layers() {
    let inner = format!(r#"{{"pw":{}}}"#, quoted("a\"b\\c\n\u{1}"));
    let middle = format!(r"[1,{}]", quoted(&inner));
    let outer = format!(r#"{{"arguments": {}, "text": "x\ny"}}"#, quoted(&middle));
    let keep = document(&outer);
    assert_eq!(keep.texts(), [(1, "arguments"), (3, "pw"), (3, "a\"b\\c\n\u{1}"), (1, "text"), (1, "x\ny")]);
}

#[test]
fn falls_back_to_text_where_it_is_none() {
    let cases = [
        ("[INFO] started", vec![(1, "INFO] started")]),
        ("{ x", vec![(1, "x")]),
        ("[] tail \\ \"", vec![(1, "tail \\ \"")]),
        ("{\"a\":\"b\\\\\"}\n[\"c\"]{\"d\":1} e", vec![(2, "a"), (2, "b\\"), (2, "c"), (2, "d"), (1, "e")]),
        ("[] \"a\\\\b\"", vec![(1, "\"a\\\\b\"")]),
        ("{}1", vec![(1, "1")]),
        (r#"{"a":"b\d e"}"#, vec![(2, "a"), (2, "b"), (1, r#"\d e"}"#)]),
        (r#"{"a":"\u12x"}"#, vec![(2, "a"), (1, r#"\u12x"}"#)]),
        (r#"{"a":"\ud83d\u00x"}"#, vec![(2, "a"), (1, r#"\ud83d\u00x"}"#)]),
        (r#"{"a":"\"#, vec![(2, "a"), (1, r"\")]),
        (r#"{"a":"{\"b\":\"\\"#, vec![(2, "a"), (3, "b"), (2, r"\")]),
        (r#"{"a":"{\"b\":\"\u005c"#, vec![(2, "a"), (3, "b"), (2, r"\")]),
        (r#"{"a":"{\"b\":\"\\q"#, vec![(2, "a"), (3, "b"), (2, "\\q")]),
    ];
    for (content, expected) in cases {
        let keep = document(&quoted(content));
        assert_eq!(keep.texts(), expected, "{content}");
        let lower: Vec<_> = expected.iter().map(|&(layer, text)| (layer - 1, text)).collect();
        assert_eq!(channel(content).texts(), lower, "{content}");
    }
}

#[test]
fn a_wrong_word_is_cut_where_it_goes_wrong() {
    for (content, scalar, text) in
        [("[n\u{e9}", "n", "\u{e9}"), ("[ta\"", "t", "a\""), ("[1.e", "1.", "e"), ("[-x", "-", "x")]
    {
        let keep = document(&quoted(content));
        assert!(keep.lexemes.contains(&(LexemeKind::Scalar, 1, scalar.as_bytes().to_vec())), "{content}");
        assert!(keep.lexemes.contains(&(LexemeKind::Text, 1, text.as_bytes().to_vec())), "{content}");
    }
}

#[test]
fn keys_are_never_documents() {
    let keep = document(&format!("{{{}:1}}", quoted("{\"a\":1}")));
    assert_eq!(keep.texts(), [(1, "{\"a\":1}")]);
}

#[test]
fn layers_are_limited() {
    let mut text = quoted("core \"x\"");
    for _ in 0..MAX_LAYERS - 1 {
        text = quoted(&format!("[{text}]"));
    }
    let (limit, beyond) = (document(&text), document(&quoted(&format!("[{text}]"))));
    assert_eq!(limit.texts(), [(MAX_LAYERS as u8, "core \"x\"")]);
    assert_eq!(beyond.texts(), [(MAX_LAYERS as u8, r#"["core \"x\""]"#)]);
}

#[test]
fn an_unfinished_document_is_an_error() {
    let mut nested = Nested::document();
    nested.feed(b"{\"a\":", &mut Keep::default()).unwrap();
    assert_eq!(nested.finish(&mut Keep::default()).unwrap_err().what, SyntaxError::End);
    let fault = nested.feed(b"  x", &mut Keep { end: 5, ..Keep::default() }).unwrap_err();
    assert_eq!((fault.what, fault.at), (SyntaxError::Unexpected, 2));
}

fn values() -> impl Strategy<Value = String> {
    let leaf = prop_oneof!["[a-z\\\\\"\n{\\[é😀]{0,8}".prop_map(|s| quoted(&s)), Just("12".to_owned())];
    leaf.prop_recursive(6, 20, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(|items| format!("[{}]", items.join(", "))),
            inner.clone().prop_map(|value| format!("{{\"k\": {value}}}")),
            inner.prop_map(|value| quoted(&value)),
        ]
    })
}

proptest! {
    #[test]
    fn cuts_do_not_matter(text in values(), cut in any::<prop::sample::Index>(), drop in 0usize..6) {
        let text = quoted(&text[..text.floor_char_boundary(text.len().saturating_sub(drop))]);
        let whole = document(&text);
        let at = cut.index(text.len());
        prop_assert_eq!(&run(Nested::document(), &[&text.as_bytes()[..at], &text.as_bytes()[at..]]), &whole);
    }

    /// Escaping a value for its layer and reading it again gives the value, at the same layer.
    #[test]
    fn escaping_is_the_way_back(value in "[^{\\[]{1,20}", layers in 1u8..MAX_LAYERS as u8) {
        prop_assume!(!value.trim_start().starts_with(['{', '[']) && !value.trim().is_empty());
        let mut open = vec![];
        let mut close = vec![];
        for layer in 0..layers {
            super::super::escape_into(b"[\"", layer, &mut open);
            let mut end = vec![];
            super::super::escape_into(b"\"]", layer, &mut end);
            close.splice(0..0, end);
        }
        let mut text = open;
        super::super::escape_into(value.as_bytes(), layers, &mut text);
        text.extend(close);
        let keep = document(std::str::from_utf8(&text).unwrap());
        prop_assert_eq!(keep.texts(), [(layers, value.as_str())]);
    }
}
