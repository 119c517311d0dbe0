use super::*;
use crate::format::Format;
use crate::request::refusal::Refusal;
use crate::request::scan::view::WINDOW;
use crate::request::tests::support::{AWS, OTHER_PAT, PAT, PEM, lines, restore, run, run_pieces, shield};
use crate::request::tokenizer::{TokenizeOutcome, Tokenizer};

const BOUNDARY: &str = "----WebKitFormBoundary7MA4";

fn format() -> Format {
    Format::Multipart(Boundary::new(BOUNDARY.as_bytes()).unwrap())
}

fn part(head: &str, content: &[u8]) -> Vec<u8> {
    [format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n").as_bytes(), content, b"\r\n"]
        .concat()
}

fn body(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), format!("--{BOUNDARY}--\r\n").into_bytes()].concat()
}

/// Runs `body` whole and in pieces.
fn checked(body: &[u8]) -> (Vec<u8>, TokenizeOutcome) {
    let (out, outcome) = run(format(), body).unwrap_or_else(|(refusal, _)| panic!("{refusal}"));
    assert!(restore(&out, &outcome, 0) == body);
    for size in [5000, WINDOW, WINDOW + 1] {
        let mut pieces: Vec<&[u8]> = body.chunks(size).collect();
        pieces.push(b"");
        let (cut, _) = run_pieces(Tokenizer::new(shield(), format()), &pieces).unwrap();
        assert!(cut == out, "cuts matter");
    }
    (out, outcome)
}

fn refused(body: &[u8]) -> &'static str {
    match run(format(), body) {
        Err((Refusal::Malformed { what, .. }, _)) => what,
        Err((other, _)) => panic!("{other}"),
        Ok(_) => panic!("not refused"),
    }
}

#[test]
fn each_part_is_read_by_its_type() {
    let image = [b"\x89PNG\r\n\x1a\n".as_slice(), AWS.as_bytes(), &vec![0; 40_000]].concat();
    let text = format!("{}{PEM}\n{}", lines("line", 5000), lines("more", 3000));
    let json = format!("{{\"a\":\"{}\"}}", OTHER_PAT.replace('_', "\\u005f"));
    let all = body(&[
        part("name=\"purpose\"", b"batch"),
        part("name=\"f\"; filename=\"a.txt\"\r\nContent-Type: text/plain", text.as_bytes()),
        part("name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png", &image),
        part(&format!("name=\"{PAT}\""), b""),
        part("name=\"key\"", AWS.as_bytes()),
    ]);
    let (out, outcome) = checked(&all);
    assert!(memmem::find(&out, &image).is_some(), "known media passes");
    let places: Vec<_> = outcome.report.findings().iter().map(|p| p.place.as_str()).collect();
    assert_eq!(places, ["part[1]", "part[3]", "part[4]"]);
    let nested = body(&[part("name=\"j\"\r\nContent-Type: application/json", json.as_bytes())]);
    let (out, outcome) = run(format(), &nested).unwrap();
    assert_eq!(outcome.report.findings()[0].place, "part[0].*");
    assert!(memmem::find(&out, b"u005f").is_none());
}

/// A value that is a secret by its name alone.
const NAMED: &str = "Xq7vR2kLw9TzBn4Jd8Ge";

