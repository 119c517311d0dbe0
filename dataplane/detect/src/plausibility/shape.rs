//! What a value looks like: templates, names, paths, versions, numbers; and whether its letters are random.

use super::bigrams::SURPRISE;
use super::words::NAME_WORDS;
use crate::bytes::entropy::shannon;
use crate::bytes::{ALNUM, BASE64, HEX};

/// Letter pairs of words average about four bits of surprise, random ones six and more; this is five, in sixteenths.
const RANDOM: u32 = 80;
/// Words are below this, random values with words among them by chance are not.
const NO_WORDS: u32 = 75;
/// A shorter value may be the abbreviation of something.
const MIN_NO_NAME: usize = 10;

/// Of more places in a value the first ones tell.
const MAX_PLACES: usize = 8;
/// So many bytes beside a place are no words if they look random.
const MIN_NOISE: usize = 12;
/// Nor if they hold so many kinds of odd punctuation.
const MIN_ODD_SIGNS: usize = 3;
/// So many kinds of punctuation that words do not have may stand in a path: `C:\x (1)\y`.
const MAX_PATH_SIGNS: usize = 2;

/// `${X}`, `{{ x }}`, `<x>`, `%s`, `$VAR`, `[x]`: somebody else's to fill in.
pub(crate) fn is_template(value: &[u8]) -> bool {
    let quote = |b: &u8| matches!(b, b'\'' | b'"' | b'`');
    let from = value.iter().position(|b| !quote(b)).unwrap_or(0);
    let to = value.iter().rposition(|b| !quote(b)).map_or(value.len(), |i| i + 1);
    let value = &value[from..to];
    let first = value[0];
    let last = value[value.len() - 1];
    let second = value.get(1).copied().unwrap_or(0);
    let inside = |needle: &[u8]| memchr::memmem::find(value, needle).is_some();
    let braced = match first {
        // Between two strings that are put together: `'a=', x('b'`.
        b',' | b'+' | b')' if second != 0 => matches!(last, b'(' | b',' | b'+' | b'.'),
        b'$' => ALNUM.has(second) && !second.is_ascii_digit() || matches!(second, b'{' | b'(' | b'_'),
        b'*' if second == b'_' => true,
        b'<' | b'{' | b'[' => matches!(last, b'>' | b'}' | b']'),
        // A bound parameter of a query; a role of documentation.
        b':' => value[1..].iter().all(|b| ALNUM.has(*b) || matches!(b, b'_' | b':')),
        // An option.
        b'-' => {
            second == b'-' && value[2..].iter().all(|b| b.is_ascii_lowercase() || matches!(b, b'-' | b'='))
        }
        b'%' => last == b'%' || matches!(second, b's' | b'(' | b'd' | b'{'),
        // A parameter of a query.
        b'@' if second.is_ascii_alphabetic() => {
            value[1..].iter().all(|b| b.is_ascii_alphabetic() || *b == b'_')
                && memchr::memmem::find(&value.to_ascii_lowercase(), b"pass").is_some()
        }
        b'@' | b'#' => matches!(second, b'{' | b'('),
        b'*' | b'&' | b'!' => {
            let word = |b: &u8| ALNUM.has(*b) || matches!(b, b'_' | b'*' | b'.' | b':');
            second.is_ascii_alphabetic() && value[1..].iter().all(word)
        }
        // A class of characters: `a-zA-Z0-9`.
        b'a' | b'A' | b'0' if second == b'-' => matches!(value[2..], [b'z' | b'Z' | b'9' | b'f' | b'F', ..]),
        _ => false,
    };
    if braced {
        // `${signedJWT}`: passwords of nothing but letters are rare, names are not.
        let is_name = value.iter().all(|b| b.is_ascii_alphabetic() || b"${}<>%@#()_.".contains(b));
        return is_name || !is_no_name(value);
    }
    if !value.iter().any(|b| matches!(b, b'$' | b'{' | b'#' | b'<' | b'%' | b':' | b'[')) {
        return false;
    }
    is_format_string(value)
        || has_open_place(value, b"${", b"}")
        || has_open_place(value, b"{{", b"}}")
        || has_mark(value, b"#{", b"}")
        || has_mark(value, b"$(", b")")
        || has_mark(value, b"<%", b"%>")
        || has_mark(value, b"%(", b")")
        || inside(b"://")
        || has_mark(value, b"[:", b":]")
}

