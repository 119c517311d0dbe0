//! How deep in JSON strings a place of a text is.
//!
//! A restored value must be escaped once for every string literal around it: the arguments of a tool call are JSON in a
//! JSON string of an event, the file that the tool writes may be JSON again. [`NestingTracker`] follows a text byte by
//! byte, in pieces of any size, and knows at each place how many literals are open. The outermost level is certain (the
//! event, or a JSON document); inside, every text that starts with `{` or `[` is taken for JSON as long as it has been
//! valid JSON so far.
//!
//! Nothing is buffered and nothing is rejected: text that is not JSON merely opens no level. That, and its size
//! (one for each channel of a reply), is why this is not [`crate::json::Nested`], which reports every lexeme and
//! holds documents to the letter. Both take the same texts for JSON.

#![expect(
    clippy::cast_possible_truncation,
    reason = "`MAX_LEVELS` bounds the depth, and a hexadecimal digit is below 16"
)]

use crate::reply::address::{AddressWatch, WatchPurpose};
use crate::reply::text::level::{LevelState, TextLevel};
use memchr::{memchr, memchr2};
use std::ops::RangeInclusive;

use crate::json::{MAX_LAYERS, find};
use crate::reply::text::member_string::MemberString;
use crate::reply::text::member_tracker::MemberTracker;

/// Levels that are followed: an event or document, arguments in it, a file in these, and two more. As many as the
/// way out follows: what is restored deeper would not be recognised when it comes back.
pub(crate) const MAX_LEVELS: usize = MAX_LAYERS;
/// Follows one text. See the module's documentation.
pub(crate) struct NestingTracker {
    /// The last is followed only to see that there is one more than can be written for.
    levels: [TextLevel; MAX_LEVELS + 1],
    /// The first `certain` levels are JSON by contract, not by looks.
    certain: u8,
    /// The text is the inside of a string literal whose quotes are not part of it.
    inside: bool,
    members: Option<MemberTracker>,
    /// Where in the text at the certain depth the current place is, if that is a part of a document.
    member: MemberString,
    /// The addresses in the text, where they matter.
    watch: Option<Box<AddressWatch>>,
}

impl NestingTracker {
    fn new(first: TextLevel, certain: u8) -> Self {
        let mut levels = [TextLevel::new(LevelState::Dead, false); MAX_LEVELS + 1];
        levels[0] = first;
        Self { levels, certain, inside: false, members: None, member: MemberString::default(), watch: None }
    }

    /// A whole JSON document, or several. If it turns out to be something else, it is text.
    pub(crate) fn document() -> Self {
        Self {
            members: Some(MemberTracker::default()),
            ..Self::new(TextLevel::new(LevelState::Start, true), 1)
        }
    }

    /// Text that is no JSON, whatever it looks like.
    pub(crate) fn plain() -> Self {
        Self::new(TextLevel::new(LevelState::Dead, false), 0)
    }

    /// Text that may be JSON.
    pub(crate) fn text() -> Self {
        Self::new(TextLevel::new(LevelState::Start, false), 0)
    }

    /// The content of a JSON string as it is written between its quotes. `json` says that the content is itself
    /// JSON by contract.
    pub(crate) fn literal(json: bool) -> Self {
        let mut nesting = Self::new(TextLevel::new(LevelState::Text, false), 1 + u8::from(json));
        nesting.levels[1] = TextLevel::new(LevelState::Start, json);
        nesting.inside = true;
        nesting
    }

    /// The same, with `watch` on the addresses in the text.
    pub(crate) fn watched(mut self, watch: Option<Box<AddressWatch>>) -> Self {
        self.watch = watch;
        self
    }

    /// Gives away what watches the addresses in the text.
    pub(crate) fn take_watch(&mut self) -> Option<Box<AddressWatch>> {
        self.watch.take()
    }

    /// What watches the addresses in the text.
    pub(crate) fn watch(&mut self) -> Option<&mut AddressWatch> {
        self.watch.as_deref_mut()
    }

