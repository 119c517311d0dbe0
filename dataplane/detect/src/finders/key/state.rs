//! Reads a key line by line, and decides of each word whether it is of the key's body.
//!
//! A key may stand in a listing, a diff, a table, in records of JSON, in several strings, with other text between. So a
//! line is not taken apart by rules for each tool. A word of base64 is of the body if it stands where the body's words
//! stood before (behind the same [`LinePrefix`]), or if nothing else can be meant: it is long, and of mixed characters.

use super::format::{KeyField, KeyFormat};
use crate::bytes::{BASE64, DIGIT, LOWER, UPPER};
use crate::finding::{Confidence, Reach};
use crate::text::Span;
use crate::text::lines::{Line, LinePrefix, LineStop, Word, Words};

/// A shorter line says too little to look for it elsewhere, and is of a body only where nothing else can stand.
pub(super) const MIN_LINE: usize = 16;
/// In strings of records stand ids, too; none of them is so long. Lines of keys have 64 characters and more.
const MIN_STRING_LINE: usize = 40;
/// So many characters that are a key's own make a line worth looking for.
const MIN_OWN: u32 = 12;
/// So many different characters, too.
const MIN_VARIETY: u32 = 8;
/// How much text without a line of the body ends a key, in bytes.
const MAX_GAP: u32 = 1024;
/// The same among the private lines of a `PuTTY` key, whose number is known.
const MAX_PUTTY_GAP: u32 = 160;
/// Characters of the lines of a `PuTTY` key, but for the last.
const PUTTY_LINE: u32 = 64;
/// The members of the providers' APIs and of tools' records that hold text, before whose strings a key may be cut.
const TEXT_MEMBERS: [&[u8]; 10] = [
    b"text\"",
    b"content\"",
    b"output\"",
    b"input\"",
    b"arguments\"",
    b"partial_json\"",
    b"thinking\"",
    b"line\"",
    b"stdout\"",
    b"result\"",
];
/// Characters of the checksum at the end of an `OpenPGP` key, behind its `=`.
const CHECKSUM: usize = 4;

/// Where in a key the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyStage {
    /// Before the first line of the body: fields may stand here.
    Head,
    /// Among public lines.
    Public,
    /// Among the lines of the body.
    Body,
    /// Behind a line that padding ends: the last.
    Behind,
}

/// Whether a key goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    On,
    Over,
}

/// What is known of a key of which some lines are read. Holds lengths and a hash of what stands before its lines,
/// nothing of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each says something of its own")]
pub(crate) struct KeyState {
    pub(super) rule: u16,
    pub(super) confidence: Confidence,
    pub(super) format: KeyFormat,
    pub(super) stage: KeyStage,
    /// Whether a line was reported, so that others belong to it.
    pub(super) opened: bool,
    /// Bytes from where the key began to the line at hand.
    pub(super) lead: u32,
    /// What stands before each line.
    pub(super) prefix: LinePrefix,
    /// The signs of a diff stand before the lines.
    pub(super) signed: bool,
    /// Whether the body's beginning was seen, so that its length can be counted.
    pub(super) counted: bool,
    /// Characters of the body so far, and how many at its beginning are equal in all keys.
    chars: u32,
    fixed: u32,
    /// The longest line of the body, and the last.
    width: usize,
    last: usize,
    /// The last line was cut by the end of a string.
    cut: bool,
    /// Bytes of lines without a word of the body, since the last one that had some.
    gap: u32,
    /// Nothing but the structure of records stands between the last line of the body and the line at hand.
    follows: bool,
    /// How many lines the body has, if a field before it says so.
    pub(super) lines: Option<u16>,
}

impl KeyState {
    pub(super) fn new(rule: u16, format: KeyFormat, prefix: LinePrefix, signed: bool) -> KeyState {
        KeyState {
            rule,
            confidence: Confidence::Medium,
            format,
            stage: KeyStage::Head,
            opened: false,
            lead: 0,
            prefix,
            signed,
            counted: true,
            chars: 0,
            fixed: 0,
            width: 0,
            last: 0,
            cut: false,
            gap: 0,
            follows: true,
            lines: None,
        }
    }

    /// The state before the lines of a body whose beginning was not seen.
    pub(super) fn in_body(rule: u16, format: KeyFormat, prefix: LinePrefix, signed: bool) -> KeyState {
        KeyState { stage: KeyStage::Body, counted: false, ..KeyState::new(rule, format, prefix, signed) }
    }