#[test]
fn the_name_of_a_field_says_what_its_content_is() {
    let aws = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzq8v2LmN0t";
    for (head, content, secret) in [
        ("name=\"db_password\"", NAMED, NAMED),
        ("name=db_password", NAMED, NAMED),
        ("name=\"password\"", NAMED, NAMED),
        ("name=\"api_key\"", NAMED, NAMED),
        ("name=\"client_secret\"", NAMED, NAMED),
        ("name=\"metadata[db_password]\"", NAMED, NAMED),
        ("name*=UTF-8''db_password", NAMED, NAMED),
        ("name*=UTF-8''db%5Fpassword", NAMED, NAMED),
        (";\r\n name=\"db_password\"", NAMED, NAMED),
        ("name=\"aws_secret_access_key\"", aws, aws),
        ("name=\"db_password\"\r\nContent-Type: text/plain; charset=utf-8", NAMED, NAMED),
        ("name=\"db_password\"\r\nContent-Type: application/octet-stream", NAMED, NAMED),
        ("name=\"db_password\"\r\nContent-Type: application/x-www-form-urlencoded", NAMED, NAMED),
        ("name=\"db_password\"\r\nContent-Type: application/json", "\"Xq7vR2kLw9TzBn4Jd8Ge\"", NAMED),
        ("name=\"db_password\"\r\nContent-Type: application/json", "[\"Xq7vR2kLw9TzBn4Jd8Ge\"]", NAMED),
        ("name=\"db_password\"", "\"Xq7vR2kLw9TzBn4Jd8Ge\"", NAMED),
        ("name=\"db_password\"; filename=\"a\"", NAMED, NAMED),
        ("name=\"db_password\"; filename=\"a\"", "Xq7vR2kLw9TzBn4Jd8Ge\r\n", NAMED),
        (
            "name=\"db_password\"; filename=\"a\"\r\nContent-Type: application/json",
            "\"Xq7vR2kLw9TzBn4Jd8Ge\"",
            NAMED,
        ),
    ] {
        let all = body(&[part("name=\"a\"", b"x"), part(head, content.as_bytes()), part("name=\"b\"", b"y")]);
        let (out, outcome) = checked(&all);
        assert!(memmem::find(&out, secret.as_bytes()).is_none(), "{head}");
        assert_eq!(outcome.vault.len(), 1, "{head}");
        assert!(outcome.report.findings()[0].place.starts_with("part[1]"), "{head}");
    }
    let wide: Vec<u8> = NAMED.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let content = [b"\xff\xfe", wide.as_slice()].concat();
    let (out, _) = run(format(), &body(&[part("name=\"db_password\"", &content)])).unwrap();
    assert!(memmem::find(&out, &wide).is_none());
}

#[test]
fn a_password_is_its_whole_content_whatever_it_and_its_name_are_made_of() {
    let names =
        ["password", "password\\t", "password ", "p%61ssword", "user%5Bpassword%5D", "user[password]"];
    let values = [
        "Xq7f%2bKw29%23LmTz4R",
        "Xq7f,Kw29;Lm#Tz4R",
        "Xq,7fKw29LmTz4R",
        "\"Xq7f Kw29<Lm>Tz4R",
        "f\"Xq7fKw29LmTz4R",
        "=Xq7fKw29LmTz4R'",
        "Xq7f\\Kw29\"LmTz4R}",
        "Xq7f&Kw=29LmTz4R",
    ];
    for (name, value) in names.iter().flat_map(|name| values.map(|value| (name, value))) {
        let name = name.replace("\\t", "\t");
        for (before, behind) in [("", ""), (" ", "\r\n"), ("", "\n")] {
            let content = format!("{before}{value}{behind}");
            let all =
                body(&[part("name=\"a\"", b"b"), part(&format!("name=\"{name}\""), content.as_bytes())]);
            let (out, outcome) = checked(&all);
            let tokens: Vec<_> = outcome.vault.tokens().collect();
            assert_eq!(tokens.len(), 1, "{name} {content}");
            assert_eq!(outcome.vault.resolve(tokens[0]), Some(value.as_bytes()), "{name} {content}");
            assert!(memmem::find(&out, b"4R").is_none() && memmem::find(&out, b"Xq").is_none());
        }
    }
    // A string is what stands between its quotes, and prose no password.
    let (out, _) = checked(&body(&[part("name=\"password\"", b"\"Xq7fKw29LmTz4R\"")]));
    assert!(memmem::find(&out, b"\r\n\"AEGIS-").is_some());
    for content in ["Kennwort, bitte", "a;b", "x,y"] {
        let all = body(&[part("name=\"password\"", content.as_bytes())]);
        assert!(checked(&all).0 == all, "{content}");
    }
}

