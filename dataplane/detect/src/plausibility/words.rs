//! Words that stand where secrets stand: stand-ins of templates, words of code and forms.

use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// Words that are looked for anywhere in a value and in any case, all of them in one pass.
pub(crate) fn anywhere(words: impl IntoIterator<Item: AsRef<[u8]>>) -> AhoCorasick {
    AhoCorasick::builder().ascii_case_insensitive(true).build(words).expect("a few short words")
}

/// Whether a word is one of these, in any case.
pub(crate) fn is_one_of(words: &[&[u8]], word: &[u8]) -> bool {
    words.iter().any(|w| w.eq_ignore_ascii_case(word))
}

/// What stands in for a secret in examples and templates.
pub(crate) static STAND_INS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    anywhere([
        "example",
        "changeme",
        "change_me",
        "change-me",
        "placeholder",
        "anonymous",
        "your-",
        "your_",
        "yourpass",
        "yourkey",
        "yoursecret",
        "yourtoken",
        "your ",
        "insert",
        "replace",
        "redacted",
        "dummy",
        "xxxx",
        "****",
        "....",
        "<your",
        "todo",
        "fixme",
        "undefined",
        "not-set",
        "notset",
        "not_set",
        "sample",
        "-here",
        "_here",
        "fake",
        "mock",
        "####",
        "----",
        "____",
        "key_goes",
    ])
});

/// Sequences that nobody is given as a secret, but that stand in for one. Only where no vendor's shape speaks for it.
pub(crate) static SEQUENCES: LazyLock<AhoCorasick> =
    LazyLock::new(|| anywhere(["1234567890", "abcdefgh", "0000000"]));

/// Words of which the names of passwords and other settings are made. Random letters rarely hold one.
pub(crate) static NAME_WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    anywhere([
        "pass", "pwd", "secret", "token", "key", "cred", "user", "auth", "login", "env", "var", "cfg",
        "conf", "sql",
    ])
});

/// Values that are words of code or of forms. Lower case, compared whole.
pub(crate) const WORDS: &[&[u8]] = &[
    b"user",
    b"public",
    b"private",
    b"true",
    b"false",
    b"null",
    b"none",
    b"nil",
    b"undefined",
    b"string",
    b"str",
    b"int",
    b"bool",
    b"boolean",
    b"bytes",
    b"object",
    b"password",
    b"passwd",
    b"pass",
    b"pwd",
    b"token",
    b"key",
    b"required",
    b"optional",
    b"default",
    b"username",
    b"text",
    b"hidden",
    b"prompt",
    b"incorrect",
    b"invalid",
    b"empty",
    b"value",
    b"input",
    b"self",
    b"this",
    b"any",
    b"unknown",
    b"n/a",
    b"yes",
    b"no",
    b"off",
    b"on",
    b"basic",
    b"bearer",
];

/// What installers set until somebody changes it. Lower case, compared whole.
pub(crate) const STUBS: &[&[u8]] =
    &[b"changeme", b"change_me", b"change-me", b"changeit", b"changethis", b"default"];

/// Words that many an account has for its password. Lower case, compared whole.
pub(crate) const WEAK: &[&[u8]] = &[b"secret", b"test", b"admin", b"root", b"guest", b"letmein", b"welcome"];

/// Words of which the names and messages of forms are made. Lower case, compared whole.
pub(crate) const FORMS: &[&[u8]] = &[
    b"must",
    b"not",
    b"too",
    b"and",
    b"the",
    b"for",
    b"with",
    b"this",
    b"min",
    b"max",
    b"least",
    b"blank",
    b"empty",
    b"short",
    b"long",
    b"weak",
    b"length",
    b"valid",
    b"invalid",
    b"required",
    b"missing",
    b"wrong",
    b"incorrect",
    b"change",
    b"input",
    b"form",
    b"login",
    b"reset",
    b"new",
    b"old",
    b"current",
    b"confirm",
    b"repeat",
    b"verify",
    b"show",
    b"hide",
    b"toggle",
    b"label",
    b"text",
    b"prompt",
    b"error",
    b"message",
    b"name",
    b"value",
    b"key",
    b"auth",
    b"from",
    b"file",
    b"env",
    b"config",
    b"default",
    b"none",
    b"null",
];

/// Words in the names of users. Lower case, looked for anywhere in a name.
pub(crate) const USERS: &[&[u8]] = &[b"user", b"login", b"uid", b"account"];
