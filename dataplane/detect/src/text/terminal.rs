//! What a tool writes for a terminal and nobody sees: colour codes and links, raw or in the writing of a string, and
//! letters struck twice.

use super::cursor::MAX_BACKSLASHES;

/// So many bytes at the most are a colour code.
const MAX_CODE: usize = 64;
/// The longest head of a link, in bytes.
const MAX_LINK: usize = 512;

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;
const BACKSPACE: u8 = 0x08;

/// Writings of the escape byte in strings, behind their backslashes, in lower case.
const WRITTEN: [&[u8]; 4] = [b"u001b", b"x1b", b"033", b"e"];
/// Writings of the bell.
const WRITTEN_BELL: [&[u8]; 4] = [b"u0007", b"x07", b"007", b"a"];

/// How many bytes at the start of the text are for a terminal: a code in any writing, or a letter and the backspace
/// that takes it back; zero if none are.
pub(crate) fn unseen(text: &[u8]) -> usize {
    match text {
        [ESCAPE, ..] => sequence(text, 1),
        [b'\\', ..] => written(text, &WRITTEN).map_or(0, |width| sequence(text, width)),
        [letter, BACKSPACE, again, ..] if again == letter || *letter == b'_' => 2,
        [letter, b'\\', b'b', again, ..] if again == letter => 3,
        [letter, b'\\', b'u', b'0', b'0', b'0', b'8', again, ..] if again == letter => 7,
        _ => 0,
    }
}

/// The length of the escape byte in one of its writings at the start of a text.
fn written(text: &[u8], writings: &[&[u8]]) -> Option<usize> {
    let run = text.iter().take(MAX_BACKSLASHES + 1).take_while(|byte| **byte == b'\\').count();
    if !(1..=MAX_BACKSLASHES).contains(&run) {
        return None;
    }
    let rest = &text[run..];
    let is_here = |word: &&&[u8]| rest.get(..word.len()).is_some_and(|here| here.eq_ignore_ascii_case(word));
    writings.iter().find(is_here).map(|word| run + word.len())
}

/// The length of a sequence whose escape byte takes `escape` bytes; zero if it is none.
fn sequence(text: &[u8], escape: usize) -> usize {
    let rest = &text[escape..];
    match rest.first() {
        Some(b'[') => code(rest).map_or(0, |width| escape + width),
        Some(b']') => link(rest).map_or(0, |width| escape + width),
        _ => 0,
    }
}

/// `[`, numbers, a letter.
fn code(text: &[u8]) -> Option<usize> {
    let numbers = text[1..].iter().take(MAX_CODE).take_while(|byte| matches!(byte, b' '..=b'?')).count();
    let last = *text.get(1 + numbers)?;
    matches!(last, b'@'..=b'Z' | b'a'..=b'z').then_some(1 + numbers + 1)
}

/// `]8;;address`, to the bell or the escape that ends it.
fn link(text: &[u8]) -> Option<usize> {
    let near = &text[..text.len().min(MAX_LINK)];
    let digits = near[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 || near.get(1 + digits) != Some(&b';') {
        return None;
    }
    let address = 1 + digits;
    let is_end = |byte: &u8| matches!(*byte, BELL | ESCAPE | b'\\' | b'\n');
    let at = address + near[address..].iter().position(is_end)?;
    match &near[at..] {
        [BELL, ..] => Some(at + 1),
        [ESCAPE, b'\\', ..] => Some(at + 2),
        here @ [b'\\', ..] => {
            if let Some(width) = written(here, &WRITTEN_BELL) {
                return Some(at + width);
            }
            let width = written(here, &WRITTEN)?;
            let slashes = here[width..].iter().take_while(|byte| **byte == b'\\').count();
            (slashes > 0).then_some(at + width + slashes)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unseen_in_every_writing() {
        for text in [
            "\x1b[0m",
            "\x1b[01;31m",
            "\x1b[K",
            "\x1b[38;5;238m",
            "\\x1b[0m",
            "\\x1B[1;34m",
            "\\033[32m",
            "\\u001b[m",
            "\\\\u001b[0m",
            "\\e[0m",
            "\x1b]8;;file:///a.env\x1b\\",
            "\x1b]8;;file:///a.env\x07",
            "\\u001b]8;;https://a.example/\\u001b\\\\",
            "\\u001b]0;title\\u0007",
        ] {
            assert_eq!(unseen(text.as_bytes()), text.len(), "{text:?}");
            assert_eq!(unseen(format!("{text}word").as_bytes()), text.len(), "{text:?}");
        }
    }

    #[test]
    fn letters_struck_twice_are_seen_once() {
        for (text, width) in
            [("p\x08pa", 2), ("_\x08pa", 2), ("p\\bpa", 3), ("p\\u0008pa", 7), ("a\\bpass", 0), ("p\x08a", 0)]
        {
            assert_eq!(unseen(text.as_bytes()), width, "{text:?}");
        }
    }

    #[test]
    fn other_escapes_and_endless_codes_are_seen() {
        let long = format!("\x1b[{}m", "1;".repeat(MAX_CODE));
        let link = format!("\x1b]8;;{}\x07", "a".repeat(MAX_LINK));
        let slashes = format!("{}033[0m", "\\".repeat(MAX_BACKSLASHES + 1));
        for text in
            ["\\n", "\\x41", "\\u0041[", "\x1b", "\x1b[", "\x1b(B", "\x1b]8", "[0m", &long, &link, &slashes]
        {
            assert_eq!(unseen(text.as_bytes()), 0, "{text:?}");
        }
        assert_eq!(unseen(format!("\x1b[{}m", "1".repeat(MAX_CODE)).as_bytes()), MAX_CODE + 3);
    }
}
