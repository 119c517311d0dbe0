use super::*;
use crate::format::{Boundary, Charset, Format};
use crate::request::classify::wide_encoding::MIN_UNITS;
use crate::request::scan::view::WINDOW;
use crate::request::tests::support::{AWS, OTHER_PAT, PAT, PEM, lines, replace, run, run_pieces, shield};
use crate::request::tokenizer::{TokenizeOutcome, Tokenizer};

fn units(text: &str, wide: WideEncoding) -> Vec<u8> {
    let put = |number: u32| {
        let bytes = if wide.big { number.to_be_bytes() } else { number.to_le_bytes() };
        match (wide.four, wide.big) {
            (true, _) => bytes.to_vec(),
            (false, true) => bytes[2..].to_vec(),
            (false, false) => bytes[..2].to_vec(),
        }
    };
    if wide.four {
        text.chars().flat_map(|c| put(u32::from(c))).collect()
    } else {
        text.encode_utf16().flat_map(|unit| put(u32::from(unit))).collect()
    }
}

fn marked(text: &str, wide: WideEncoding) -> Vec<u8> {
    units(&format!("\u{feff}{text}"), wide)
}

/// The bytes with all tokens replaced by what they stand for.
fn restored(out: &[u8], outcome: &TokenizeOutcome, wide: WideEncoding) -> Vec<u8> {
    outcome.vault.tokens().fold(out.to_vec(), |out, token| {
        let secret = std::str::from_utf8(outcome.vault.resolve(token).unwrap()).unwrap();
        replace(&out, &units(token.as_str(), wide), &units(secret, wide))
    })
}

fn assert_hidden(format: Format, body: &[u8], wide: WideEncoding, secrets: &[&str]) -> Vec<u8> {
    let (out, outcome) = run(format, body).unwrap_or_else(|(refusal, _)| panic!("{refusal}"));
    assert_eq!(outcome.vault.len(), secrets.len(), "{wide:?}");
    for secret in secrets {
        assert!(memchr::memmem::find(&out, &units(secret, wide)).is_none(), "{wide:?}");
    }
    assert!(restored(&out, &outcome, wide) == body, "{wide:?}");
    out
}

fn sample(filler: usize) -> String {
    let noise = lines("Zeile \u{fc}ber \u{20ac} \u{1f511}", filler);
    format!("{AWS}\n{noise}token {PAT}\r\n{PEM}\nagain {PAT}")
}

#[test]
fn secrets_are_found_in_every_wide_encoding() {
    let charset = |wide: WideEncoding| Charset { four_bytes: wide.four, big_endian: Some(wide.big) };
    for wide in WideEncoding::ALL {
        let text = sample(20);
        for format in
            [Format::Text, Format::Unknown, Format::Binary, Format::Form, Format::TextIn(charset(wide))]
        {
            assert_hidden(format, &marked(&text, wide), wide, &[AWS, PAT, PEM]);
            assert_hidden(format, &units(&text, wide), wide, &[AWS, PAT, PEM]);
        }
    }
}

#[test]
fn declared_encodings_need_no_mark_and_no_ascii_at_the_start() {
    let foreign = "\u{5bc6}\u{7801}\u{662f}\u{4ec0}\u{4e48}\u{ff1f}\n".repeat(9);
    for wide in WideEncoding::ALL {
        for big_endian in [None, Some(wide.big)] {
            let format = Format::TextIn(Charset { four_bytes: wide.four, big_endian });
            if wide.four && big_endian.is_none() {
                continue;
            }
            assert_hidden(format, &units(&format!("{foreign}{AWS}"), wide), wide, &[AWS]);
        }
        assert_hidden(Format::Text, &marked(&format!("{foreign}{AWS}"), wide), wide, &[AWS]);
    }
}

#[test]
fn what_is_declared_or_marked_wide_but_is_not_is_read_as_it_is() {
    let declared = Format::TextIn(Charset { four_bytes: false, big_endian: None });
    let text = format!("key {AWS}");
    assert_eq!(run(declared, text.as_bytes()).unwrap().1.vault.len(), 1);
    for mark in [&b"\xff\xfe"[..], b"\xfe\xff", b"\xff\xfe\0\0", b"\0\0\xfe\xff"] {
        let body = [mark, text.as_bytes()].concat();
        assert_eq!(run(Format::Text, &body).unwrap().1.vault.len(), 1, "{mark:?}");
        for between in [&b"\xe9 in Latin-1\n"[..], b"a\0b\0c\0\n", &vec![b'\xe9'; 2 * WINDOW + 1]] {
            let body = [mark, between, text.as_bytes()].concat();
            assert_eq!(run(Format::Text, &body).unwrap().1.vault.len(), 1, "{mark:?}");
        }
    }
}

