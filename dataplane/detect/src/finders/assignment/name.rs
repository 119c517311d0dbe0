//! The name that a value is assigned to: where it begins and ends, and whether it names a secret at all.

use crate::boundaries;
use crate::bytes::{ALNUM, ByteSet, WORD};
use crate::plausibility::words::is_one_of;
use crate::rule::Strength;
use crate::text::cursor::Cursor;
use crate::text::{Span, TextView, TooShort};

/// A name around a keyword.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AssignedName {
    pub(crate) start: usize,
    pub(crate) keyword: Span,
    pub(crate) end: usize,
    pub(crate) strength: Strength,
    /// Spaces may be part of the name (`SECRET KEY: x`), as in vendor rules.
    pub(crate) loose: bool,
}

impl AssignedName {
    /// Whether the name is that of the `Authorization` header.
    pub(super) fn is_authorization(&self, text: &[u8]) -> bool {
        const HEADER: &[u8] = b"authorization";
        let name = &text[self.start..self.end];
        name.len() >= HEADER.len() && name[name.len() - HEADER.len()..].eq_ignore_ascii_case(HEADER)
    }

    /// Whether the name says so clearly what it holds that even a UUID is one: `api_key`, `client_secret`.
    pub(super) fn is_explicit(&self, text: &[u8]) -> bool {
        const ENDS: [&[u8]; 8] = [
            b"apikey",
            b"apitoken",
            b"accesstoken",
            b"authtoken",
            b"accesskey",
            b"secret",
            b"secretkey",
            b"bearer",
        ];
        let mut name = text[self.start..self.end].to_ascii_lowercase();
        name.retain(u8::is_ascii_alphanumeric);
        ENDS.iter().any(|e| name.ends_with(e))
    }
}

/// How far a name is followed to each side of its keyword.
pub(super) const MAX_SIDE: usize = 40;

pub(super) const PART: ByteSet = WORD.union(ByteSet::of(b".-"));

/// Words behind the keyword that make the name one of something else than the secret.
const AFTER: &[&[u8]] = &[
    b"name",
    b"results",
    b"result",
    b"header",
    b"headers",
    b"names",
    b"id",
    b"ids",
    b"type",
    b"types",
    b"field",
    b"fields",
    b"file",
    b"filename",
    b"path",
    b"dir",
    b"url",
    b"uri",
    b"endpoint",
    b"hint",
    b"length",
    b"len",
    b"size",
    b"limit",
    b"count",
    b"max",
    b"min",
    b"policy",
    b"label",
    b"placeholder",
    b"prompt",
    b"error",
    b"errors",
    b"message",
    b"msg",
    b"text",
    b"title",
    b"description",
    b"desc",
    b"reset",
    b"expired",
    b"expiry",
    b"expires",
    b"expiration",
    b"ttl",
    b"age",
    b"regex",
    b"pattern",
    b"format",
    b"valid",
    b"validator",
    b"validation",
    b"required",
    b"enabled",
    b"disabled",
    b"changed",
    b"set",
    b"index",
    b"idx",
    b"column",
    b"col",
    b"table",
    b"ref",
    b"reference",
    b"arn",
    b"env",
    b"var",
    b"variable",
    b"cmd",
    b"command",
    b"class",
    b"provider",
    b"manager",
    b"service",
    b"store",
    b"storage",
    b"source",
    b"encoding",
    b"encoder",
    b"algorithm",
    b"alg",
    b"version",
    b"kind",
    b"mode",
    b"status",
    b"state",
    b"scope",
    b"usage",
    b"event",
    b"handler",
    b"callback",
    b"code",
    b"map",
    b"list",
    b"spec",
    b"pair",
    b"ring",
    b"board",
    b"word",
    b"words",
    b"frame",
    b"point",
    b"stroke",
    b"down",
    b"up",
    b"press",
    b"pressed",
    b"selector",
    b"mask",
    b"mask32",
    b"mask64",
    b"strength",
    b"meter",
    b"form",
    b"input",
    b"box",
    b"view",
    b"tab",
    b"page",
    b"dialog",
    b"button",
    b"link",
    b"address",
    b"server",
    b"host",
    b"port",
    b"region",
    b"zone",
    b"group",
    b"owner",
    b"user",
    b"username",
    b"count",
    b"number",
    b"num",
    b"offset",
    b"position",
    b"pos",
    b"start",
    b"end",
    b"first",
    b"last",
    b"prefix",
    b"suffix",
    b"separator",
    b"delimiter",
    b"char",
    b"chars",
    b"fn",
    b"func",
    b"function",
    b"method",
    b"template",
    b"encode",
    b"decode",
    b"get",
    b"mgr",
    b"properties",
    b"options",
    b"strategy",
    b"generator",
    b"management",
    b"thru",
    b"through",
    b"hashing",
    b"warning",
    b"encryption",
    b"txt",
    b"json",
    b"yaml",
    b"yml",
    b"csv",
    b"html",
    b"ts",
    b"tsx",
    b"js",
    b"py",
    b"go",
    b"rs",
    b"rb",
    b"java",
    b"lock",
    b"kdbx",
    b"zip",
    b"tar",
    b"gz",
    b"gpg",
    b"enc",
    b"bak",
    b"log",
];

