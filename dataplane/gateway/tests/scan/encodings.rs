//! Text that is not UTF-8, and what is no text.

use serde_json::Value;

use super::{TOKEN, folder_of, scan, text};

fn utf16(content: &str, big: bool, mark: bool) -> Vec<u8> {
    let mark = if mark { "\u{FEFF}" } else { "" };
    let unit = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
    mark.encode_utf16().chain(content.encode_utf16()).flat_map(unit).collect()
}

#[test]
fn utf16_is_read_with_and_without_a_mark() {
    let content = format!("[settings]\r\nname = 'ä€😀'\r\n  ü😀 = \"{TOKEN}\"\r\n");
    for big in [false, true] {
        for mark in [false, true] {
            let bytes = utf16(&content, big, mark);
            let folder = folder_of(&[("settings.ini", &bytes)]);
            let output = scan(&["--format", "json", "settings.ini"], folder.path(), b"");
            assert_eq!(output.status.code(), Some(1), "{big} {mark} {}", text(&output.stderr));
            let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
            let found = &document["findings"][0];
            assert_eq!((found["line"].as_u64(), found["column"].as_u64()), (Some(3), Some(9)));
            let at = |name: &str| usize::try_from(found[name].as_u64().expect("a number")).expect("small");
            assert_eq!(
                bytes[at("start")..at("end")],
                utf16(TOKEN, big, false)[..],
                "places are those of the file"
            );
            assert_eq!(document["summary"]["bytes"].as_u64(), Some(bytes.len() as u64));
        }
    }
}

#[test]
fn a_byte_order_mark_is_no_character() {
    let folder = folder_of(&[("a.txt", format!("\u{FEFF}x {TOKEN}").as_bytes())]);
    let output = scan(&["--format", "json", "a.txt"], folder.path(), b"");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
    let found = &document["findings"][0];
    assert_eq!((found["column"].as_u64(), found["start"].as_u64()), (Some(3), Some(5)));
}

#[test]
fn binaries_are_skipped_and_counted() {
    let folder = folder_of(&[
        ("a.bin", format!("\0\0\0\u{1}{TOKEN}").as_bytes()),
        ("b.bin", &[&b"\xFF\xFE\0\0"[..], TOKEN.as_bytes()].concat()),
        ("c.txt", b"text"),
    ]);
    let output = scan(&["."], folder.path(), b"");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains("in 1 file,"), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("2 binary files skipped"), "{}", text(&output.stderr));
}