/// `prefix_{}`, `{0}/{1}`: a text with places for values, and words around them.
fn is_format_string(value: &[u8]) -> bool {
    let place =
        value.windows(3).any(|w| w == b"{0}" || w.starts_with(b"{}") || (w.ends_with(b"{}") && w[0] != b'$'));
    place && value.iter().all(|b| ALNUM.has(*b) || b"_-./:@{}".contains(b))
}

/// Whether the value holds something to be filled in between `open` and `close`; braces at random are none.
fn has_open_place(value: &[u8], open: &[u8], close: &[u8]) -> bool {
    memchr::memmem::find_iter(value, open).take(MAX_PLACES).any(|at| {
        let (before, rest) = (&value[..at], &value[at + open.len()..]);
        match memchr::memmem::find(rest, close) {
            _ if is_noise(before) => false,
            // Cut at a blank, the rest of it does not belong to the value.
            None => {
                let closes = rest.iter().any(|b| matches!(b, b'}' | b']' | b')'));
                !closes && !is_noise(rest) && !is_no_name(value)
            }
            Some(0) => !looks_random(value),
            Some(end) => {
                !rest[..end].iter().any(|b| matches!(b, b'{' | b'}' | b'>' | b'#'))
                    && !is_noise(&rest[end + close.len()..])
            }
        }
    })
}

/// Whether something to be filled in begins with `open`. In what looks random it stands by chance, if `close` does not follow
/// it, or if what stands between begins like no name.
fn has_mark(value: &[u8], open: &[u8], close: &[u8]) -> bool {
    let mut random = None;
    let is_random = |known: &mut Option<bool>| *known.get_or_insert_with(|| looks_random(value));
    memchr::memmem::find_iter(value, open).take(MAX_PLACES).any(|at| {
        let (before, inside) = (&value[..at], &value[at + open.len()..]);
        let named = inside
            .first()
            .is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'$' | b' ' | b'@' | b'_' | b'='));
        let end = named.then(|| memchr::memmem::find(inside, close)).flatten();
        let whole = end.is_some_and(|end| {
            let is_plain = inside[..end].iter().all(|byte| is_sign_of_place(*byte));
            (is_plain && !is_noise(before) && !is_noise(&inside[end + close.len()..]))
                || !is_random(&mut random)
        });
        whole || (!open.ends_with(b"(") || named) && !is_random(&mut random)
    })
}

/// Whether what stands beside a place is no words: long, of all kinds of characters, and without another place.
fn is_noise(part: &[u8]) -> bool {
    part.len() >= MIN_NOISE
        && !part.windows(2).any(|pair| matches!(pair, b"${" | b"{{" | b"#{"))
        && (has_all_kinds(part) || odd_signs(part) >= MIN_ODD_SIGNS)
        && (looks_random(part) || count_changes(part) * 2 >= part.len())
}

/// Whether what would be the name of something to be filled in is none: random letters in both cases, or with digits
/// among them, and no word that such names are made of.
pub(crate) fn is_no_name(value: &[u8]) -> bool {
    let count = |test: fn(&u8) -> bool| value.iter().filter(|b| test(b)).count();
    let is_mixed = count(u8::is_ascii_uppercase) >= 2 && count(u8::is_ascii_lowercase) >= 2;
    value.len() >= MIN_NO_NAME
        && (is_mixed || count_turns(value) * 3 >= value.len())
        && (looks_random(value) || (has_all_kinds(value) && is_surprising(value, NO_WORDS)))
        && !NAME_WORDS.is_match(value)
}

/// What names, calls and paths are written with that are to be filled in.
fn is_sign_of_place(byte: u8) -> bool {
    ALNUM.has(byte) || b"_-. :/|,=@$\"'".contains(&byte)
}

/// `SOME_PASSWORD`, `%NL80211_ATTR_IFINDEX`: the name of a constant.
pub(crate) fn is_constant(value: &[u8]) -> bool {
    value.iter().any(|b| matches!(b, b'_' | b'-'))
        && value.iter().all(|b| {
            b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'%' | b'$' | b'@')
        })
}

