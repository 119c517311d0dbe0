//! How a secret is written: where a rule finds it, and elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::random::Random;
use crate::secrets::Secret;

/// The shortest value of which base64 alone is decoded.
const ENCODED_MIN: usize = 16;

/// How a copy of a value stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As it is, as a word, where no rule finds it.
    Word,
    /// As it is, with letters or digits beside it.
    Glued,
    /// Under an encoding.
    Encoded,
}

/// `NAME=V` and the like, as `value` can be written there.
pub(crate) fn named(random: &mut Random, secret: &Secret) -> String {
    let Secret { value, name, .. } = secret;
    let without = |signs: &str| !value.chars().any(|c| signs.contains(c));
    loop {
        match random.below(14) {
            0 if without("\"'`<>,;#&\\()[]{}|$*!? :%") => return format!("{name}={value}\n"),
            1 if without("\"\\$`!") => return format!("export {name}=\"{value}\"\n"),
            2 if without("'\\") => return format!("{name}='{value}'\n"),
            3 if without("\"'`<>,;#&\\()[]{}|$*!?: %@=") => return format!("{name}: {value}\n"),
            4 if without("\"\\") => return format!("{name}: \"{value}\"\n"),
            5 => return format!("{{\"{name}\": {}, \"port\": 5432}}", Value::from(value.as_str())),
            6 => return json!({"config": {*name: value}}).to_string(),
            7 => return format!("{name} = {}\n", Value::from(value.as_str())),
            8 if without("'\\") => return format!("{name} = '{value}'\n"),
            9 if without("'\\\n") => return format!("{{'{name}': '{value}'}}"),
            10 => return format!("[{{\"name\": \"{name}\", \"value\": {}}}]", Value::from(value.as_str())),
            11 if without("<>&\"'\\{}[]()") && !name.contains('-') => {
                return format!("<{name}>{value}</{name}>");
            }
            12 if without("\"\\") => return format!("- name: {name}\n  value: \"{value}\"\n"),
            13 if without("\"'`<>,;#&\\()[]{}|$*!?: %@=") => {
                return format!("env:\n  - name: {name}\n    value: {value}\n");
            }
            _ => {}
        }
    }
}

/// A copy where no rule finds it.
pub(crate) fn copy(random: &mut Random, value: &str) -> (Manner, String) {
    match random.below(10) {
        0..=4 => (Manner::Word, word(random, value)),
        5 | 6 => (Manner::Glued, glued(random, value)),
        _ => (Manner::Encoded, encoded(random, value)),
    }
}

fn word(random: &mut Random, value: &str) -> String {
    let frame = random.of(&[
        "then log in with @ please",
        "@",
        "it was (@), he said",
        "'@'",
        "\"@\"",
        "`@`",
        "[first, @, last]",
        "- @\n- other\n",
        "| staging | @ | yes |",
        "grep -r @ .",
        "sed -i s/x/@/ file",
        "printf '%s' \"@\" | sha256sum",
        "https://host.example/path/@/more",
        "https://host.example/?q=@&x=1",
        "see @/content",
        "line 1\n@\nline 3\n",
        "a\t@\tb",
        "+@",
        "{\"inner\": \"@\"}",
        "@, @",
        "<td>@</td>",
        "db_@ then",
        "@_old then",
        "_@_ then",
    ]);
    // In a document of its own it is escaped as one.
    let written = if frame.starts_with('{') { escaped(value) } else { value.to_owned() };
    frame.replace('@', &written)
}

fn glued(random: &mut Random, value: &str) -> String {
    let frame = random.of(&["x@ then", "9@ then", "@x then", "@2 then", "x@y then", "a@, then"]);
    frame.replace('@', value)
}

fn encoded(random: &mut Random, value: &str) -> String {
    match random.below(8) {
        // A run of fewer characters is not decoded.
        0 if value.len() >= ENCODED_MIN => format!("data {} end", STANDARD.encode(value)),
        0 => format!("data {} end", STANDARD.encode(format!("password {value}"))),
        1 => format!("data {} end", STANDARD.encode(format!("user:{value}"))),
        2 => {
            let count = random.between(1, 40);
            let before = random.word("abcdefghij klmnop", count);
            format!("data {} end", STANDARD.encode(format!("{before} {value} and so on")))
        }
        3 => format!("data {} end", STANDARD.encode(STANDARD.encode(format!("it is {value}")))),
        4 => format!("data {} end", hex(value, "")),
        5 => format!("data {} end", hex(value, "%")),
        6 => format!("https://host.example/?q={}&x=1", percent(value)),
        _ => json!({"deep": json!({"deeper": value}).to_string()}).to_string(),
    }
}

/// `value` as the inside of a JSON string.
pub(crate) fn escaped(value: &str) -> String {
    let quoted = Value::from(value).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

pub(crate) fn hex(value: &str, sign: &str) -> String {
    value.bytes().fold(String::new(), |text, byte| text + &format!("{sign}{byte:02x}"))
}

pub(crate) fn percent(value: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let write = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(write).collect()
}