/// Words before the keyword that do the same.
const BEFORE: &[&[u8]] = &[
    b"public",
    b"pub",
    b"primary",
    b"foreign",
    b"sort",
    b"partition",
    b"cache",
    b"max",
    b"min",
    b"num",
    b"total",
    b"masked",
    b"no",
    b"without",
    b"has",
    b"is",
    b"use",
    b"show",
    b"hide",
    b"toggle",
    b"forgot",
    b"reset",
    b"change",
    b"confirm",
    b"enter",
    b"missing",
    b"invalid",
    b"wrong",
    b"incorrect",
    b"object",
    b"row",
    b"map",
    b"dict",
    b"json",
    b"next",
    b"page",
    b"paging",
    b"pagination",
    b"sync",
    b"continuation",
    b"cursor",
    b"delta",
    b"resume",
    b"skip",
    b"completion",
    b"prompt",
    b"input",
    b"output",
    b"stop",
    b"eos",
    b"bos",
    b"pad",
    b"unk",
    b"sep",
    b"cls",
    b"lexer",
    b"parser",
    b"syntax",
    b"expected",
    b"unexpected",
    b"index",
    b"idx",
    b"group",
    b"shortcut",
    b"hot",
    b"arrow",
    b"function",
    b"enter",
    b"escape",
    b"esc",
    b"tab",
    b"ctrl",
    b"shift",
    b"alt",
    b"meta",
    b"schema",
    b"keyword",
    b"websocket",
    b"matching",
    b"bad",
    b"bogus",
    b"fake",
    b"dummy",
    b"mock",
];

/// Words before `pass` that make it a directive: `proxy_pass`.
const FORWARDS: &[&[u8]] = &[b"fastcgi", b"proxy", b"uwsgi", b"grpc", b"scgi"];

/// Reads the extent of the name around a generic keyword; `None` when the keyword is part of another word.
pub(super) fn read(
    view: TextView<'_>,
    start: usize,
    end: usize,
    strength: Strength,
) -> Result<Option<AssignedName>, TooShort> {
    // A short word glued to the keyword makes another word: `tokenizer`, `passive`, `keyboard`.
    let foreign = !view.text[end - 1].is_ascii();
    let glued =
        view.text.get(end).is_some_and(|b| b.is_ascii_lowercase() || (foreign && (0x80..0xe2).contains(b)));
    if glued && !is_plural(&view.text[end..]) {
        return Ok(None);
    }
    // `PASSTHROUGH`
    let upper = |at: usize| view.text.get(at).is_some_and(u8::is_ascii_uppercase);
    let several = view.text.get(end) != Some(&b'S') || upper(end + 1);
    if upper(end) && upper(end - 1) && several {
        return Ok(None);
    }
    let name = extend(view, start, end, strength)?;
    Ok(is_word_start(view.text, &name).then_some(name))
}

/// Whether the words around the keyword say that the name is one of something else: `token_type`, `max_tokens`.
pub(super) fn is_misleading(text: &[u8], name: &AssignedName) -> bool {
    let Span { start, end } = name.keyword;
    let (before, after) = (&text[name.start..start], &text[end..name.end]);
    if words(after).any(|w| is_one_of(AFTER, w)) {
        return true;
    }
    if is_in_token(before, after) || is_of_others(text, name) || is_in_arn(text, name.start) {
        return true;
    }
    // Inside encoded data a short word has strange neighbours.
    if end - start < 5
        && name.start > 0
        && matches!(text[name.start - 1], b']' | b')' | b'}' | b'^' | b'+' | b'~')
    {
        return true;
    }
    // `pass`, `pwd` and `pw` are parts of too many words to stand before several others.
    if end - start < 5 && words(after).count() > 1 {
        return true;
    }
    let passes = text[start..end].eq_ignore_ascii_case(b"pass");
    words(before).last().is_some_and(|w| is_one_of(BEFORE, w) || (passes && is_one_of(FORWARDS, w)))
}