    /// Characters of the body so far.
    pub(super) fn chars(&self) -> u32 {
        self.chars
    }

    /// Reads one line and hands what is hidden of it to `found`.
    pub(super) fn read(&mut self, text: &[u8], line: Line, found: &mut impl FnMut(Span, Reach)) -> Flow {
        if line.start == line.end && matches!(line.stop, LineStop::Begin | LineStop::End) {
            return Flow::Over;
        }
        self.lead = self.lead.saturating_add(bytes(line.next - line.start));
        if let Some(field) = self.field(text, line) {
            return self.take_field(field, found);
        }
        if self.words(text, line, found) {
            (self.gap, self.follows) = (0, true);
            self.count_line();
        } else if line.end > line.start {
            self.follows &= matches!(text[line.start], b'"' | b'}' | b'\r');
            self.gap = self.gap.saturating_add(bytes(line.end - line.start));
        }
        if self.is_over(text, line) { Flow::Over } else { Flow::On }
    }

    /// A line of the body was read.
    fn count_line(&mut self) {
        if self.stage != KeyStage::Body {
            return;
        }
        // A line may come in parts.
        let lines = self.chars.div_ceil(PUTTY_LINE);
        if !self.cut && self.lines.is_some_and(|declared| lines >= u32::from(declared)) {
            // Nothing but the fields at its end follow.
            self.stage = KeyStage::Behind;
        }
    }

    /// Whether so much else stands here that the key has ended.
    fn is_over(&self, text: &[u8], line: Line) -> bool {
        let is_counted = self.format == KeyFormat::Putty && self.stage != KeyStage::Head;
        if !is_counted || self.stage == KeyStage::Public {
            return self.gap > MAX_GAP;
        }
        // Behind their number the private lines begin at once.
        let content = text[line.start..line.end].trim_ascii();
        let is_number = content.iter().all(u8::is_ascii_digit);
        let begins_elsewhere = self.stage == KeyStage::Body && self.chars == 0 && !is_number && !self.follows;
        begins_elsewhere || self.gap > MAX_PUTTY_GAP
    }

    /// The field that stands in a line.
    fn field(&self, text: &[u8], line: Line) -> Option<KeyField> {
        if self.stage != KeyStage::Head && self.format != KeyFormat::Putty {
            return None;
        }
        let mut words = Words::new(text, line.start, line.end);
        let field = words.find_map(|word| {
            let begins = !word.prefix.has_letters || word.prefix == self.prefix;
            // The sign of a diff may stand before it.
            let start = word.span.start + usize::from(text[word.span.start] == b'+');
            begins.then(|| self.format.field(text, start, line.end)).flatten()
        });
        // In a key on one line the body stands behind its fields.
        field.filter(|field| match field {
            KeyField::Hidden(value) => {
                self.format == KeyFormat::Putty || !holds_body(&text[value.start..line.end])
            }
            _ => true,
        })
    }

    fn take_field(&mut self, field: KeyField, found: &mut impl FnMut(Span, Reach)) -> Flow {
        match field {
            KeyField::Plain => {}
            KeyField::PublicLines => self.stage = KeyStage::Public,
            KeyField::PrivateLines(count) => {
                (self.stage, self.chars, self.lines) = (KeyStage::Body, 0, count);
            }
            KeyField::Hidden(span) | KeyField::Last(span) if span.is_empty() => {}
            KeyField::Hidden(span) | KeyField::Last(span) => found(span, Reach::InPlace),
        }
        self.gap = 0;
        if matches!(field, KeyField::Last(_)) { Flow::Over } else { Flow::On }
    }

