//! Media is known by its bytes, and only at the places where an API takes some; everything else is text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::format::{Boundary, Format};
use crate::policy::{OpaqueAction, Policy};
use crate::report::OpaqueKind;
use crate::request::refusal::Refusal;
use crate::request::scan::view::WINDOW;
use crate::request::tests::support::{
    AWS, PAT, PEM, lines, noise, restore, run, run_in_pieces, run_pieces, shield_with,
};
use crate::request::tokenizer::Tokenizer;

fn png(len: u32) -> String {
    STANDARD.encode([b"\x89PNG\r\n\x1a\n".as_slice(), &noise(len)].concat())
}

fn message(part: &Value) -> Value {
    json!({ "model": "m", "messages": [{ "role": "user", "content": [part] }] })
}

#[test]
fn a_data_url_in_a_text_is_text() {
    let letters = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhf";
    for value in [
        format!("data:image/png;base64,{letters} {AWS}"),
        format!("data:image/png;base64,{letters}-{AWS}"),
        format!("data:image/png;base64,{letters}\n{AWS}"),
        format!("data:image/png;base64,{letters}={AWS}"),
        format!("data:image/png;base64,{}\n{AWS}", "A".repeat(2000)),
        format!("data:image/png;base64,{}\n{AWS}", png(3000)),
        format!("data:image/png;base64,{AWS}"),
        format!("data:text/plain,{AWS}"),
    ] {
        for body in [
            message(&json!({ "type": "text", "text": value })),
            message(&json!({ "type": "tool_use", "id": "t", "name": "n", "input": { "url": value } })),
            message(&json!({ "type": "tool_result", "tool_use_id": "t", "content": value })),
            json!({ "messages": [{ "role": "assistant", "content": value }] }),
            json!({ "input": [{ "type": "function_call_output", "output": value }] }),
        ] {
            let (out, outcome) = run_in_pieces(&body.to_string());
            assert_eq!(outcome.vault.len(), 1, "{body}");
            assert!(!out.contains(AWS));
            assert!(restore(out.as_bytes(), &outcome, 1) == body.to_string().as_bytes());
            assert_eq!(outcome.report.opaque_total(), 0);
        }
    }
}

#[test]
fn names_of_media_in_a_tools_input_are_names() {
    let sealed = STANDARD.encode(noise(900));
    for value in [format!("{}-{AWS}", &sealed[..900]), format!("{}-{AWS}", &png(900)[..900])] {
        for input in [
            json!({ "data": value }),
            json!({ "blob": value }),
            json!({ "bytes": value }),
            json!({ "file_data": value }),
            json!({ "images": [value] }),
            json!({ "image_url": { "url": value } }),
            json!({ "source": { "type": "base64", "media_type": "image/png", "data": value } }),
            json!({ "source": { "bytes": value } }),
            json!({ "inlineData": { "mimeType": "image/png", "data": value } }),
            json!({ "input_audio": { "data": value } }),
            json!({ "resource": { "blob": value } }),
            json!({ "b64_json": value }),
        ] {
            for body in [
                message(&json!({ "type": "tool_use", "id": "t", "name": "n", "input": input })),
                json!({ "contents": [{ "parts": [{ "functionCall": { "name": "f", "args": input } }] }] }),
                json!({ "contents": [{ "parts": [{ "functionResponse": { "name": "f", "response": input } }] }] }),
                json!({ "messages": [{ "tool_calls": [{ "function": { "name": "f", "arguments": input.to_string() } }] }] }),
                json!({ "messages": [{ "role": "assistant", "tool_calls": [{ "function": { "name": "f", "arguments": input } }] }] }),
                json!({ "input": [{ "type": "function_call", "arguments": input.to_string() }] }),
                json!({ "messages": [{ "content": [{ "toolUse": { "toolUseId": "t", "name": "n", "input": input } }] }] }),
            ] {
                let (out, outcome) = run_in_pieces(&body.to_string());
                assert_eq!(outcome.vault.len(), 1, "{body}");
                assert!(!out.contains(AWS));
            }
        }
    }
}