/// `public key: x`, `cache key: x`: a word before the name says that everybody may see it.
fn is_of_others(text: &[u8], name: &AssignedName) -> bool {
    const WORDS: [&[u8]; 5] = [b"public ", b"cache ", b"host ", b"partition ", b"sort "];
    let before = &text[name.start.saturating_sub(10)..name.start];
    name.start == name.keyword.start
        && WORDS.iter().any(|word| {
            before.len() >= word.len() && before[before.len() - word.len()..].eq_ignore_ascii_case(word)
        })
}

/// Whether a name is a part of one of Amazon's: `arn:aws:secretsmanager:eu-west-1:1:secret:prod/db-a1B2c3`.
fn is_in_arn(text: &[u8], at: usize) -> bool {
    const MAX_ARN: usize = 96;
    text[..at].last() == Some(&b':') && {
        let near = &text[at.saturating_sub(MAX_ARN)..at];
        let from = near
            .iter()
            .rposition(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'\''))
            .map_or(0, |i| i + 1);
        near[from..].starts_with(b"arn:")
    }
}

/// Characters behind the category of a gateway's token.
const TOKEN_CODE: usize = 21;

/// Whether the keyword is the category of a token, `AEGIS-SECRET-0..`, which stands for a secret and names none. That says
/// nothing of a value: what looks like a token there is judged like any other.
fn is_in_token(before: &[u8], after: &[u8]) -> bool {
    let code = after.strip_prefix(b"-").and_then(|rest| rest.get(..TOKEN_CODE));
    before.last_chunk::<6>().is_some_and(|head| head.eq_ignore_ascii_case(b"aegis-"))
        && code.is_some_and(|code| code.iter().all(|byte| ALNUM.has(*byte)))
}

/// Whether a keyword begins and ends inside other words: the `sumo` of `sumObject`, the `etsy` of `getSymbol`.
pub(super) fn is_inside_words(text: &[u8], start: usize, end: usize) -> bool {
    let hump = |at: usize| at > 0 && text[at - 1].is_ascii_lowercase() && text[at].is_ascii_uppercase();
    let inside = (start + 1..end).any(hump);
    let goes_on = text.get(end).is_some_and(u8::is_ascii_lowercase);
    let before = &text[start.saturating_sub(boundaries::REACH)..start];
    let begun = before.last().is_some_and(u8::is_ascii_lowercase) && !hump(start);
    inside && (goes_on || (begun && !boundaries::has_escape_at_end(before)))
}

/// Reads the name around a vendor's keyword, which may be spread over a few words.
pub(super) fn read_loose(view: TextView<'_>, start: usize, end: usize) -> Result<AssignedName, TooShort> {
    let mut name = extend(view, start, end, Strength::Secret)?;
    name.loose = true;
    name.end = end_of_words(view, name.end)?;
    Ok(name)
}

/// `Unseal Key 2:`: further words of a name, if an operator follows them.
fn end_of_words(view: TextView<'_>, end: usize) -> Result<usize, TooShort> {
    let mut cursor = Cursor::new(view, end);
    for _ in 0..3 {
        let from = cursor.at;
        while cursor.at - end < MAX_SIDE && cursor.peek()? == b' ' {
            cursor.at += 1;
        }
        let blanks = cursor.at - from;
        let word = cursor.at;
        while cursor.at - end < MAX_SIDE && WORD.has(cursor.peek()?) {
            cursor.at += 1;
        }
        if blanks == 0 || cursor.at == word {
            break;
        }
        if matches!(cursor.peek()?, b':' | b'=' | b'"' | b'\'') {
            return Ok(cursor.at);
        }
    }
    Ok(end)
}