#[test]
fn cuts_and_windows_do_not_matter() {
    for wide in WideEncoding::ALL {
        let body = marked(&sample(WINDOW / 12), wide);
        assert!(body.len() > 2 * WINDOW);
        let out = assert_hidden(Format::Text, &body, wide, &[AWS, PAT, PEM]);
        for size in [1001, WINDOW - 1, WINDOW + 1] {
            let mut pieces: Vec<&[u8]> = body.chunks(size).collect();
            pieces.push(b"");
            let tokenizer = Tokenizer::new(shield(), Format::Text);
            assert!(run_pieces(tokenizer, &pieces).unwrap().0 == out, "{wide:?} {size}");
        }
    }
}

#[test]
fn every_cut_of_a_short_body_gives_the_same() {
    let body = marked(&format!("\u{1f511} {AWS} \u{1f511}"), WideEncoding::UTF_16_LE);
    let (whole, _) = run(Format::Text, &body).unwrap();
    for cut in 0..=body.len() {
        let pieces = [&body[..cut], &body[cut..]];
        assert_eq!(run_pieces(Tokenizer::new(shield(), Format::Text), &pieces).unwrap().0, whole);
    }
}

#[test]
fn secrets_around_a_window_are_seen() {
    for lead in (WINDOW / 2 - 300..WINDOW / 2 + 20).step_by(3) {
        let body =
            marked(&format!("{} {PAT} {}", ".".repeat(lead), ".".repeat(WINDOW)), WideEncoding::UTF_16_LE);
        assert_hidden(Format::Text, &body, WideEncoding::UTF_16_LE, &[PAT]);
    }
}

#[test]
fn text_that_grows_in_utf8_does_not_overflow_the_view() {
    for wide in WideEncoding::ALL {
        let body = marked(&format!("{}\n{AWS}", "\u{20ac}\u{4e2d}".repeat(2 * WINDOW)), wide);
        assert_hidden(Format::Text, &body, wide, &[AWS]);
    }
}

#[test]
fn halves_of_pairs_and_of_units_stay() {
    let key = units(&format!(" {AWS} "), WideEncoding::UTF_16_LE);
    for (before, after) in [
        (&b"\x3d\xd8"[..], &b""[..]),
        (b"\x11\xdd", b"\x3d\xd8"),
        (b"\x11\xdd\x3d\xd8", b"\x3d"),
        (b"", b"\x3d\xd8\x11"),
    ] {
        let body = [b"\xff\xfe", before, &key, after].concat();
        assert_hidden(Format::Text, &body, WideEncoding::UTF_16_LE, &[AWS]);
    }
    let key = units(&format!(" {AWS} "), WideEncoding::UTF_32_BE);
    let body = [b"\0\0\xfe\xff\0\0\xd8\x3d\0\x11\0\0", &key[..], b"\0\0"].concat();
    assert_hidden(Format::Text, &body, WideEncoding::UTF_32_BE, &[AWS]);
}

#[test]
fn files_in_forms_are_read_by_their_bytes_or_their_charset() {
    let format = Format::Multipart(Boundary::new(b"b").unwrap());
    for wide in WideEncoding::ALL {
        let (marked, plain) = (marked(&sample(9), wide), units(OTHER_PAT, wide));
        let body = [
            b"--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.txt\"\r\n\r\n".as_slice(),
            &marked,
            b"\r\n--b\r\nContent-Type: text/plain; charset=utf-16\r\n\r\n",
            &plain,
            b"\r\n--b--\r\n",
        ]
        .concat();
        assert_hidden(format, &body, wide, &[AWS, PAT, PEM, OTHER_PAT]);
    }
}

