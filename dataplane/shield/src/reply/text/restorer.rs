//! One channel of text on its way to the client: what is held back, where in JSON it is, and how tokens in it
//! are replaced.
//!
//! A restorer is fed raw text in pieces of any size: a whole document as it arrives, or the contents of the JSON
//! strings that a channel's events carry, as they are written between their quotes. It must let every byte out
//! exactly once and in order, and change none outside of tokens.

use crate::reply::policy::RestoreDecision;
use crate::reply::text::context::ReplyContext;

use aegis_detect::Category;

use crate::json::find;
use crate::reply::address::{AddressWatch, WatchPurpose};
use crate::reply::stats::RestoreStats;
use crate::reply::text::matcher::{self, MAX_HELD, MatchOutcome, TokenCandidate, TokenPrefix};
use crate::reply::text::nesting::NestingTracker;
use crate::reply::text::output::{RestoredText, SecretForm};
use crate::reply::text::position_tracker::PositionTracker;
use crate::token::Token;
use crate::vault::Vault;

/// What is done with the tokens of a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RestoreMode {
    /// They are replaced.
    Restored,
    /// They stay and are counted: the text is signed, or speaks of what the model sampled.
    Kept,
    /// They stay and are counted: the policy said no.
    Withheld,
    /// They are not looked for: it is no text.
    Ignored,
}

/// See the module's documentation.
pub(crate) struct TextRestorer {
    nesting: NestingTracker,
    /// Raw bytes that may still become a token. They are held back, or, of a text that stays, remembered.
    held: Vec<u8>,
    /// The end of what went out, if it may become a token that this vault does not know: so that these are counted
    /// however the text is cut.
    foreign: Option<TokenPrefix>,
    mode: RestoreMode,
    positions: Option<Box<PositionTracker>>,
}

impl TextRestorer {
    /// For text of which the policy has decided so.
    pub(crate) fn new(nesting: NestingTracker, decision: RestoreDecision) -> Self {
        let mode = match decision {
            RestoreDecision::Withhold => RestoreMode::Withheld,
            RestoreDecision::Restore | RestoreDecision::Watch(..) => RestoreMode::Restored,
        };
        Self::with_mode(nesting.watched(decision.watch()), mode)
    }

    /// For text that goes on where `watch` stands.
    pub(crate) fn watched(nesting: NestingTracker, watch: Box<AddressWatch>) -> Self {
        Self::with_mode(nesting.watched(Some(watch)), RestoreMode::Restored)
    }

    /// Gives away what watches the addresses of a text that has ended.
    pub(crate) fn take_watch(&mut self) -> Option<Box<AddressWatch>> {
        self.nesting.take_watch()
    }

    /// For text that stays as it is, and whose tokens are counted.
    pub(crate) fn kept() -> Self {
        Self::with_mode(NestingTracker::plain(), RestoreMode::Kept)
    }

    /// For what is no text.
    pub(crate) fn ignored() -> Self {
        Self::with_mode(NestingTracker::plain(), RestoreMode::Ignored)
    }

    fn with_mode(nesting: NestingTracker, mode: RestoreMode) -> Self {
        Self { nesting, held: Vec::new(), foreign: None, mode, positions: None }
    }

    /// The same, measured by `positions`.
    pub(crate) fn measured(mut self, positions: PositionTracker) -> Self {
        self.positions = (self.mode == RestoreMode::Restored).then(|| Box::new(positions));
        self
    }

    /// What has measured the text so far.
    pub(crate) fn positions(&self) -> Option<&PositionTracker> {
        self.positions.as_deref()
    }

    pub(crate) fn take_ruler(&mut self) -> Option<Box<PositionTracker>> {
        self.positions.take()
    }

    pub(crate) fn is_holding(&self) -> bool {
        self.mode == RestoreMode::Restored && !self.held.is_empty()
    }

    /// Takes the next piece of text. Answers `false` if it goes out as it came, or appends to `out` what goes
    /// out instead. With `last`, nothing is held back.
    pub(crate) fn feed(
        &mut self,
        context: &mut ReplyContext,
        text: &[u8],
        last: bool,
        out: &mut RestoredText,
    ) -> bool {
        match self.mode {
            RestoreMode::Restored => self.follow_foreign(context, text, last),
            RestoreMode::Kept | RestoreMode::Withheld => {
                self.count(context, text, last);
                return false;
            }
            RestoreMode::Ignored => return false,
        }
        if self.held.is_empty() {
            return self.run(context, text, last, out);
        }
        let mut joined = std::mem::take(&mut context.joined);
        joined.clear();
        joined.append(&mut self.held);
        joined.extend_from_slice(text);
        if !self.run(context, &joined, last, out) {
            out.extend_from_slice(&joined);
        }
        context.joined = joined;
        true
    }

    /// As [`feed`](Self::feed), but `out` gets the text in any case.
    pub(crate) fn pass(&mut self, context: &mut ReplyContext, text: &[u8], out: &mut RestoredText) {
        if !self.feed(context, text, false, out) {
            out.extend_from_slice(text);
        }
    }