#[test]
fn other_names_and_other_texts_say_nothing() {
    for (head, content) in [
        ("name=\"purpose\"", NAMED),
        ("name=\"db_password\"; filename=\"a.txt\"", "Xq7vR2kLw9TzBn4Jd8Ge\nis the name of a ship\n"),
        ("name=\"file\"; filename=\"a.txt\"", NAMED),
        ("name=\"db_password\"", ""),
    ] {
        let all = body(&[part(head, content.as_bytes()), part("name=\"note\"", NAMED.as_bytes())]);
        assert_eq!(checked(&all).0, all, "{head}");
    }
    // A name that is a secret of its own is hidden where it stands, and what it says is not.
    let all = body(&[part(&format!("name=\"{AWS}\""), b"x")]);
    assert_eq!(checked(&all).1.vault.len(), 1);
}

#[test]
fn a_name_of_any_length_leaves_the_content_as_it_is() {
    for len in [0, 1, 254, 255, 256, 257, 4000] {
        let name = format!("name=\"{}\"", "n".repeat(len));
        let all = body(&[part(&name, AWS.as_bytes())]);
        assert_eq!(checked(&all).1.vault.len(), 1, "{len}");
        let all = body(&[part(&name, b"")]);
        assert_eq!(checked(&all).0, all, "{len}");
    }
}

#[test]
fn folded_lines_of_a_head_are_scanned_as_one() {
    for fold in ["\r\n ", "\n\t", " \t\r\n  ", "\r\n \r\n "] {
        let all = body(&[part(&format!("name=\"f\"\r\nx-db-password:{fold}{NAMED}"), b"x")]);
        let (out, outcome) = checked(&all);
        assert!(memmem::find(&out, NAMED.as_bytes()).is_none(), "{fold:?}");
        assert_eq!(outcome.report.findings()[0].place, "part[0]");
    }
}

#[test]
fn json_lines_of_unknown_type_are_decoded() {
    let escaped = AWS.replace('K', "\\u004B");
    let file = format!("{{\"body\":{{\"m\":\"x\"}}}}\n{{\"body\":{{\"m\":\"{escaped}\"}}}}\n");
    let head = "name=\"file\"; filename=\"b.jsonl\"\r\nContent-Type: application/octet-stream";
    let (out, outcome) = run(format(), &body(&[part(head, file.as_bytes())])).unwrap();
    assert_eq!(outcome.vault.len(), 1);
    assert!(memmem::find(&out, escaped.as_bytes()).is_none());
}

#[test]
fn a_mislabelled_file_is_scanned() {
    let head = "name=\"f\"; filename=\"a.png\"\r\nContent-Type: image/png";
    assert_eq!(checked(&body(&[part(head, AWS.as_bytes())])).1.vault.len(), 1);
}

#[test]
fn the_file_of_a_related_body_is_one_without_a_name() {
    let related = format!("multipart/related; boundary=\"{BOUNDARY}\"");
    let sent = |metadata: &str, file: &str| {
        let part = |content: &str| {
            format!("--{BOUNDARY}\r\nContent-Type: application/json; charset=utf-8\r\n\r\n{content}\r\n")
        };
        let body = format!("{}{}--{BOUNDARY}--\r\n", part(metadata), part(file));
        let shapes =
            [Format::of_file(Some(related.as_bytes())), Format::of_request(Some(related.as_bytes()))];
        shapes.map(|format| run(format, body.as_bytes()))
    };
    for file in ["// a comment\n{\"a\":1}", "{\"a\":NaN}", "{\"a\":1}\n{\"a\":2}\n", "no JSON at all", ""] {
        let [upload, request] = sent("{\"file\":{}}", &format!("{file} {AWS}"));
        let (out, outcome) = upload.unwrap_or_else(|(refusal, _)| panic!("{file}: {refusal}"));
        assert_eq!(outcome.vault.len(), 1, "{file}");
        assert!(memmem::find(&out, AWS.as_bytes()).is_none());
        assert!(request.is_err(), "elsewhere its type is believed: {file}");
    }
    let [upload, _] = sent("{\"file\":NaN}", "{}");
    assert!(upload.is_err(), "what is said of the file is JSON");
}

#[test]
fn delimiters_may_stand_anywhere() {
    for offset in WINDOW - 120..WINDOW + 10 {
        let filler = vec![b'.'; offset];
        let all = body(&[part("name=\"a\"", &filler), part("name=\"b\"", AWS.as_bytes())]);
        let (_, outcome) = run(format(), &all).unwrap();
        assert_eq!(outcome.report.findings()[0].place, "part[1]", "{offset}");
    }
}

