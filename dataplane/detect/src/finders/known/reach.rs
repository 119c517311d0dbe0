//! How far a value is searched for that a rule found: the rarer it is by chance, the farther.

use super::weak;
use crate::bytes::entropy;
use crate::finding::Reach;
use crate::plausibility::models::is_model_name;
use crate::plausibility::{shape, value as plausible};

/// Shorter values are searched for as whole words only, in bytes.
pub(super) const MIN_EVERYWHERE_LEN: usize = 12;
/// Values of fewer bits a byte are, unless they have a shape of their own.
const MIN_BITS_A_BYTE: f32 = 3.0;
/// So many digits between `-`, `_`, `.` and `/` are a part of a name: `claude-3-5-sonnet-20241022`.
const MAX_NAME_DIGITS: usize = 8;
/// So many are a part of a date.
const MAX_DATE_DIGITS: usize = 4;
/// So short a part says nothing, whatever it is made of: `v2`, `4o`.
const MAX_SHORT_PART: usize = 2;
/// So few letters are taken for a word: `json`, `grpc`.
const MAX_SHORT_WORD: usize = 4;
/// Letters of the words in `additionalProperties`, on the average.
const MIN_HUMP: usize = 4;
/// So many short parts and no word are a key in groups: `abcd efgh ijkl mnop`.
const MIN_GROUPS: usize = 4;

/// See [`super::found::reach_of`].
pub(super) fn of(value: &[u8], is_shape: bool) -> Reach {
    // Lines are distinguished by what stands around them: a value of several is never met as it was found.
    let has_lines = value.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
    if has_lines || weak::check(value).is_err() || is_ordinary(value) {
        return Reach::InPlace;
    }
    let is_rare = is_shape || entropy::shannon(value) >= MIN_BITS_A_BYTE;
    if value.len() >= MIN_EVERYWHERE_LEN && is_rare { Reach::Everywhere } else { Reach::WholeWords }
}

/// Whether people write such values for other ends: paths, dates, versions, and words that are joined.
fn is_ordinary(value: &[u8]) -> bool {
    shape::is_path(value)
        || shape::is_version(value)
        || is_date(value)
        || is_name_of_words(value)
        || is_model_name(value)
}

/// `2024-01-15`, `2024-01-15 10:00:00`, `15/01/2024`.
fn is_date(value: &[u8]) -> bool {
    let is_separator =
        |byte: &u8| matches!(byte, b'-' | b'/' | b':' | b'.' | b' ' | b'T' | b'Z' | b'+' | b',');
    value.iter().all(|byte| byte.is_ascii_digit() || is_separator(byte))
        && value.split(is_separator).all(|part| part.len() <= MAX_DATE_DIGITS)
}

/// `checkout-service`, `function_call`, `com.example.thing`, `gpt-4o-mini`.
fn is_name_of_words(value: &[u8]) -> bool {
    let parts = || value.split(|byte| matches!(byte, b'-' | b'_' | b'.' | b'/' | b' ' | b':'));
    let has_word = parts().any(is_word);
    (has_word || parts().count() < MIN_GROUPS)
        && parts().all(|part| {
            part.len() <= MAX_SHORT_PART
                || (part.len() <= MAX_NAME_DIGITS && part.iter().all(u8::is_ascii_digit))
                || (part.len() <= MAX_SHORT_WORD && part.iter().all(u8::is_ascii_alphabetic))
                || is_word(part)
        })
}

/// More than a few letters that spell a word.
fn is_word(part: &[u8]) -> bool {
    part.len() > MAX_SHORT_WORD
        && part.iter().all(u8::is_ascii_alphabetic)
        && is_cased_like_words(part)
        && plausible::is_wordy(part)
}

/// `word`, `Word`, `WORD`, `additionalProperties`: few capitals, or nothing else.
fn is_cased_like_words(word: &[u8]) -> bool {
    let capitals = word[1..].iter().filter(|byte| byte.is_ascii_uppercase()).count();
    let in_a_row = word[1..].windows(2).any(|pair| pair.iter().all(u8::is_ascii_uppercase));
    capitals + 1 == word.len() || (!in_a_row && (capitals + 1) * MIN_HUMP <= word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_paths_dates_and_versions_are_never_searched_for() {
        for value in [
            "postgres",
            "production",
            "localhost",
            "function",
            "assistant",
            "guest",
            "model",
            "type",
            "tool",
            "/etc/passwd",
            "./src/main.rs",
            "2024-01-15",
            "2024-01-15 10:00:00",
            "15/01/2024",
            "function_call",
            "function_call_output",
            "checkout-service",
            "claude-3-5-sonnet",
            "claude-3-5-sonnet-20241022",
            "gpt-4o-mini",
            "claude-haiku-4-5",
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
            "true",
            "12345678",
            "20240115",
            "10.15.20.25",
            "1.2.3-4",
            "org.postgresql.Driver",
            "changeme",
            "Password123",
            "Production",
            "PRODUCTION",
            "additionalProperties",
            "ProductionDatabase",
            "application/json",
            "input_schema",
            "cache_control",
            "",
        ] {
            for is_shape in [false, true] {
                assert_eq!(of(value.as_bytes(), is_shape), Reach::InPlace, "{value}");
            }
        }
    }

    #[test]
    fn rare_values_are_searched_for_everywhere_and_shorter_ones_as_words() {
        for value in [
            "gT5vLq8xWz2RkPq1",
            "x9$Kq2!mZp7&",
            "gTxvLqzWzbRkPqwQ",
            "550e8400-e29b-41d4-a716-446655440000",
            "Tr0ub4dor&3xyz",
            "abcd efgh ijkl mnop",
            "AB12-CD34-EF56-GH78",
        ] {
            assert_eq!(of(value.as_bytes(), false), Reach::Everywhere, "{value}");
        }
        for value in ["x9$Kq2!mZp7", "hunter2x", "aab1aab2aab1aab2"] {
            assert_eq!(of(value.as_bytes(), false), Reach::WholeWords, "{value}");
        }
        assert_eq!(of(b"aab1aab2aab1aab2", true), Reach::Everywhere, "a shape of its own");
        assert_eq!(of(b"x9$Kq2!", true), Reach::InPlace, "seven bytes are met by chance");
    }

    #[test]
    fn a_value_of_several_lines_is_hidden_in_place() {
        assert_eq!(of(b"gT5vLq8xWz2RkPq1\nqW7mB3nX9kL5tR2z", true), Reach::InPlace);
    }

    #[test]
    fn the_edge_between_words_and_everywhere_is_at_twelve_bytes() {
        let value = b"gT5vLq8xWz2R";
        assert_eq!(of(&value[..MIN_EVERYWHERE_LEN], false), Reach::Everywhere);
        assert_eq!(of(&value[..MIN_EVERYWHERE_LEN - 1], false), Reach::WholeWords);
        assert_eq!(of(&value[..8], false), Reach::WholeWords);
        assert_eq!(of(&value[..7], false), Reach::InPlace);
    }
}