    /// Whether the current place is in an address that leads to a host that is not named; in a tool's arguments, where
    /// such an address stands before it. `first` is the first byte that would stand here.
    pub(crate) fn leads_elsewhere(&self, first: u8) -> bool {
        let Some(watch) = &self.watch else { return false };
        let leads_elsewhere = || watch.leads_elsewhere(self.readings(), first);
        match watch.purpose() {
            WatchPurpose::Guard => !self.is_tool_input() && leads_elsewhere(),
            WatchPurpose::Count => false,
            WatchPurpose::Withhold => watch.has_led_elsewhere() || leads_elsewhere(),
        }
    }

    /// Whether the current place is in what a tool of a document gets.
    pub(crate) fn is_tool_input(&self) -> bool {
        self.members.as_ref().is_some_and(MemberTracker::is_tool_input)
    }

    /// At how many depths the text at the current place may be read: by contract only at the certain one, if it is so
    /// deep, and at all deeper ones.
    fn readings(&self) -> RangeInclusive<usize> {
        let depth = usize::from(self.depth());
        usize::from(self.certain).min(depth)..=depth
    }

    /// Goes on behind `token`, in whose place the client sees `value`.
    pub(crate) fn pass_replaced(&mut self, token: &[u8], value: &[u8]) {
        let Some(mut watch) = self.watch.take() else { return self.advance(token) };
        self.advance(token);
        let (first, last) = self.readings().into_inner();
        if value.iter().any(|&byte| find::is_special(byte)) {
            // Escaped, it looks different at each depth. What the token is instead ends no address.
            watch.run(first..=last, token);
        } else {
            watch.run(first..=last, value);
        }
        watch.add_restored();
        self.watch = Some(watch);
    }

    /// Follows a line end that is not part of what is fed.
    pub(crate) fn end_line(&mut self) {
        self.watch_run(b"\n");
    }

    /// Follows the addresses in a text that changes no level. In an opaque value there are none.
    fn watch_run(&mut self, text: &[u8]) {
        if self.watch.is_some() && !self.is_opaque() {
            let readings = self.readings();
            if let Some(watch) = &mut self.watch {
                watch.run(readings, text);
            }
        }
    }

    /// String literals around the current place, at most one more than [`MAX_LEVELS`].
    fn depth(&self) -> u8 {
        self.levels.iter().take_while(|level| level.is_in_string()).count() as u8
    }

    /// How often a value must be escaped at the current place. `None` if more literals may be around it than are
    /// followed.
    pub(crate) fn known_depth(&self) -> Option<u8> {
        let depth = self.depth();
        let lost = self.levels.get(usize::from(depth)).is_none_or(|level| level.state == LevelState::Lost);
        (!lost).then_some(depth)
    }

    /// How many of these were taken for literals by the looks of the text alone.
    pub(crate) fn tentative(&self) -> u8 {
        self.depth().saturating_sub(self.certain)
    }

    /// In how many strings of what may be a part of a document the current place is, if it is in a member's.
    pub(crate) fn member_layers(&self) -> u8 {
        if self.depth() == self.certain { self.member.layers() } else { 0 }
    }

    /// Whether the outermost level is in a string, so that a backslash begins an escape.
    pub(crate) fn is_in_string(&self) -> bool {
        self.levels[0].is_in_string()
    }

    /// Whether the current place is inside an escape of the outermost level: what stands here is no character.
    pub(crate) fn is_in_escape(&self) -> bool {
        self.is_in_string() && self.levels[0].escape != 0
    }

    /// Whether the current place is in an opaque value of a document.
    pub(crate) fn is_opaque(&self) -> bool {
        self.members.as_ref().is_some_and(MemberTracker::is_opaque)
    }

    /// Whether the current place is in a text of a document that stays as it is.
    pub(crate) fn is_kept(&self) -> bool {
        self.members.as_ref().is_some_and(MemberTracker::is_kept)
    }

    /// Whether the text is the content of JSON strings, each of which comes as a whole.
    pub(crate) fn is_inside(&self) -> bool {
        self.inside
    }