    /// Goes on behind `text`, which holds no token and went out in another form.
    pub(crate) fn skip(&mut self, text: &[u8]) {
        self.nesting.advance(text);
    }

    /// Goes on behind a line end that is not fed.
    pub(crate) fn end_line(&mut self) {
        self.nesting.end_line();
    }

    /// Whether an address in the text, which is what a tool gets and has ended, led to a host that is not named.
    pub(crate) fn has_led_elsewhere(&mut self) -> bool {
        self.nesting.watch().is_some_and(|watch| {
            watch.end_input();
            watch.has_led_elsewhere()
        })
    }

    /// Lets out what is held, literally: it did not become a token.
    pub(crate) fn flush(&mut self, context: &mut ReplyContext, out: &mut RestoredText) {
        self.feed(context, b"", true, out);
    }

    fn run(&mut self, context: &mut ReplyContext, text: &[u8], last: bool, out: &mut RestoredText) -> bool {
        let (mut written, mut followed, mut from, mut measured) = (0, 0, 0, 0);
        let mut edited = false;
        while let Some(candidate) = matcher::next(text, from, true) {
            let start = candidate.start;
            from = start + 1;
            self.nesting.advance(&text[followed..start]);
            followed = start;
            let Some(candidate) = self.admit(text, candidate) else { continue };
            let TokenCandidate { outcome, prefix, width, .. } = candidate;
            if let MatchOutcome::Complete(token, _) = &outcome
                && !self.nesting.is_kept()
            {
                context.unseal(token);
            }
            match outcome {
                MatchOutcome::Open
                    if !last && context.matcher.expects(&prefix) && !self.is_ragged(&text[start..]) =>
                {
                    out.extend_from_slice(&text[written..start]);
                    self.measure(&text[measured..start]);
                    self.held.extend_from_slice(&text[start..]);
                    debug_assert!(self.held.len() <= MAX_HELD);
                    return true;
                }
                MatchOutcome::Open if !last => self.foreign = Some(prefix),
                MatchOutcome::Open | MatchOutcome::Broken => context.count_broken(&prefix),
                MatchOutcome::Complete(token, _) if self.nesting.is_kept() && context.vault.knows(&token) => {
                    context.stats.kept += 1;
                }
                MatchOutcome::Complete(token, end) => match self.form_of(&token, &context.vault) {
                    Some((secret, _))
                        if self.nesting.leads_elsewhere(secret.first().copied().unwrap_or_default()) =>
                    {
                        *self.withheld(&mut context.stats) += 1;
                    }
                    Some((secret, form)) => {
                        if let Some(depth) = self.depth_for(&token, secret, form, &context.vault) {
                            out.extend_from_slice(&text[written..start]);
                            out.secret(token, (form, depth), context.line_head);
                            context.stats.restored += 1;
                            (written, from, edited) = (end, end, true);
                            self.nesting.pass_replaced(&text[start..end], secret);
                            followed = end;
                            if let Some(positions) = &mut self.positions {
                                positions.pass(&text[measured..start]);
                                positions.replace(&text[start..end], secret, depth);
                                measured = end;
                            }
                            continue;
                        }
                        context.stats.unresolved += 1;
                    }
                    None => context.count_unknown(&token),
                },
            }
            from = start + width;
        }
        self.nesting.advance(&text[followed..]);
        self.measure(&text[measured..]);
        if let Some(watch) = self.nesting.watch() {
            if last {
                watch.end_input();
            }
            context.stats.beside_unnamed_hosts += watch.take_beside();
        }
        if edited {
            out.extend_from_slice(&text[written..]);
        }
        edited
    }

    /// The candidate as the text around it has it read: escapes count inside of strings only. None where nothing is a
    /// token.
    fn admit(&self, text: &[u8], candidate: TokenCandidate) -> Option<TokenCandidate> {
        // The `a` of `\u001a` begins nothing, and held back it would leave half an escape behind. In an opaque value
        // nothing is a token.
        if self.nesting.is_in_escape() || self.nesting.is_opaque() {
            return None;
        }
        if self.nesting.is_in_string() {
            return Some(candidate);
        }
        let start = candidate.start;
        if text[start] == b'\\' { None } else { matcher::probe(text, start, false) }
    }

    fn measure(&mut self, text: &[u8]) {
        if let Some(positions) = &mut self.positions {
            positions.pass(text);
        }
    }