#[test]
fn text_behind_a_run_of_base64_is_scanned_and_kept() {
    let encoded = STANDARD.encode(format!("{}the key is {AWS}", lines("line", 3)));
    let behind = format!(" and {PAT} stands behind,\n\"quoted\" \u{e9}\n{}", lines("so does this", 2000));
    for (head, tail) in [
        ("data:text/plain;base64,", &*behind),
        ("data:text/plain;base64,", "\nwords"),
        ("data:;base64,", " "),
    ] {
        for part in [
            json!({ "type": "text", "text": format!("{head}{encoded}{tail}") }),
            json!({ "type": "file", "file": { "file_data": format!("{head}{encoded}{tail}") } }),
        ] {
            let body = message(&part).to_string();
            let (out, outcome) = run_in_pieces(&body);
            assert_eq!(outcome.vault.len(), 1 + usize::from(tail.contains(PAT)), "{part}");
            let part = &serde_json::from_str::<Value>(&out).unwrap()["messages"][0]["content"][0];
            let value = part["text"].as_str().or(part["file"]["file_data"].as_str()).unwrap();
            let end = value.find([' ', '\n']).unwrap();
            let decoded = STANDARD.decode(&value[head.len()..end]).unwrap();
            assert!(String::from_utf8(decoded.clone()).unwrap().contains("the key is AEGIS-"));
            let restored = [
                head.as_bytes(),
                STANDARD.encode(restore(&decoded, &outcome, 0)).as_bytes(),
                &restore(&value.as_bytes()[end..], &outcome, 0),
            ]
            .concat();
            assert!(restored == format!("{head}{encoded}{tail}").as_bytes());
        }
    }
}

#[test]
fn a_run_ends_where_its_text_ends() {
    let words = STANDARD.encode("some words that are text");
    for (run, rest) in [(words.clone(), AWS.to_owned()), (words, format!("+/{AWS}"))] {
        let body = json!({ "text": format!("data:text/plain;base64,{run}{rest}") }).to_string();
        assert_eq!(run_in_pieces(&body).1.vault.len(), 1, "{body}");
    }
}

#[test]
fn every_cut_of_a_run_gives_the_same() {
    let text = format!("data:text/plain;base64,{} then {PAT}", STANDARD.encode(format!("key {AWS} end")));
    for lead in 0..text.len() + 40 {
        let lead = "x".repeat(WINDOW - 20 - text.len() + lead);
        let body = json!([lead, text]).to_string();
        let (out, outcome) = run(Format::Json, body.as_bytes()).unwrap();
        assert_eq!(outcome.vault.len(), 2);
        let parsed: Value = serde_json::from_str(std::str::from_utf8(&out).unwrap()).unwrap();
        let (head, tail) = parsed[1].as_str().unwrap().split_once(" then ").unwrap();
        let decoded = STANDARD.decode(&head["data:text/plain;base64,".len()..]).unwrap();
        assert_eq!(restore(&decoded, &outcome, 0), format!("key {AWS} end").as_bytes());
        assert_eq!(restore(tail.as_bytes(), &outcome, 0), PAT.as_bytes());
    }
}