    /// Follows `text`.
    pub(crate) fn advance(&mut self, mut text: &[u8]) {
        while !text.is_empty() {
            let plain = self.plain_run(text);
            if plain > 0 {
                if let Some(members) = &mut self.members {
                    members.capture(&text[..plain]);
                }
                self.watch_run(&text[..plain]);
                if self.depth() >= self.certain {
                    self.member.run(&text[..plain]);
                }
                text = &text[plain..];
                continue;
            }
            self.step(0, text[0]);
            text = &text[1..];
        }
    }

    /// Length of the run at the head of `text` that changes nothing: all levels are dead, or all that live are
    /// inside of strings and the run has neither quote nor backslash. (A quote ends no literal whose quotes are not
    /// part of the text, but where its escapes are must be known.)
    fn plain_run(&self, text: &[u8]) -> usize {
        let mut depth = 0;
        for level in &self.levels {
            match level.state {
                LevelState::Text | LevelState::Name if level.escape == 0 => depth += 1,
                LevelState::Dead | LevelState::Lost => break,
                _ => return 0,
            }
        }
        match depth {
            0 => text.len(),
            1 if self.inside && matches!(self.levels[1].state, LevelState::Dead | LevelState::Lost) => {
                memchr(b'\\', text).unwrap_or(text.len())
            }
            _ => memchr2(b'"', b'\\', text).unwrap_or(text.len()),
        }
    }

    fn step(&mut self, index: usize, byte: u8) {
        let Some(level) = self.levels.get_mut(index) else { return };
        if index == usize::from(self.certain) {
            self.member.byte(byte);
        }
        let is_text =
            index >= usize::from(self.certain) || matches!(level.state, LevelState::Dead | LevelState::Lost);
        if let Some(watch) = self.watch.as_mut().filter(|_| is_text) {
            watch.byte(index, byte);
        }
        if level.is_in_string() {
            self.string_byte(index, byte);
        } else if !matches!(level.state, LevelState::Dead | LevelState::Lost) {
            level.structure(byte);
            let (opened, is_name, any) = (level.is_in_string(), level.state == LevelState::Name, level.any);
            if opened {
                self.opened(index, is_name, any);
            } else if index == 0
                && let Some(members) = &mut self.members
            {
                members.structure(byte);
            }
        }
    }

    fn opened(&mut self, index: usize, is_name: bool, any: bool) {
        let mut arguments = false;
        if index == 0
            && let Some(members) = &mut self.members
        {
            members.string_opens(is_name);
            arguments = any && !is_name && members.are_arguments();
            self.certain = 1 + u8::from(arguments);
        }
        if index < usize::from(self.certain) {
            self.member = MemberString::default();
        }
        if let Some(watch) = &mut self.watch {
            watch.end(index + 1);
        }
        if let Some(child) = self.levels.get_mut(index + 1) {
            *child = if is_name {
                TextLevel::new(LevelState::Dead, false)
            } else {
                TextLevel::new(LevelState::Start, arguments)
            };
        }
    }

    /// One byte inside of a string of level `index`; what it decodes to goes to the next level.
    fn string_byte(&mut self, index: usize, byte: u8) {
        let outermost = index == 0;
        let level = &mut self.levels[index];
        match (level.escape, byte) {
            (0, b'\\') => level.escape = 1,
            (0, b'"') if !(outermost && self.inside) => self.closed(index),
            (0, 0..0x20) if !outermost => level.state = LevelState::Dead,
            (0, _) => {
                if outermost && let Some(members) = &mut self.members {
                    members.capture(&[byte]);
                }
                self.step(index + 1, byte);
            }
            (1, b'u') => (level.escape, level.code) = (2, 0),
            (1, _) => {
                level.escape = 0;
                match unescape(byte) {
                    Some(decoded) => self.step(index + 1, decoded),
                    None if outermost => {}
                    None => level.state = LevelState::Dead,
                }
            }
            (digit, _) => {
                let Some(value) = (byte as char).to_digit(16) else {
                    (level.escape, level.state) = (0, if outermost { level.state } else { LevelState::Dead });
                    return;
                };
                level.code = level.code << 4 | value as u16;
                level.escape = (digit + 1) % 6;
                let code = level.code;
                if digit == 5 {
                    // Above ASCII it is a character of a string or no JSON; which one does not matter.
                    self.step(index + 1, u8::try_from(code).ok().filter(u8::is_ascii).unwrap_or(0xff));
                }
            }
        }
    }