#[test]
fn delimiters_that_only_some_would_see_are_refused() {
    let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &[0; 300]].concat();
    let head = format!("--{BOUNDARY}\r\nContent-Type: image/png\r\n\r\n");
    let hidden = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"p\"\r\n\r\n{AWS}\r\n");
    let end = format!("--{BOUNDARY}--\r\n");
    for filler in [0, WINDOW - 500, WINDOW - 400, WINDOW] {
        for bare in ["\r", "\n", "\n\r", "\r\r", "\n\n", "\r\n\r"] {
            let all =
                [head.as_bytes(), &png, &vec![0; filler], bare.as_bytes(), hidden.as_bytes(), end.as_bytes()];
            assert_eq!(refused(&all.concat()), "delimiter behind a bare line end", "{bare:?}");
        }
        let all = [head.as_bytes(), &png, &vec![0; filler], b"\r\n", hidden.as_bytes(), end.as_bytes()];
        assert_eq!(checked(&all.concat()).1.vault.len(), 1);
    }
    for (behind, seen) in
        [("\n", false), ("\r\r\n", false), (" \n", false), (" \t\r\n", true), ("\r\n", true)]
    {
        let all = format!("--{BOUNDARY}{behind}A: b\r\n\r\n{AWS}\r\n{end}");
        if seen {
            assert_eq!(checked(all.as_bytes()).1.vault.len(), 1, "{behind:?}");
        } else {
            assert_eq!(refused(all.as_bytes()), "delimiter with a bare line end", "{behind:?}");
        }
    }
}

#[test]
fn text_around_the_parts_is_scanned() {
    let all = format!("{PAT}\r\n--{BOUNDARY}\r\n\r\nx --{BOUNDARY} y\r\n--{BOUNDARY}--  \r\n{AWS}");
    assert_eq!(checked(all.as_bytes()).1.vault.len(), 2);
}

#[test]
fn broken_bodies_are_refused() {
    let whole = String::from_utf8(body(&[part("name=\"a\"", b"x")])).unwrap();
    assert_eq!(refused(whole.trim_end_matches("--\r\n").as_bytes()), "multipart without its end");
    let unended = format!("--{BOUNDARY}{}", " ".repeat(MAX_DELIMITER_REST));
    assert_eq!(refused(unended.as_bytes()), "delimiter without line end");
    assert_eq!(refused(&whole.as_bytes()[..whole.len() - 8]), "multipart without its end");
    assert_eq!(refused(b"nothing"), "multipart without its end");
    assert_eq!(refused(format!("--{BOUNDARY}x\r\n").as_bytes()), "text behind a delimiter");
    assert_eq!(refused(format!("--{BOUNDARY}\r\nA: b\r\n").as_bytes()), "part without a head");
}

#[test]
fn heads_that_can_be_read_otherwise_are_refused() {
    for (head, what) in [
        ("name=\"a\"\r\nContent-Transfer-Encoding: base64", "transfer encoding of a part"),
        ("name=\"a\"\r\nContent-Transfer-Encoding:\r\n quoted-printable", "transfer encoding of a part"),
        ("name=\"a\"\r\nCONTENT-transfer-Encoding:\r\n\tBase64", "transfer encoding of a part"),
        (
            "name=\"a\"\nContent-Transfer-Encoding: binary\ncontent-transfer-encoding: base64",
            "two transfer encodings of a part",
        ),
        ("name=\"a\"\r\nContent-Type: image/png\r\ncontent-type: text/plain", "two types of a part"),
        ("name=\"a\"\r\nContent-Disposition: form-data", "two dispositions of a part"),
        ("name=\"a\"; name=\"b\"", "two names of a part"),
        ("name=\"a\"\r\nContent-Type: multipart/mixed; boundary=x", "multipart inside multipart"),
        ("name=\"a\"\r\nContent-Type: multipart/mixed;\r\n boundary=x", "multipart inside multipart"),
        ("name=\"a\"\r\nno field", "line without a colon in the head of a part"),
        ("name=\"a\"\rContent-Transfer-Encoding: base64", "control character in the head of a part"),
    ] {
        assert_eq!(refused(&body(&[part(head, b"eA==")])), what, "{head}");
    }
    let first = format!("--{BOUNDARY}\r\n folded: x\r\n\r\nx\r\n--{BOUNDARY}--");
    assert_eq!(refused(first.as_bytes()), "folded line without a field in the head of a part");
    for head in [
        "name=\"a\"\r\nContent-Transfer-Encoding: 8BIT",
        "name=\"a\"\r\nContent-Transfer-Encoding:\r\n binary",
    ] {
        assert_eq!(checked(&body(&[part(head, AWS.as_bytes())])).1.vault.len(), 1, "{head}");
    }
}

