//! Fields and methods.

use super::{Fields, Method, list};

fn fields(pairs: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in pairs {
        fields.push(name.as_bytes(), value.as_bytes()).expect("a field");
    }
    fields
}

fn lines(fields: &Fields) -> String {
    let mut out = Vec::new();
    fields.write_lines(&mut out);
    String::from_utf8(out).expect("ASCII")
}

#[test]
fn fields_are_found_set_and_removed() {
    let mut fields = fields(&[("A", "1"), ("b", "2"), ("A", "3"), ("C", "")]);
    assert_eq!((fields.len(), fields.get(b"a"), fields.get(b"d")), (4, Some(&b"1"[..]), None));
    assert_eq!(fields.get_all(b"a").collect::<Vec<_>>(), [b"1", b"3"]);
    assert_eq!(fields.get(b"c"), Some(&b""[..]));
    assert_eq!(lines(&fields), "a: 1\r\nb: 2\r\na: 3\r\nc: \r\n");
    assert!(fields.remove(b"b") && !fields.remove(b"b"));
    assert_eq!(lines(&fields), "a: 1\r\na: 3\r\nc: \r\n");
    fields.set(b"A", b"4").expect("a field");
    assert_eq!(lines(&fields), "c: \r\na: 4\r\n");
    fields.retain(|name, value| name != b"c" && value == b"4");
    assert_eq!(lines(&fields), "a: 4\r\n");
    fields.clear();
    assert_eq!((fields.is_empty(), lines(&fields)), (true, String::new()));
    assert!(fields.capacity_bytes() > 0);
}

#[test]
fn lists_are_read_across_fields() {
    let mut fields = fields(&[("accept", "a, B ,,c"), ("accept", "d"), ("x", "y"), ("b", "1")]);
    assert!(fields.has_token(b"accept", b"b") && fields.has_token(b"accept", b"D"));
    assert!(!fields.has_token(b"accept", b"y") && !fields.has_token(b"accept", b""));
    assert_eq!(list(b" ,a,, b\t,").collect::<Vec<_>>(), [b"a", b"b"]);
    fields.remove_listed(b"close, B, X");
    assert_eq!(lines(&fields), "accept: a, B ,,c\r\naccept: d\r\n");
}

#[test]
fn a_described_length_is_read_strictly() {
    let mut fields = fields(&[("a", "1")]);
    assert_eq!(fields.content_length(), None);
    fields.set_described_length(7);
    fields.set_described_length(u64::MAX);
    assert_eq!(fields.content_length(), Some(u64::MAX));
    assert_eq!(lines(&fields), format!("a: 1\r\ncontent-length: {}\r\n", u64::MAX));
}

#[test]
fn equality_is_of_what_is_there_not_of_how_it_came() {
    let mut changed = fields(&[("a", "1"), ("b", "2")]);
    changed.remove(b"a");
    assert_eq!(changed, fields(&[("B", "2")]));
    assert_ne!(changed, fields(&[("b", "3")]));
    assert_eq!(format!("{changed:?}"), r#"{"b": 1}"#);
}

#[test]
fn methods_keep_their_name() {
    for name in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "M-SEARCH"] {
        let method = Method::parse(name.as_bytes()).expect("a method");
        assert_eq!((method.as_str(), method.to_string().as_str()), (name, name));
    }
    assert_eq!(Method::parse(&[b'A'; 23]).map(|m| m.as_str().len()), Some(23));
    for bad in [&b""[..], b"get", b"GE T", b"GET2", &[b'A'; 24]] {
        assert_eq!(Method::parse(bad), None);
    }
}