pub(crate) fn is_path(value: &[u8]) -> bool {
    let strange = value.iter().any(|b| matches!(b, b'<' | b'>' | b'|' | b'"' | b'!'));
    let drive = value.len() > 2 && value[1] == b':' && matches!(value[2], b'\\' | b'/');
    let rooted = matches!(value[0], b'/' | b'~' | b'.') || (drive && !strange);
    let separators = value.iter().filter(|b| matches!(b, b'/' | b'\\')).count();
    let base64 =
        value.iter().all(|b| BASE64.has(*b) || *b == b'=') && value.len() >= 20 && looks_random(value);
    let plain = || !strange && odd_signs(value) <= MAX_PATH_SIGNS && !looks_random(value);
    separators > 0
        && !base64
        && (rooted || (separators >= 2 && plain()))
        && !is_noise_with_slashes(value, separators)
}

/// Whether slashes stand in a value by chance: before one random word, or between characters that take turns as in no
/// name.
fn is_noise_with_slashes(value: &[u8], separators: usize) -> bool {
    (separators == 1 && matches!(value[0], b'/' | b'\\') && is_no_name(&value[1..]))
        || (has_all_kinds(value) && count_changes(value) * 2 >= value.len() && is_no_name(value))
}

/// `#add-password`, `.login-form`: selectors of pages.
pub(crate) fn is_selector(value: &[u8]) -> bool {
    matches!(value[0], b'#' | b'.')
        && value[1..].iter().all(|b| b.is_ascii_alphabetic() || matches!(b, b'-' | b'_'))
        && !is_no_name(value)
}

pub(crate) fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value
            .iter()
            .enumerate()
            .all(|(i, b)| if matches!(i, 8 | 13 | 18 | 23) { *b == b'-' } else { HEX.has(*b) })
}

pub(crate) fn is_version(value: &[u8]) -> bool {
    value
        .iter()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b':' | b'+' | b'T' | b'Z' | b'_' | b','))
        || is_hex_number(value)
}

/// `0x1f`, `0xFFFF_FFFFUL`: a number of up to 128 bits with what may follow one in code. With anything else in it, it is none.
fn is_hex_number(value: &[u8]) -> bool {
    let [b'0', b'x' | b'X', digits @ ..] = value else { return false };
    let end = digits.iter().rposition(|b| !matches!(b, b'u' | b'U' | b'l' | b'L')).map_or(0, |at| at + 1);
    (1..=32).contains(&end) && digits[..end].iter().all(|b| HEX.has(*b) || *b == b'_')
}

/// `utf-8`, `latin1`, `sha256`: names of encodings and algorithms.
pub(crate) fn is_encoding_name(value: &[u8]) -> bool {
    const NAMES: [&[u8]; 18] = [
        b"utf",
        b"latin",
        b"ascii",
        b"iso8859",
        b"iso-8859",
        b"cp1252",
        b"windows-125",
        b"base32",
        b"base58",
        b"base64",
        b"sha1",
        b"sha2",
        b"sha-",
        b"md5",
        b"aes",
        b"argon2",
        b"pbkdf2",
        b"scram",
    ];
    value.len() < 16
        && NAMES.iter().any(|n| value.len() >= n.len() && value[..n.len()].eq_ignore_ascii_case(n))
        && value.iter().filter(|b| b.is_ascii_alphabetic()).count() < 9
}

/// `-2147215605i32`, `0x1fUL`, `10ms`: a number with what may follow one in code.
pub(crate) fn is_number(value: &[u8]) -> bool {
    const SUFFIXES: [&[u8]; 24] = [
        b"", b"u", b"l", b"ul", b"ll", b"ull", b"n", b"f", b"d", b"u8", b"i8", b"u16", b"i16", b"u32",
        b"i32", b"u64", b"i64", b"usize", b"isize", b"f32", b"f64", b"ms", b"px", b"em",
    ];
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let digits = value.iter().take_while(|b| b.is_ascii_digit() || matches!(b, b'_' | b'.')).count();
    digits > 0 && SUFFIXES.contains(&value[digits..].to_ascii_lowercase().as_slice())
}

/// `config.db.password`, `com.example.Thing`
pub(crate) fn is_dotted_name(value: &[u8]) -> bool {
    value.contains(&b'.')
        && value.split(|b| *b == b'.').all(|part| {
            let digits = part.iter().rev().take_while(|b| b.is_ascii_digit()).count();
            let stem = &part[..part.len() - digits];
            !stem.is_empty() && stem.iter().all(|b| b.is_ascii_alphabetic() || *b == b'_')
        })
        && !looks_random(value)
}