#[test]
fn documents_in_utf_16_are_scanned_in_base64_too() {
    let units = |text: &str, big: bool| -> Vec<u8> {
        let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    };
    for (filler, mark, big) in
        [(3, "\u{feff}", false), (3, "", true), (2500, "\u{feff}", true), (2501, "\u{feff}", false)]
    {
        let text = format!(
            "{mark}{}{AWS}\r\n{PEM}\n{}{PAT}",
            lines("Zeile \u{fc}\u{1f511}", filler),
            lines("x", filler)
        );
        let file = [&units(&text, big)[..], b"\x3d\xd8"].concat();
        for part in [
            json!({ "type": "document", "source": { "type": "base64", "media_type": "text/plain", "data": STANDARD.encode(&file) } }),
            json!({ "type": "document", "source": { "type": "base64", "media_type": "text/plain; charset=utf-16", "data": STANDARD.encode(&file) } }),
            json!({ "type": "file", "file": { "file_data": format!("data:text/plain;charset=utf-16;base64,{}", STANDARD.encode(&file)) } }),
        ] {
            let (out, outcome) = run_in_pieces(&message(&part).to_string());
            assert_eq!(outcome.vault.len(), 3, "{filler} {big}");
            let part = &serde_json::from_str::<Value>(&out).unwrap()["messages"][0]["content"][0];
            let value = part["source"]["data"].as_str().or(part["file"]["file_data"].as_str()).unwrap();
            let decoded = STANDARD.decode(value.rsplit(',').next().unwrap()).unwrap();
            let restored = outcome.vault.tokens().fold(decoded, |decoded, token| {
                let secret = std::str::from_utf8(outcome.vault.resolve(token).unwrap()).unwrap();
                super::support::replace(&decoded, &units(token.as_str(), big), &units(secret, big))
            });
            assert!(restored == file);
        }
    }
}

#[test]
fn bodies_that_begin_with_a_magic_number_but_are_text_are_scanned() {
    let multipart = Format::Multipart(Boundary::new(b"b").unwrap());
    for start in [
        "RIFF notes: ",
        "GIF89a is a format\n",
        "ID3 tags: ",
        "%PDF-1.4 \n",
        "fLaC ",
        "0000ftypmp42 ",
        "OggS ",
    ] {
        let text = format!("{start}{AWS}");
        for format in [Format::Unknown, Format::Binary] {
            assert_eq!(run(format, text.as_bytes()).unwrap().1.vault.len(), 1, "{start}");
        }
        for head in ["Content-Type: image/gif", "Content-Type: application/octet-stream", "A: b"] {
            let body = format!("--b\r\n{head}\r\n\r\n{text}\r\n--b--\r\n");
            assert_eq!(run(multipart, body.as_bytes()).unwrap().1.vault.len(), 1, "{start}");
        }
        let data = STANDARD.encode(format!("{text} and some more words of text, so that it is long enough"));
        let source = json!({ "type": "base64", "media_type": "image/gif", "data": data });
        let body = message(&json!({ "type": "image", "source": source })).to_string();
        assert_eq!(run_in_pieces(&body).1.vault.len(), 1, "{start}");
    }
}

#[test]
fn texts_of_one_byte_a_character_are_scanned_whatever_they_begin_like() {
    let multipart = Format::Multipart(Boundary::new(b"b").unwrap());
    for start in crate::request::classify::file_kind::EIGHT_BIT {
        let text =
            [start, b"\n\xf0\xff\xe4\xee\xea\ntoken=", PAT.as_bytes(), b"\nand some more words\n"].concat();
        for format in [Format::Unknown, Format::Binary, Format::Text] {
            assert_eq!(run(format, &text).unwrap().1.vault.len(), 1, "{start:x?}");
        }
        for head in [
            "Content-Disposition: form-data; name=\"prompt\"",
            "Content-Disposition: form-data; name=\"f\"; filename=\"a\"\r\nContent-Type: application/octet-stream",
            "Content-Disposition: form-data; name=\"f\"; filename=\"a\"\r\nContent-Type: application/json",
            "Content-Disposition: form-data; name=\"f\"; filename=\"a\"\r\nContent-Type: audio/mpeg",
            "Content-Disposition: form-data; name=\"f\"; filename=\"a\"\r\nContent-Type: text/plain",
        ] {
            let body = [format!("--b\r\n{head}\r\n\r\n").as_bytes(), &text, b"\r\n--b--\r\n"].concat();
            assert_eq!(run(multipart, &body).unwrap().1.vault.len(), 1, "{start:x?} {head}");
        }
        let data = STANDARD.encode(&text);
        for part in [
            json!({ "type": "document", "source": { "type": "base64", "media_type": "text/plain", "data": data } }),
            json!({ "type": "image", "source": { "type": "base64", "media_type": "image/jpeg", "data": data } }),
            json!({ "type": "file", "file": { "file_data": format!("data:text/plain;base64,{data}") } }),
            json!({ "type": "file", "file": { "file_data": format!("data:application/pdf;base64,{data}") } }),
            json!({ "type": "input_audio", "input_audio": { "data": data, "format": "mp3" } }),
        ] {
            assert_eq!(run_in_pieces(&message(&part).to_string()).1.vault.len(), 1, "{start:x?} {part}");
        }
    }
}

