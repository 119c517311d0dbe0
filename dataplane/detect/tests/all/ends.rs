//! Where values end: with their string however it is written, and never in another text.

use crate::common::{builtin, whole, windowed};
use crate::generic::unmark_all;
use aegis_detect::{Carry, Window, WindowMarks};

/// What is marked in a text, and what is found in it.
fn found(example: &str) -> (Vec<String>, Vec<String>) {
    let (_, mut scanner) = builtin();
    let (text, spans) = unmark_all(example);
    let marked = spans.iter().map(|(start, end)| text[*start..*end].to_owned()).collect();
    let findings = whole(&mut scanner, text.as_bytes());
    (marked, findings.iter().map(|finding| text[finding.span.range()].to_owned()).collect())
}

fn check(examples: &[&str]) {
    let all: Vec<_> = examples.iter().map(|example| (example, found(example))).collect();
    let wrong: Vec<_> = all.iter().filter(|(_, (marked, found))| marked != found).collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), examples.len());
}

/// A letter that needs no escape may have one; a quote that is escaped ends no string.
#[test]
fn escapes_in_a_string_are_of_its_value() {
    check(&[
        r#"see {"db_password":"«\u0072N34YD\u0042\u0078Pr»","n":1}"#,
        r#"  "auth_token": "«ew2qpD+lOmMaR\u0022K6YF»","#,
        r#"{"msg":"{\"password\":\"«MTEBP\\u0022AAPL\\u006a\\u002288DN»\"}"} and"#,
        r#"password = "«NL2tXPd\u0022VmsLWp8n0cB»""#,
        r#"password = "«NL2tXPd\x22VmsLWp8n0cB»";"#,
        r#"src/a.py:12:db_password = "«1\u0036y\u0063b\u0022tYtA\u00653Tb\u004e»""#,
    ]);
}

#[test]
fn quotes_in_a_string_are_of_its_value() {
    check(&[
        "password: '«aT4''xQ9mZk2''b»'\n",
        "password: '«aT4''&xQ9mZk2»'\n",
        "password = '''«aT4xQ'9mZk2b»'''\n",
        "password = \"\"\"«aT4xQ\"9m\"\"Zk2b»\"\"\"\n",
        "password = '«aT4xQ9mZk2b»'\nother = ''\n",
        "f(password='«aT4xQ9mZk2b»', b='')",
    ]);
}

#[test]
fn a_parameter_ends_at_its_delimiter() {
    check(&["a=1&password=«%7BR%22ppW%5B%22dZcH4%3B.»&b=2", "a=1&password=«%7BR%22ppW%5B%22dZcH4%3B». Then"]);
}

/// A quote that is not closed in its text is closed in none behind it.
#[test]
fn an_open_quote_ends_with_its_text() {
    let (_, mut scanner) = builtin();
    for quote in ["'", "`"] {
        let value = "aT4xQ9mZk2b";
        let text = format!(
            r#"[{{"content":"password = {quote}{value}"}},{{"role":"user","content":"it{quote}s Lv82kPq0Zr"}}]"#
        );
        let window = Window { text: text.as_bytes(), fresh: 0, last: true };
        let marks = WindowMarks { has_strings: true, ..WindowMarks::default() };
        let scan = scanner.scan_marked(window, marks, &mut Carry::default());
        let found: Vec<_> = scan.findings.iter().map(|finding| &text[finding.span.range()]).collect();
        assert_eq!(found, [value], "{text}");
    }
}

#[test]
fn private_lines_of_putty_are_as_many_as_it_says() {
    let lines = ["AAAAgQDqu0yYSmHPuTnDnRp1aMYLpPFuVYvEJqtwKhKWTtRYAhPmSZb5cJ2X9Yts", "Qx7LkZr0vW=="];
    let key = format!("Private-Lines: 2\n«{}»\n«{}»\n", lines[0], lines[1]);
    let mac = "Private-MAC: «9f1c4e7b2a6d8305f4a9b1c7d2e8f0365a4b9c1d»\n";
    let other = "ThisIsALongIdentifierNameInCode2\n";
    for text in [
        format!("{key}{mac}"),
        format!("{key}{other}"),
        format!("{key}more\n{other}"),
        format!("Private-Lines: 2\nthe words of a page\n{other}{other}"),
    ] {
        let (marked, found) = found(&text);
        assert_eq!(marked, found, "{text}");
    }
}

/// The last line of a key may stand alone before its end; words of a text do, too.
#[test]
fn a_short_word_before_the_end_of_a_key_is_no_line_of_it() {
    check(&[
        "a = b\nlast=\n-----END PRIVATE KEY-----\n",
        "/etc\n-----END PRIVATE KEY-----\n",
        "root=\n-----END RSA PRIVATE KEY-----\n",
        "«qA8xZ2==»\n-----END RSA PRIVATE KEY-----\n",
    ]);
}

/// However it is cut.
#[test]
fn windows_do_not_matter() {
    let (_, mut scanner) = builtin();
    let text = "-password=ck9OA;oWmaxfph4\npassword = '''aT4xQ'9mZk2b'''\nx: {\"token\":\"ew2qpD+lOmMaR\\u0022K6YF\"} "
        .repeat(40);
    let expected = whole(&mut scanner, text.as_bytes());
    assert!(expected.len() > 100);
    for size in [1200, 1777, 2500] {
        assert_eq!(
            windowed(&mut scanner, text.as_bytes(), (size..text.len()).step_by(size)),
            expected,
            "{size}"
        );
    }
}