    fn closed(&mut self, index: usize) {
        if let Some(watch) = &mut self.watch {
            watch.end(index + 1);
        }
        let level = &mut self.levels[index];
        let is_name = level.state == LevelState::Name;
        if is_name {
            level.state = LevelState::Colon;
        } else {
            level.value_ended();
        }
        if index == 0
            && let Some(members) = &mut self.members
        {
            members.string_closes(is_name);
        }
    }
}

fn unescape(byte: u8) -> Option<u8> {
    Some(match byte {
        b'"' | b'\\' | b'/' => byte,
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 8,
        b'f' => 12,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::text::level::MAX_NESTING;

    /// Depth and tentative depth at the first `@` of `text`.
    fn at_mark(mut nesting: NestingTracker, text: &str) -> (u8, u8) {
        let mark = text.find('@').unwrap();
        for piece in text.as_bytes()[..mark].chunks(3) {
            nesting.advance(piece);
        }
        (nesting.depth(), nesting.tentative())
    }

    /// `text` as the content of a JSON string.
    fn quoted(text: &str) -> String {
        let text = serde_json::to_string(text).unwrap();
        text[1..text.len() - 1].to_owned()
    }

    #[test]
    fn counts_the_literals_around_a_place() {
        assert_eq!(at_mark(NestingTracker::document(), r#"{"a": "x @"}"#), (1, 0));
        assert_eq!(at_mark(NestingTracker::document(), r#" [1, {"@": 2}]"#), (1, 0));
        assert_eq!(at_mark(NestingTracker::document(), r#"{"a": "x \" ", "b": @"#), (0, 0));
        let file = r#"{"key": "@"}"#;
        let arguments = format!(r#"{{"path": "p", "content": "{}"}}"#, quoted(file));
        let event = format!(r#"{{"arguments": "{}"}}"#, quoted(&arguments));
        assert_eq!(at_mark(NestingTracker::document(), &event), (3, 1));
        assert_eq!(at_mark(NestingTracker::literal(true), &quoted(&arguments)), (3, 1));
        assert_eq!(at_mark(NestingTracker::literal(false), &quoted(file)), (2, 1));
        assert_eq!(at_mark(NestingTracker::text(), file), (1, 1));
        assert_eq!(at_mark(NestingTracker::plain(), file), (0, 0));
    }

    #[test]
    fn what_is_not_json_opens_no_level() {
        for text in
            ["{{ \"@", "[note] \"@", "{ let x = \"@", "{\"a\" \"@", "{\"a\": 1,, \"@", "say \"@", "[1}\"@"]
        {
            assert_eq!(at_mark(NestingTracker::text(), text), (0, 0), "{text}");
            assert_eq!(at_mark(NestingTracker::literal(false), &quoted(text)), (1, 0), "{text}");
        }
        assert_eq!(at_mark(NestingTracker::literal(true), &quoted("oops \"@")), (1, 0));
        assert_eq!(
            at_mark(NestingTracker::text(), "[\"a line\nand @"),
            (1, 1),
            "inside of the outermost a break is let go"
        );
        assert_eq!(at_mark(NestingTracker::literal(false), &quoted("[\"a line\nand @")), (1, 0));
    }

    #[test]
    fn lines_of_json_are_followed() {
        assert_eq!(at_mark(NestingTracker::text(), "{\"a\": \"b\"}\n{\"a\": \"@"), (1, 1));
        assert_eq!(at_mark(NestingTracker::document(), "1 \"x\" \"@"), (1, 0));
        assert_eq!(at_mark(NestingTracker::text(), "{\"a\": \"b\"} and \"@"), (0, 0));
    }

    #[test]
    fn escapes_are_decoded_for_the_next_level() {
        assert_eq!(at_mark(NestingTracker::literal(false), r"\u007b\u0022a\u0022: \u0022@"), (2, 1));
        assert_eq!(at_mark(NestingTracker::literal(false), r#"[\"\u00e9\\n@"#), (2, 1));
        assert_eq!(at_mark(NestingTracker::literal(false), r#"[\"\\x@"#), (1, 0), "no escape of JSON");
    }

    #[test]
    fn nesting_has_a_limit() {
        let deep = |count: usize| format!("{}\"@", "[".repeat(count));
        assert_eq!(at_mark(NestingTracker::text(), &deep(usize::from(MAX_NESTING))), (1, 1));
        let lost = |text: &str| {
            let mut nesting = NestingTracker::text();
            nesting.advance(text.split('@').next().unwrap().as_bytes());
            nesting.known_depth().is_none()
        };
        assert!(!lost(&deep(usize::from(MAX_NESTING))));
        assert!(lost(&deep(usize::from(MAX_NESTING) + 1)));
        let inside = |count: usize| format!("[\"{}", quoted(&deep(count)));
        assert!(!lost(&inside(usize::from(MAX_NESTING))));
        assert!(lost(&inside(usize::from(MAX_NESTING) + 1)));
        assert!(!lost(&format!("[\"{}\", \"@", quoted(&"[".repeat(99)))), "it was another string");
    }

    #[test]
    fn levels_have_a_limit() {
        let mut text = "[\"@".to_owned();
        for _ in 1..MAX_LEVELS {
            text = format!("[\"{}", quoted(&text));
        }
        let known_depth = |text: &str| {
            let mut nesting = NestingTracker::text();
            nesting.advance(text.split('@').next().unwrap().as_bytes());
            nesting.known_depth()
        };
        assert_eq!(known_depth(&text), Some(MAX_LEVELS as u8));
        let text = format!("[\"{}", quoted(&text));
        assert_eq!(known_depth(&text), None);
        assert_eq!(known_depth(&format!("[\"{}", quoted(&text))), None);
    }

    #[test]
    fn text_that_stays_is_known() {
        let kept = |text: &str| {
            let mut nesting = NestingTracker::document();
            for byte in text.as_bytes() {
                nesting.advance(&[*byte]);
            }
            nesting.is_kept()
        };
        assert!(kept(r#"{"content": [{"type": "thinking", "thinking": "@"#));
        assert!(kept(r#"{"content": [{"text": "a"}, {"thinking": "@"#), "before its type");
        assert!(kept(r#"{"output": [{"type": "reasoning", "summary": [{"text": "@"#));
        assert!(kept(r#"{"message": {"reasoning_details": [{"text": "x"}, {"text": "@"#));
        assert!(kept(r#"{"logprobs": {"content": [{"token": "@"#));
        assert!(!kept(r#"{"output": [{"type": "reasoning"}, {"text": "@"#));
        assert!(!kept(r#"{"message": {"thinking": "@"#), "nobody signs it");
        assert!(!kept(r#"{"content": [{"type": "tool_use", "input": {"type": "thinking", "thinking": "@"#));
        assert!(!kept(r#"{"content": [{"type": "thinking", "thinking": "x"}, {"text": "@"#));
    }

    #[test]
    fn opaque_members_are_known() {
        let opaque = |text: &str| {
            let mut nesting = NestingTracker::document();
            for byte in text.as_bytes() {
                nesting.advance(&[*byte]);
            }
            nesting.is_opaque()
        };
        assert!(opaque(r#"{"signature": "@"#));
        assert!(opaque(r#"{"type": "redacted_thinking", "data": "@"#));
        assert!(opaque(r#"{"inlineData": {"mimeType": "image/png", "data": "@"#));
        assert!(!opaque(r#"{"inlineData": {"mimeType": "image/png", "data": "x"}, "data": "@"#));
        assert!(!opaque(r#"{"args": {"data": "@"#));
        assert!(!opaque(r#"{"input": {"inlineData": {"signature": "x", "data": "@"#), "a tool gets it");
        assert!(!opaque(r#"{"input": {"deep": [{"signature": "@"#));
        assert!(opaque(r#"{"input": {"deep": [{}]}, "signature": "@"#));
        assert!(opaque(r#"{"input": [{"signature": "@"#), "a list of messages");
        assert!(!opaque(r#"{"signature": "x", "text": "@"#));
        assert!(!opaque(r#"{"a_key_that_is_longer_than_all_known": "@"#));
        assert!(!opaque(r#"{"signature@"#));
    }
}