#[test]
fn folded_types_are_read() {
    let escaped = OTHER_PAT.replace('_', "\\u005f");
    let content = format!("{{\"a\":\"{escaped}\"}}");
    let all = body(&[part(
        "name=\"j\"\r\nContent-Type:\r\n application/json;\r\n\tcharset=utf-8",
        content.as_bytes(),
    )]);
    let (out, outcome) = run(format(), &all).unwrap();
    assert_eq!(outcome.report.findings()[0].place, "part[0].*");
    assert!(memmem::find(&out, escaped.as_bytes()).is_none());
}

#[test]
fn files_labelled_json_need_not_be() {
    let head = "name=\"file\"; filename=\"a.json\"\r\nContent-Type: application/json";
    for content in [
        format!("// a comment\n{{\"a\": \"{AWS}\"}}"),
        format!("{{\"a\": NaN, \"b\": \"{AWS}\"}}"),
        format!("\u{feff}{{\"a\": \"{AWS}\"}}"),
        format!("{{\"a\": 1}}\n{{\"a\": \"{AWS}\"}}\n"),
        format!("{{'a': '{AWS}'}}"),
        format!("just words and {AWS}"),
    ] {
        assert_eq!(checked(&body(&[part(head, content.as_bytes())])).1.vault.len(), 1, "{content}");
    }
    let escaped = AWS.replace('K', "\\u004B");
    let marked = format!("\u{feff}{{\"a\":\"{escaped}\"}}");
    let (out, outcome) = run(format(), &body(&[part(head, marked.as_bytes())])).unwrap();
    assert!(outcome.vault.len() == 1 && memmem::find(&out, escaped.as_bytes()).is_none());
    let png = [b"\x89PNG\r\n\x1a\n".as_slice(), AWS.as_bytes()].concat();
    assert_eq!(
        checked(&body(&[part(head, &png)])).1.vault.len(),
        1,
        "read as what it is labelled, not passed"
    );
}

#[test]
fn a_file_hides_nothing_at_the_places_of_requests() {
    let head = "name=\"file\"; filename=\"a.json\"\r\nContent-Type: application/json";
    let content = format!("{{\"pageToken\":\"{PAT}\",\"tools\":[{{\"authorization\":\"{AWS}\"}}]}}");
    assert_eq!(checked(&body(&[part(head, content.as_bytes())])).1.vault.len(), 2);
    // But a line of a batch is a request.
    let line = format!("{{\"custom_id\":\"1\",\"body\":{{\"tools\":[{{\"authorization\":\"{AWS}\"}}]}}}}\n");
    assert!(checked(&body(&[part(head, line.as_bytes())])).1.vault.is_empty());
}

#[test]
fn heads_are_limited() {
    let head = |len: usize| {
        let fixed = "Content-Disposition: form-data; \r\n\r\n".len();
        body(&[part(&"x".repeat(len - fixed), &vec![b'y'; 2 * WINDOW])])
    };
    assert!(run(format(), &head(MAX_PART_HEAD)).is_ok());
    assert_eq!(refused(&head(MAX_PART_HEAD + 1)), "head of a part is too long");
}

#[test]
fn a_fault_is_placed_in_the_whole_body() {
    let all = body(&[part("name=\"j\"\r\nContent-Type: application/json", b"[1,x]")]);
    let offset = memmem::find(&all, b"x]").unwrap() as u64;
    let expected = Refusal::Malformed { what: "unexpected character", offset };
    assert_eq!(run(format(), &all).err().unwrap().0, expected);
}