    /// Finds the words of the body in a line; whether there are any.
    fn words(&mut self, text: &[u8], line: Line, found: &mut impl FnMut(Span, Reach)) -> bool {
        let all = || Words::new(text, line.start, line.end);
        // Long words before the place where the body's words stand are of what stands before them: paths, names.
        let mut from = line.start;
        if self.prefix.has_letters {
            let mut words = all();
            match words.find(|word| word.prefix == self.prefix) {
                Some(word) => from = word.span.start,
                // Nothing stands behind it.
                None if words.prefix() == self.prefix => return false,
                None => {}
            }
        }
        let expected = self.prefix;
        let mut words = all().peekable();
        let mut any = false;
        while let Some(word) = words.next() {
            if word.span.start < from {
                continue;
            }
            let is_last = words.peek().is_none();
            let word = self.without_sign(text, line, word);
            let is_expected = word.prefix == expected;
            let here = Here { text, line, word, is_last, is_expected, joined: any };
            let Some(span) = self.accept(here) else { continue };
            any = true;
            self.take(text, word, span, found);
            let behind = text.get(span.end..line.end).unwrap_or_default();
            let is_full = if self.chars == bytes(self.last) {
                self.format.is_full_line(self.last)
            } else {
                self.last >= self.width
            };
            self.cut = !is_full && is_string_end(behind);
        }
        any
    }

    /// The word without the sign of a diff, which may be one of base64's characters.
    fn without_sign(&mut self, text: &[u8], line: Line, mut word: Word) -> Word {
        let begins = text[word.span.start] == b'+' && !word.prefix.has_letters && word.quote.is_none();
        // Lines of base64 have an even number of characters. Where each line has a sign, it is the first character.
        let is_cut = is_string_end(&text[word.span.end..line.end]);
        let is_sign = (self.signed && word.span.start == line.start) || (word.span.len() % 2 == 1 && !is_cut);
        if begins && is_sign && word.span.len() > 1 {
            self.signed = true;
            word.span.start += 1;
        }
        word
    }

    /// What of a word is of the body.
    fn accept(&self, here: Here<'_>) -> Option<Span> {
        let Here { text, line, word, is_last, is_expected, joined } = here;
        let follows = self.follows || joined;
        let Span { start, end } = word.span;
        let is_checksum = self.format == KeyFormat::Pgp
            && self.chars > 0
            && start > line.start
            && text[start - 1] == b'='
            && word.span.len() == CHECKSUM
            && is_last;
        if is_checksum {
            return Some(Span::new(start - 1, end));
        }
        if self.stage == KeyStage::Behind {
            return None;
        }
        let content = &text[start..end];
        let opens = word.quote.is_some_and(|(quote, words)| !words && opens_text(text, line.start, quote));
        let behind = &text[end..line.end];
        // A string ends in the middle of a line of the body, which begins the line at hand.
        let is_place = word.quote.is_none() || word.prefix.has_letters;
        let is_cut = is_expected && is_place && follows && self.chars > 0 && is_string_end(behind);
        // Nothing but the dashes that close the key stands behind it.
        let closes = is_last && line.stop == LineStop::End && self.chars > 0;
        let is_end = closes && (joined || (is_expected && behind.is_empty()));
        let accepted = if content.len() >= MIN_LINE {
            let structural = word.quote.is_some() && word.prefix.has_letters;
            let mixed = is_mixed(content);
            let fits = is_expected && (is_last || mixed || is_cut);
            let is_long = content.len() >= MIN_STRING_LINE;
            let is_full = joined && content.len() == self.width;
            fits || is_end || is_full || (mixed && (!structural || opens || is_long)) || (opens && self.cut)
        } else {
            let completes = !self.counted || (self.chars + chars_of(content)).is_multiple_of(4);
            let ends_text = is_string_end(behind) || (line.stop == LineStop::TextEnd && behind.is_empty());
            let is_short = is_expected && is_last && follows && self.may_be_short(content.len());
            let goes_on = opens
                && self.cut
                && (self.last + content.len() == self.width
                    || (behind.is_empty() && line.stop != LineStop::TextEnd));
            is_end || (is_short && (completes || ends_text)) || is_cut || goes_on
        };
        accepted.then_some(word.span)
    }

    /// Whether a short line may stand here: as the last of a body.
    fn may_be_short(&self, len: usize) -> bool {
        !self.counted || (self.width > 0 && len <= self.width)
    }