    /// Where a token is counted that an address keeps from being replaced.
    fn withheld<'a>(&mut self, stats: &'a mut RestoreStats) -> &'a mut u64 {
        let is_guarded = self.nesting.watch().is_some_and(|watch| watch.purpose() == WatchPurpose::Guard);
        if is_guarded { &mut stats.withheld_by_guard } else { &mut stats.withheld_by_policy }
    }

    /// Counts the tokens of a text that stays as it is. What may become one has gone out, and is remembered.
    fn count(&mut self, context: &mut ReplyContext, text: &[u8], last: bool) {
        let mut joined = std::mem::take(&mut context.joined);
        joined.clear();
        let text = if self.held.is_empty() {
            text
        } else {
            joined.append(&mut self.held);
            joined.extend_from_slice(text);
            &joined
        };
        let mut from = 0;
        while let Some(candidate) = matcher::next(text, from, true) {
            from = candidate.start + candidate.width;
            match candidate.outcome {
                MatchOutcome::Open if !last => {
                    self.held.extend_from_slice(&text[candidate.start..]);
                    break;
                }
                MatchOutcome::Complete(token, _) if context.vault.knows(&token) => match self.mode {
                    RestoreMode::Withheld => context.stats.withheld_by_policy += 1,
                    _ => context.stats.kept += 1,
                },
                _ => context.stats.unresolved += u64::from(candidate.prefix.is_token_like()),
            }
        }
        context.joined = joined;
    }

    /// Whether `tail` ends within an escape although it is the content of whole JSON strings: then the last of them
    /// is broken, and its end must not go on in another.
    fn is_ragged(&self, tail: &[u8]) -> bool {
        self.nesting.is_inside() && matcher::ends_in_escape(tail)
    }

    /// What `token` stands for here, and in which form. What somebody spelled in a document's string belongs into
    /// strings of documents, whole ones and parts of them. Everywhere else it is the value that is meant.
    fn form_of<'v>(&self, token: &Token, vault: &'v Vault) -> Option<(&'v [u8], SecretForm)> {
        let (text, spelling) = vault.spelling(token)?;
        let is_in_document = || self.nesting.tentative() > 0 || self.nesting.member_layers() > 0;
        if spelling.layers > 0 && self.nesting.known_depth().is_some() && is_in_document() {
            return Some((text, SecretForm::Spelling));
        }
        vault.resolve(token).map(|value| (value, SecretForm::Value))
    }

    /// How often `secret`, which `token` stands for in this form, must be escaped here, or `None` if that is not known: in
    /// JSON of more layers than are followed only a value that is the same at every layer can be written.
    ///
    /// What was spelled has the escapes of the strings that it stood in. A part of a document opens no level; how many strings
    /// of it are around the place, the quotes before it say.
    ///
    /// A private key seen with literal `\n` stood in a JSON text at that text's own level, so its form is
    /// already that of a string's content there: put into a string of such a text, it is not escaped for
    /// that string again. (A password with a backslash is no such form: no other kind holds line breaks.)
    fn depth_for(&self, token: &Token, secret: &[u8], form: SecretForm, vault: &Vault) -> Option<u8> {
        let Some(depth) = self.nesting.known_depth() else {
            return secret.iter().all(|&byte| !find::is_special(byte)).then_some(1);
        };
        let tentative = self.nesting.tentative();
        if form == SecretForm::Spelling {
            let layers = vault.spelling(token).map_or(0, |(_, spelling)| spelling.layers);
            // Of those of a part of a document, too, as many have their escapes already.
            let member = self.nesting.member_layers();
            return Some(depth + member - layers.min(tentative + member));
        }
        let escaped_key = token.category() == Category::Pkey
            && tentative > 0
            && !secret.contains(&b'\n')
            && secret.windows(2).any(|pair| pair == b"\\n");
        Some(depth - u8::from(escaped_key))
    }

    /// Goes on with a token that the vault does not know and whose beginning already went out.
    fn follow_foreign(&mut self, context: &mut ReplyContext, text: &[u8], last: bool) {
        let Some(mut prefix) = self.foreign.take() else { return };
        match matcher::follow(&mut prefix, text, 0, true) {
            MatchOutcome::Open if !last => self.foreign = Some(prefix),
            MatchOutcome::Complete(token, _) => context.count_unknown(&token),
            MatchOutcome::Open | MatchOutcome::Broken => context.count_broken(&prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyring::Keyring;
    use crate::reply::text::output::WritePosition;
    use crate::vault::Vault;

    /// Feeds `pieces` to a restorer of the contents of JSON strings.
    fn fed(pieces: &[&str]) -> Vec<String> {
        let token = Keyring::new(&[1; 32], "acme", 0, &[]).unwrap().mint(Category::Key, b"x");
        let mut vault = Vault::new();
        vault.insert(token, b"x").unwrap();
        let (mut context, mut restorer) = (
            ReplyContext::new(vault),
            TextRestorer::new(NestingTracker::literal(false), RestoreDecision::Restore),
        );
        let feed = |piece: &&str| {
            let (mut text, mut out) = (RestoredText::default(), Vec::new());
            restorer.pass(&mut context, piece.as_bytes(), &mut text);
            assert!(WritePosition::default().write(&text, &context.vault, &mut out, usize::MAX));
            String::from_utf8(out).unwrap()
        };
        pieces.iter().map(feed).collect()
    }

    #[test]
    fn an_escape_that_ends_like_a_token_begins_is_not_cut() {
        for pieces in [["caf\\u00ea", "x"], ["\\u001a", "\\u00aa"], ["{\\\"a\\u000a", "}"]] {
            assert_eq!(fed(&pieces), pieces);
        }
        assert_eq!(fed(&["aeg", "\\u001a"]), ["", "aeg\\u001a"], "behind held text");
    }
}
