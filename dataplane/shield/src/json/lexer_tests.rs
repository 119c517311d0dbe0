use proptest::prelude::*;

use super::*;

/// All lexemes of `pieces`, runs and scalars joined, white space dropped, escapes decoded into the runs.
fn lex(lexer: &mut Lexer, pieces: &[&[u8]]) -> Result<Vec<(String, Vec<u8>)>, SyntaxError> {
    let mut out: Vec<(String, Vec<u8>)> = Vec::new();
    for piece in pieces {
        let mut pos = 0;
        while pos < piece.len() {
            let (step, end) = lexer.step(piece, pos).map_err(|fault| fault.what)?;
            let bytes = &piece[pos..end];
            pos = end;
            let (name, bytes) = match step {
                LexStep::More | LexStep::Space => continue,
                LexStep::Escape(decoded) => ("Run".to_owned(), decoded.as_bytes().to_vec()),
                other => (format!("{other:?}"), bytes.to_vec()),
            };
            match out.last_mut() {
                Some((last, text)) if *last == name && (name == "Run" || name == "Scalar") => {
                    text.extend(bytes);
                }
                _ => out.push((name, bytes)),
            }
        }
    }
    if lexer.may_end() { Ok(out) } else { Err(SyntaxError::End) }
}

fn whole(text: &[u8]) -> Result<Vec<(String, Vec<u8>)>, SyntaxError> {
    lex(&mut Lexer::new(), &[text])
}

fn string_content(text: &str) -> Vec<u8> {
    let lexemes = whole(format!("\"{text}\"").as_bytes()).unwrap();
    lexemes.into_iter().filter(|(name, _)| name == "Run").flat_map(|(_, bytes)| bytes).collect()
}

#[test]
fn escapes_are_decoded() {
    assert_eq!(string_content(r#"\"\\\/\b\f\n\r\t"#), b"\"\\/\x08\x0c\n\r\t");
    assert_eq!(string_content(r"\u0041\u00e9\u20aC\ud83D\uDe00"), "A\u{e9}\u{20ac}\u{1F600}".as_bytes());
}

#[test]
fn lone_surrogates_are_replaced_and_eat_nothing_plain() {
    assert_eq!(string_content(r"\ud83dx"), "\u{FFFD}x".as_bytes());
    assert_eq!(string_content(r"\ud83d"), "\u{FFFD}".as_bytes());
    assert_eq!(string_content(r"\ud83d\n"), "\u{FFFD}\n".as_bytes());
    assert_eq!(string_content(r"\ud83d\u0041"), "\u{FFFD}A".as_bytes());
    assert_eq!(string_content(r"\ude00y"), "\u{FFFD}y".as_bytes());
}

#[test]
fn keys_and_values_are_distinguished() {
    let names: Vec<_> = whole(br#"{"a":["b",-1.5e+3],"c":null}"#).unwrap().into_iter().map(|l| l.0).collect();
    let expected = [
        "Open(Object)",
        "StringStart(Key)",
        "Run",
        "StringEnd(Key)",
        "Colon",
        "Open(Array)",
        "StringStart(Value)",
        "Run",
        "StringEnd(Value)",
        "Comma",
        "Scalar",
        "Close(Array)",
        "Comma",
        "StringStart(Key)",
        "Run",
        "StringEnd(Key)",
        "Colon",
        "Scalar",
        "Close(Object)",
    ];
    assert_eq!(names, expected);
}

#[test]
fn wrong_documents_are_refused() {
    for (text, what) in [
        ("", SyntaxError::End),
        ("{", SyntaxError::End),
        ("\"a", SyntaxError::End),
        ("-", SyntaxError::End),
        ("1.", SyntaxError::End),
        ("tru", SyntaxError::End),
        ("01", SyntaxError::Unexpected),
        ("1 2", SyntaxError::Unexpected),
        ("[1,]", SyntaxError::Unexpected),
        ("{,}", SyntaxError::Unexpected),
        ("{\"a\" 1}", SyntaxError::Unexpected),
        ("{\"a\":1,}", SyntaxError::Unexpected),
        ("{1:2}", SyntaxError::Unexpected),
        ("[1}", SyntaxError::Unexpected),
        ("]", SyntaxError::Unexpected),
        ("'a'", SyntaxError::Unexpected),
        ("trux", SyntaxError::Literal),
        ("-x", SyntaxError::Literal),
        ("1.e3", SyntaxError::Literal),
        ("1e]", SyntaxError::Literal),
        ("\"\n\"", SyntaxError::Control),
        (r#""\x""#, SyntaxError::Escape),
        (r#""\u12g4""#, SyntaxError::Escape),
        (r#""\ud83d\u12g4""#, SyntaxError::Escape),
    ] {
        assert_eq!(whole(text.as_bytes()).err(), Some(what), "{text}");
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(lex(&mut Lexer::new(), &bytes).err(), Some(what), "{text} byte by byte");
    }
}

#[test]
fn depth_is_limited() {
    let nest = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
    assert!(whole(&nest(MAX_DEPTH)).is_ok());
    assert_eq!(whole(&nest(MAX_DEPTH + 1)).err(), Some(SyntaxError::TooDeep));
}

#[test]
fn many_documents_follow_each_other() {
    let lines = b"{\"a\":1}\n[2]\n3\n";
    assert_eq!(lex(&mut Lexer::many(), &[lines]).unwrap().len(), 11);
    assert_eq!(lex(&mut Lexer::new(), &[lines]).err(), Some(SyntaxError::Unexpected));
    assert!(lex(&mut Lexer::many(), &[b""]).is_ok());
}

#[test]
fn a_fault_names_its_place() {
    let mut lexer = Lexer::new();
    let text = b"[1, x]";
    let mut pos = 0;
    let fault = loop {
        match lexer.step(text, pos) {
            Ok((_, end)) => pos = end,
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault, LexFault { what: SyntaxError::Unexpected, at: 4 });
}

/// Text that is JSON, or nearly.
fn documents() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| serde_json::json!(n).to_string()),
        any::<String>().prop_map(|s| serde_json::to_string(&s).unwrap()),
        "[a-z \\\\\"u0-9dDbBeE]{0,12}".prop_map(|s| format!("\"{s}\"")),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(" , "))),
            prop::collection::vec((any::<String>(), inner), 0..5).prop_map(|members| {
                let members: Vec<_> = members
                    .into_iter()
                    .map(|(key, value)| format!("{}:{value}", serde_json::to_string(&key).unwrap()))
                    .collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn agrees_with_another_parser(text in documents(), cut in any::<prop::sample::Index>(), flip in any::<u8>()) {
        let ours = whole(text.as_bytes());
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        // The other parser refuses lone surrogates, which RFC 8259 allows.
        let surrogate = theirs.as_ref().err().is_some_and(|e| e.to_string().contains("surrogate")
            || e.to_string().contains("hex escape"));
        if !surrogate {
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", text);
        }
        let mut broken = text.into_bytes();
        let at = cut.index(broken.len());
        broken[at] = flip & 0x7F;
        let theirs = serde_json::from_slice::<serde_json::Value>(&broken);
        if theirs.is_ok() {
            prop_assert!(whole(&broken).is_ok());
        }
    }

    #[test]
    fn cuts_do_not_matter(text in documents(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4)) {
        let bytes = text.as_bytes();
        let expected = whole(bytes);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&lex(&mut Lexer::new(), &single), &expected);
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        places.extend([0, bytes.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(&lex(&mut Lexer::new(), &pieces), &expected);
    }
}