fn extend(
    view: TextView<'_>,
    start: usize,
    end: usize,
    strength: Strength,
) -> Result<AssignedName, TooShort> {
    let mut stop = end + Cursor::new(view, end).skip(&PART, MAX_SIDE)?;
    // A full stop or a dash ends a name that stands in a sentence or before an operator like `->`.
    while stop > end && matches!(view.text[stop - 1], b'.' | b'-') {
        stop -= 1;
    }
    let mut first = start - PART.run_back(&view.text[..start], MAX_SIDE);
    // The letter of an escape is no part of the name: `\nDB_PASSWORD`.
    if first > 0
        && first < start
        && view.text[first - 1] == b'\\'
        && matches!(view.text[first], b'n' | b'r' | b't')
    {
        first += 1;
    }
    // Nor are the digits of an escaped bracket: `user%5Bpassword%5D`.
    if first > 0 && view.text[first - 1] == b'%' && matches!(view.text[first..start], [b'5', b'B' | b'b', ..])
    {
        first += 2;
    }
    Ok(AssignedName { start: first, keyword: Span::new(start, end), end: stop, strength, loose: false })
}

fn is_plural(after: &[u8]) -> bool {
    after[0] == b's' && after.get(1).is_none_or(|b| !b.is_ascii_lowercase())
}

/// What short keywords may be glued to: `MYSQLPASS`, `apikey`.
const HEADS: [&[u8]; 24] = [
    b"api", b"access", b"secret", b"private", b"auth", b"sql", b"db", b"user", b"admin", b"root", b"app",
    b"client", b"ftp", b"ssh", b"key", b"crypt", b"master", b"mail", b"smtp", b"pg", b"store", b"require",
    b"bind", b"enc",
];

/// Weak and short keywords must begin a word of the name; long ones may end one (`MYSQLPASSWORD`).
fn is_word_start(text: &[u8], name: &AssignedName) -> bool {
    let Span { start, end } = name.keyword;
    if start == name.start || end - start >= 6 {
        return true;
    }
    let (last, first) = (text[start - 1], text[start]);
    if !last.is_ascii_alphabetic() {
        return true;
    }
    if first.is_ascii_uppercase() && last.is_ascii_lowercase() {
        return true;
    }
    // `MYSQLPASS`, `apikey`: known heads only.
    let head = &text[name.start..start];
    HEADS.iter().any(|h| head.len() >= h.len() && head[head.len() - h.len()..].eq_ignore_ascii_case(h))
}

/// The words of an identifier, split at humps and at everything that is not a letter or digit.
pub(super) fn words(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < name.len() && !name[at].is_ascii_alphanumeric() {
            at += 1;
        }
        let begin = at;
        while at < name.len() && name[at].is_ascii_alphanumeric() {
            if at > begin && name[at].is_ascii_uppercase() && name[at - 1].is_ascii_lowercase() {
                break;
            }
            at += 1;
        }
        (at > begin).then(|| &name[begin..at])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_words() {
        let split =
            |n: &str| words(n.as_bytes()).map(|w| str::from_utf8(w).unwrap()).collect::<Vec<_>>().join(" ");
        assert_eq!(split("dbPassword_hash-x"), "db Password hash x");
        assert_eq!(split("__AWS2.key"), "AWS2 key");
    }

    #[test]
    fn keywords_do_not_straddle_words() {
        let straddling = |text: &str, keyword: &str| {
            let at = text.to_ascii_lowercase().find(keyword).unwrap();
            is_inside_words(text.as_bytes(), at, at + keyword.len())
        };
        assert!(straddling("sumObject", "sumo") && straddling("getSymbol", "etsy"));
        for (text, keyword) in [
            ("sumoKey", "sumo"),
            ("newRelicKey", "newrelic"),
            ("myMailChimp_key", "mailchimp"),
            ("\\nclientId", "clientid"),
        ] {
            assert!(!straddling(text, keyword), "{text}");
        }
    }

    #[test]
    fn some_names_are_not_of_secrets() {
        let ok = |text: &str, keyword: &str, strength| {
            let view = TextView { text: text.as_bytes(), last: true };
            let at = text.to_ascii_lowercase().find(keyword).unwrap();
            matches!(read(view, at, at + keyword.len(), strength), Ok(Some(name)) if !is_misleading(view.text, &name))
        };
        for text in ["password", "dbPassword", "MYSQL_PASSWORD2", "passwords"] {
            assert!(ok(text, "password", Strength::Password), "{text}");
        }
        for text in ["password_field", "passwordFile", "forgotPassword", "password.length"] {
            assert!(!ok(text, "password", Strength::Password), "{text}");
        }
        for text in
            ["tokenizer", "token_type", "max_token", "nexttokenId", "AEGIS-TOKEN-0BSJ8WVMQ4X2T7K1P9ZRC"]
        {
            assert!(!ok(text, "token", Strength::Secret), "{text}");
        }
        assert!(ok("apikey", "key", Strength::Weak) && !ok("monkey", "key", Strength::Weak));
    }
}