#[test]
fn what_is_not_read_is_reported_with_kind_place_and_size() {
    let file = [b"\x89PNG\r\n\x1a\n".as_slice(), &noise(50_001)].concat();
    let pdf = [b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".as_slice(), &noise(500)].concat();
    let zip = [b"PK\x03\x04\x14\0\0\0\0\0".as_slice(), &noise(1000)].concat();
    let image = |data: &[u8]| json!({ "type": "image", "source": { "data": STANDARD.encode(data) } });
    let body = json!({ "messages": [{ "content": [
        image(&file),
        { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{}", STANDARD.encode(&file)) } },
        image(&pdf),
        image(&zip),
        image(b"text of some length, and no image at all"),
    ] }] });
    let body = body.to_string();
    let (out, outcome) = run_in_pieces(&body);
    assert!(out == body && outcome.vault.is_empty());
    let reported: Vec<_> =
        outcome.report.opaque().iter().map(|one| (one.kind, one.bytes, one.place.as_str())).collect();
    assert_eq!(
        reported,
        [
            (OpaqueKind::Image, file.len() as u64, "messages[0].content[0].source.data"),
            (OpaqueKind::Image, file.len() as u64, "messages[0].content[1].image_url.url"),
            (OpaqueKind::Pdf, pdf.len() as u64, "messages[0].content[2].source.data"),
            (OpaqueKind::Archive, zip.len() as u64, "messages[0].content[3].source.data"),
        ]
    );
    let multipart = Format::Multipart(Boundary::new(b"b").unwrap());
    let body =
        [b"--b\r\nA: b\r\n\r\n".as_slice(), &file, b"\r\n--b\r\nA: b\r\n\r\n", &zip, b"\r\n--b--"].concat();
    let (_, outcome) = run(multipart, &body).unwrap();
    let reported: Vec<_> =
        outcome.report.opaque().iter().map(|one| (one.kind, one.bytes, one.place.as_str())).collect();
    assert_eq!(
        reported,
        [
            (OpaqueKind::Image, file.len() as u64, "part[0]"),
            (OpaqueKind::Archive, zip.len() as u64, "part[1]")
        ]
    );
    let (_, outcome) = run(Format::Binary, &pdf).unwrap();
    assert_eq!(outcome.report.opaque_of(OpaqueKind::Pdf), (1, pdf.len() as u64));
}

#[test]
fn policy_can_refuse_what_is_not_read() {
    let refusing = || shield_with(Policy::default().with_opaque(OpaqueAction::Refuse));
    let refused = |format, body: &[u8]| {
        run_pieces(Tokenizer::new(refusing(), format), &[body]).err().map(|(refusal, _)| refusal)
    };
    let body = message(&json!({ "type": "image", "source": { "data": png(3000) } })).to_string();
    let place = "messages[0].content[0].source.data".to_owned();
    assert_eq!(
        refused(Format::Json, body.as_bytes()),
        Some(Refusal::Opaque { kind: OpaqueKind::Image, place })
    );
    let file = STANDARD.decode(png(300)).unwrap();
    assert_eq!(
        refused(Format::Unknown, &file),
        Some(Refusal::Opaque { kind: OpaqueKind::Image, place: String::new() })
    );
    let signed =
        message(&json!({ "type": "thinking", "thinking": "", "signature": STANDARD.encode(noise(300)) }));
    assert_eq!(
        refused(Format::Json, signed.to_string().as_bytes()),
        None,
        "what the provider sealed is not media"
    );
    let text = message(&json!({ "type": "text", "text": format!("data:image/png;base64,{}", png(3000)) }));
    assert_eq!(refused(Format::Json, text.to_string().as_bytes()), None, "text is read");
}