    /// Reports a word of the body.
    fn take(&mut self, text: &[u8], word: Word, span: Span, found: &mut impl FnMut(Span, Reach)) {
        let content = &text[span.range()];
        if self.chars == 0 {
            self.fixed = self.format.fixed(content);
        }
        let len = chars_of(content);
        let end = self.chars.saturating_add(len);
        let own = end.saturating_sub(self.fixed.max(self.chars));
        let reach = match self.stage {
            KeyStage::Head | KeyStage::Body
                if content.len() >= MIN_LINE && own >= MIN_OWN && variety(content) >= MIN_VARIETY =>
            {
                Reach::Everywhere
            }
            _ => Reach::InPlace,
        };
        found(span, reach);
        self.chars = end;
        self.last = content.len();
        self.width = self.width.max(content.len());
        // Behind the end of a string the lines go on as before.
        let structural = word.quote.is_some() && word.prefix.has_letters;
        if content.len() >= MIN_LINE && (self.stage == KeyStage::Head || !structural) {
            self.prefix = word.prefix;
        }
        self.stage = match self.stage {
            KeyStage::Public => KeyStage::Public,
            _ if word.padded && self.format != KeyFormat::Putty => KeyStage::Behind,
            _ => KeyStage::Body,
        };
    }
}

/// A word and what decides on it.
#[derive(Clone, Copy)]
struct Here<'a> {
    text: &'a [u8],
    line: Line,
    word: Word,
    /// Whether it is the last of its line.
    is_last: bool,
    /// Whether it stands where the body's words stand.
    is_expected: bool,
    /// Whether another word of the body stands before it in its line.
    joined: bool,
}

/// Whether lines of a body stand among the words of a field's value, whatever is between them.
fn holds_body(value: &[u8]) -> bool {
    let words =
        value.split(|byte| !BASE64.has(*byte)).filter(|word| word.len() >= MIN_LINE && is_mixed(word));
    words.map(<[u8]>::len).sum::<usize>() >= MIN_STRING_LINE
}

/// How many characters of base64 a word has, with its padding.
fn chars_of(word: &[u8]) -> u32 {
    bytes(word.iter().filter(|byte| **byte != b'\\').count())
}

/// A length, which is far below the limit of its type.
fn bytes(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// Whether the text behind a word ends the string that it stands in.
fn is_string_end(behind: &[u8]) -> bool {
    let escape = behind.iter().take_while(|byte| **byte == b'\\').count();
    behind.get(escape) == Some(&b'"')
}

/// Whether the quote begins the value of a member that holds text.
pub(super) fn opens_text(text: &[u8], floor: usize, quote: usize) -> bool {
    let before = &text[floor.max(quote.saturating_sub(40))..quote];
    let before = before.trim_ascii_end();
    let before = &before[..before.len() - before.iter().rev().take_while(|byte| **byte == b'\\').count()];
    let Some(before) = before.trim_ascii_end().strip_suffix(b":") else { return false };
    let before = before.trim_ascii_end();
    TEXT_MEMBERS.iter().any(|name| {
        let escaped = before.ends_with(b"\\\"");
        let bare = if escaped { &before[..before.len() - 1] } else { before };
        let bare = &bare[..bare.len() - bare.iter().rev().take_while(|byte| **byte == b'\\').count()];
        if escaped { bare.ends_with(&name[..name.len() - 1]) } else { before.ends_with(name) }
    })
}

/// Whether a word is of letters in both cases and of digits, as no word of a language is.
pub(super) fn is_mixed(word: &[u8]) -> bool {
    [&UPPER, &LOWER, &DIGIT].iter().all(|set| word.iter().any(|byte| set.has(*byte)))
}

/// How many different characters of base64 a line has.
fn variety(line: &[u8]) -> u32 {
    let seen =
        line.iter().filter(|byte| BASE64.has(**byte)).fold(0u128, |seen, byte| seen | 1 << (byte & 127));
    seen.count_ones()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_before_a_text_is_distinguished_from_others() {
        for (text, opens) in [
            ("{\"text\":\"", true),
            ("{\"content\" : \"", true),
            ("\\\"output\\\":\\\"", true),
            ("\"tool_use_id\":\"", false),
            ("\"", false),
            ("\"line\", \"", false),
        ] {
            assert_eq!(opens_text(text.as_bytes(), 0, text.len() - 1), opens, "{text}");
        }
    }

    #[test]
    fn lines_of_few_characters_are_recognised() {
        assert!(variety(b"AAAAAAAAAAAAAAAAAAAAAAAAAAAB") < MIN_VARIETY);
        assert!(variety(b"MC4CAQAwBQYDK2VwBCIEI") >= MIN_VARIETY);
        assert!(is_mixed(b"aB1") && !is_mixed(b"deadbeef01") && !is_mixed(b"PrivateKeyReader"));
    }
}
