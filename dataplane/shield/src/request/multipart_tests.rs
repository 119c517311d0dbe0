use super::super::testing::{AWS, OTHER_PAT, PAT, PEM, lines, restore, run, run_pieces, shield};
use super::super::{Outcome, Refusal, Tokenizer, WINDOW};
use super::*;

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
fn checked(body: &[u8]) -> (Vec<u8>, Outcome) {
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
    let places: Vec<_> = outcome.report.places().iter().map(|p| p.place.as_str()).collect();
    assert_eq!(places, ["part[1]", "part[3]", "part[4]"]);
    let nested = body(&[part("name=\"j\"\r\nContent-Type: application/json", json.as_bytes())]);
    let (out, outcome) = run(format(), &nested).unwrap();
    assert_eq!(outcome.report.places()[0].place, "part[0].*");
    assert!(memmem::find(&out, b"u005f").is_none());
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
fn delimiters_may_stand_anywhere() {
    for offset in WINDOW - 120..WINDOW + 10 {
        let filler = vec![b'.'; offset];
        let all = body(&[part("name=\"a\"", &filler), part("name=\"b\"", AWS.as_bytes())]);
        let (_, outcome) = run(format(), &all).unwrap();
        assert_eq!(outcome.report.places()[0].place, "part[1]", "{offset}");
    }
}

#[test]
fn bare_line_feeds_delimit_too() {
    let image = "Content-Type: image/png\n\n\u{89}PNG\r\n\u{1a}\n";
    let sneaky = format!("--{BOUNDARY}\n{image}\n--{BOUNDARY}\nA: b\n\n{AWS}\n--{BOUNDARY}--");
    assert_eq!(checked(sneaky.as_bytes()).1.vault.len(), 1);
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
    let base64 = body(&[part("name=\"a\"\r\nContent-Transfer-Encoding: base64", b"eA==")]);
    assert_eq!(refused(&base64), "transfer encoding of a part");
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