/// How often letters and digits take turns.
pub(crate) fn count_turns(value: &[u8]) -> usize {
    let turn =
        |w: &&[u8]| w.iter().all(u8::is_ascii_alphanumeric) && w[0].is_ascii_digit() != w[1].is_ascii_digit();
    value.windows(2).filter(turn).count()
}

/// A long value in which letters and digits, or the kinds of characters at all, take turns too often for a name, whatever
/// else it holds.
pub(crate) fn is_scrambled(value: &[u8]) -> bool {
    value.len() >= 20
        && shannon(value) >= 3.2
        && (count_turns(value) >= 10 || (has_all_kinds(value) && changes_at_random(value)))
}

/// Whether the kinds of characters take turns as at random, for which six in ten are expected; the fewer they are, the
/// less may the letters look like words.
pub(crate) fn changes_at_random(value: &[u8]) -> bool {
    let changes = count_changes(value);
    changes * 2 >= value.len() || (changes * 9 >= value.len() * 4 && is_surprising(value, NO_WORDS))
}

/// At least two capitals, two small letters and two digits.
fn has_all_kinds(value: &[u8]) -> bool {
    let has = |test: fn(&u8) -> bool| value.iter().filter(|b| test(b)).count() >= 2;
    has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)
}

/// How often a capital, a small letter, a digit or a sign follows one of another kind.
fn count_changes(value: &[u8]) -> usize {
    let kind = |byte: u8| match byte {
        b'A'..=b'Z' => 0,
        b'a'..=b'z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    value.windows(2).filter(|pair| kind(pair[0]) != kind(pair[1])).count()
}

/// How many kinds of punctuation that words and paths do not have.
pub(crate) fn odd_signs(value: &[u8]) -> usize {
    b"!@#$%^&*()+=<>?~{}[]|;".iter().filter(|b| value.contains(b)).count()
}

/// Whether the mean surprise of the characters is beyond that of written words.
pub(crate) fn looks_random(value: &[u8]) -> bool {
    is_surprising(value, RANDOM)
}

/// Whether the mean surprise of the characters reaches `bound`, in sixteenths of a bit.
fn is_surprising(value: &[u8], bound: u32) -> bool {
    let mut total = 0u32;
    let mut count = 0u32;
    let mut row = 0usize;
    let mut before = 0u8;
    for &byte in value {
        if byte.is_ascii_alphabetic() {
            let letter = usize::from(byte.to_ascii_lowercase() - b'a');
            let hump = byte.is_ascii_uppercase() && before.is_ascii_lowercase();
            let start = hump || !before.is_ascii_alphabetic();
            total += u32::from(SURPRISE[if start { 0 } else { row }][letter]);
            total += if hump || (start && before.is_ascii_digit()) { 24 } else { 0 };
            row = letter + 1;
            count += 1;
        } else if byte.is_ascii_digit() {
            total += if before.is_ascii_digit() { 53 } else { 72 };
            count += 1;
        }
        before = byte;
    }
    count > 0 && total >= bound * count
}

/// Sixteen or more hex digits that are no number and no pattern.
pub(crate) fn is_hex_key(value: &[u8]) -> bool {
    // A private key of a chain; shorter ones are addresses.
    let value = value.strip_prefix(b"0x").filter(|v| v.len() == 64).unwrap_or(value);
    value.iter().all(|b| HEX.has(*b))
        && value.len() >= 16
        && value.iter().filter(|b| b.is_ascii_digit()).count() >= 3
        && shannon(value) > 2.8
}

/// Whether a value of at least `min` bytes is beyond names and words; `classes` of lower, upper, digit, punctuation.
pub(crate) fn is_random(value: &[u8], min: usize, classes: usize) -> bool {
    if value.len() < min {
        return false;
    }
    let has = |test: fn(&u8) -> bool| usize::from(value.iter().any(test));
    let found = has(u8::is_ascii_lowercase)
        + has(u8::is_ascii_uppercase)
        + has(u8::is_ascii_digit)
        + has(u8::is_ascii_punctuation);
    let hex = value.iter().all(|b| HEX.has(*b)) && value.len() >= 24 && value.iter().any(u8::is_ascii_digit);
    let floor = if value.len() < 16 { 2.8 } else { 3.2 };
    let digits = value.iter().filter(|b| b.is_ascii_digit()).count();
    let wild = value.len() >= 32 && shannon(value) >= 4.4 && digits > 2 && found > 2 && odd_signs(value) > 3;
    hex && shannon(value) > 2.9
        || wild
        || (value.len() >= if count_turns(value) * 2 >= value.len() { 12 } else { 20 }
            && count_turns(value) * 3 >= value.len()
            && shannon(value) >= floor)
        || (found >= classes && shannon(value) >= floor && looks_random(value))
        || (value.len() >= 24 && shannon(value) >= 3.7 && looks_random(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_not_random_and_random_is() {
        for value in ["password", "getUserPassword", "ACCESS_TOKEN_EXPIRED", "blooberry", "sha256"] {
            assert!(!looks_random(value.as_bytes()), "{value}");
        }
        for value in ["K2u6mFw8wJOsAf", "7ehjcu7nazg9syq98oc02v2e", "vzihlaquknriqlht", "aGVsbG8gd29ybGQ"] {
            assert!(looks_random(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn what_no_name_of_a_file_holds_is_no_path() {
        for value in ["/run/secrets/x", r"C:\Users\(joe)\x", r"mein\ordner\datei", "src/main/app.rs", "./a!b"]
        {
            assert!(is_path(value.as_bytes()), "{value}");
        }
        for value in [r"mei|u.s!\2wNk82aHA5\e", r#"R:\"v5PcW>7ii\"Q,hZ\\ZbFnt"#, r"6TA/>7[(T&ww\\I"] {
            assert!(!is_path(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn a_number_in_hexadecimal_has_its_digits_alone() {
        for value in ["0x1f", "0XDEAD_BEEF", "0x7fffffffUL", "1.2.3", "2024-01-15T10:00:00Z"] {
            assert!(is_version(value.as_bytes()), "{value}");
        }
        for value in ["0xzv2UK3itl1pYUlRT", "0x", "0xUL", "0x1g"] {
            assert!(!is_version(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn kinds_of_characters_take_turns_in_what_is_random() {
        for value in ["EDdOCLaDbaBjA32Kr9FMILo0", "iARG.ONr*SpfIrGEblF=57207i"] {
            assert!(is_scrambled(value.as_bytes()), "{value}");
        }
        for value in ["oauth2AccessTokenV2Name", "Base64UrlEncoderV2Test", "com.example.Api2Client3Factory"] {
            assert!(!is_scrambled(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn templates_are_known() {
        for value in
            ["${VAR}", "$VAR", "{{ secrets.X }}", "<token>", "%s", "#{x}", "[PASSWORD]", ":name", "%VAR%"]
        {
            assert!(is_template(value.as_bytes()), "{value}");
        }
        for value in [
            "pre-${VAR}-post",
            "a{{ b }}c",
            "x${VAR:-y}",
            "k{{ lookup(",
            "$(cat x)",
            "a-$(cat",
            "a#{b.c}d",
            "x<%= y %>",
            "${ACCOUNT_ID}.dkr.ecr.${REGION}.amazonaws.com/${IMAGE2_NAME}",
            "prefix1-Name2-${VAR}",
            "[[:alpha:]]",
        ] {
            assert!(is_template(value.as_bytes()), "{value}");
        }
        for value in [
            "$2a$10$abc",
            "q{{7}w)p${e]x>-_$#Zt}}",
            "7peD{4#eM5[Q2V7|w8$(W3Sh6sS?6UkUJUz>kO",
            "Q9.@{g;g.VV$>#{25]J}2uh/r2",
            "5(w5{6Q.b],GQWbQ7<%Bm(,p|.P",
            "F!&?Mf*4P5aV@!;:37$6Ha{{@:1",
            "KF4r7H/wBwXzbVtbNNtfu@t;j>SC{{kHt",
            "3#{FDu}HFD/w%,KxpcXvky,.gwYpZ'?MAK}aw#D5,!<$yUC",
            "gT5vLq8xWz2RkPq1-${ENV}",
            "RBYVijrDE)n3QQpVja|UAXj<y&;4S2Z?&Tpc#MeM@s${A",
            "Vd],vGc%%()*)#7AF;ykX.)Tfq5f@Aq*p${}.Uk{N;}/x?eW",
            r#"Fjxz:|v|*kdn\",\\{{V;4#w>ZtM*\\%w&J'vC/Un7uzU"#,
            "0Rz%(f/$/eC&E9!&|${gnf$]ft(4tY@AJ]xX!Ftc)Z",
        ] {
            assert!(!is_template(value.as_bytes()), "{value}");
        }
    }
}