#[test]
fn wide_json_is_refused() {
    let text = format!("{{\"a\":\"{AWS}\"}}");
    for wide in WideEncoding::ALL {
        for body in [marked(&text, wide), units(&text, wide)] {
            assert!(run(Format::Json, &body).is_err());
            assert!(run(Format::JsonLines, &body).is_err());
            assert_hidden(Format::Unknown, &body, wide, &[AWS]);
        }
    }
}

#[test]
fn a_second_pass_changes_nothing() {
    let body = marked(&sample(3), WideEncoding::UTF_16_BE);
    let (once, _) = run(Format::Text, &body).unwrap();
    let (twice, outcome) = run(Format::Text, &once).unwrap();
    assert!(once == twice && outcome.vault.is_empty());
}

#[test]
fn few_units_are_no_sign() {
    assert!(WideEncoding::of(&units(&"a".repeat(MIN_UNITS), WideEncoding::UTF_16_LE), None).is_some());
    assert!(WideEncoding::of(&units(&"a".repeat(MIN_UNITS - 1), WideEncoding::UTF_16_LE), None).is_none());
    assert!(WideEncoding::of(b"\0\0\0\x18ftypmp42\0\0\0\0", None).is_none());
    assert!(WideEncoding::of(b"", None).is_none());
    assert!(WideEncoding::of(b"plain text", None).is_none());
}

#[test]
fn secrets_in_two_encodings_of_one_text_are_refused() {
    let narrow = format!("\ntoken {PAT}\n");
    let filler = lines("w", WINDOW / 3);
    for wide in WideEncoding::ALL {
        let (key, gap) = (units(&format!("key {AWS}\n"), wide), units(&filler, wide));
        let start = marked("log of the day\n", wide);
        for order in [
            vec![&key[..], narrow.as_bytes()],
            vec![&key, &gap, narrow.as_bytes()],
            vec![&gap, &key, narrow.as_bytes()],
            vec![&gap, &key, &gap, narrow.as_bytes()],
            // What stands between is a whole number of units.
            vec![&narrow.as_bytes()[..narrow.len() / 4 * 4], b"\n\n\n\n", &key],
            vec![&narrow.as_bytes()[..narrow.len() / 4 * 4], b"\n\n\n\n", &gap, &key],
        ] {
            let body = [start.clone(), order.concat()].concat();
            let refusal = run(Format::Text, &body).err().map(|(refusal, _)| refusal);
            assert!(matches!(refusal, Some(Refusal::Malformed { what: MIXED, .. })), "{wide:?} {refusal:?}");
        }
        for (one_way, secret) in [([&gap[..], narrow.as_bytes()], PAT), ([&key, b"\nplain words\n"], AWS)] {
            let (_, outcome) = run(Format::Text, &[start.clone(), one_way.concat()].concat()).unwrap();
            let found: Vec<_> =
                outcome.vault.tokens().filter_map(|token| outcome.vault.resolve(token)).collect();
            assert_eq!(found, [secret.as_bytes()], "{wide:?}");
        }
    }
}

#[test]
fn secrets_in_the_other_encoding_are_seen_around_a_window() {
    let wide = WideEncoding::UTF_16_LE;
    let (key, end) = (units(&format!("\nkey {AWS}\n"), wide), units(&lines("w", 500), wide));
    for lead in (WINDOW - 2400..WINDOW + 20).step_by(222) {
        let filler = units(&".".repeat(lead / 2), wide);
        let body = [b"\xff\xfe".as_slice(), &filler, format!("\n{PEM}\n").as_bytes(), &end].concat();
        let (out, outcome) = run(Format::Text, &body).unwrap();
        assert!(outcome.vault.len() == 1 && memchr::memmem::find(&out, b"MC4CAQAwBQYD").is_none(), "{lead}");
        let long = units(&format!("\n{PEM}\n"), wide);
        let narrow = format!("token {PAT} \n\n\n");
        let narrow = &narrow.as_bytes()[..narrow.len() / 2 * 2];
        for secret in [&key, &long] {
            let body = [b"\xff\xfea\0b\0c\0".as_slice(), narrow, &filler, secret, &end].concat();
            let refusal = run(Format::Text, &body).err().map(|(refusal, _)| refusal);
            assert!(matches!(refusal, Some(Refusal::Malformed { what: MIXED, .. })), "{lead} {refusal:?}");
        }
    }
}
