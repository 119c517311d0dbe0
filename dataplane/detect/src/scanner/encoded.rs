//! Encoded secrets: text under base64, hex or escapes is decoded and scanned like any other, two levels deep.
//!
//! Work is bounded by pieces: a piece of an encoded text is decoded once, with some context, and its findings are
//! reported at the places of the original. A piece is judged as a whole or not yet: the settled part of a window never
//! ends inside one, so that the pieces are the same however a text is cut.

mod listing;

use super::dispatch::{RuleEngine, Workspace};
use super::overlap;
use crate::candidate::{Candidate, Cut, Tail, rank};
use crate::encodings::alnum_runs::AlnumRuns;
use crate::encodings::base64_text::{DecodedContent, EncodedPiece};
use crate::encodings::decoded::DecodedText;
use crate::encodings::escapes::{EscapeSite, Reading, Region};
use crate::encodings::wrapped_base64::WrappedBase64;
use crate::encodings::{base64_runs, base64_text, escapes, parameter, skip, wrapped_base64};
use crate::finding::{Evidence, Finding};
use crate::rule::{Compiled, Finder, Strength};
use crate::text::{LEFT_CONTEXT, MAX_SECRET_LEN, Span, TextView};

/// How many encodings inside each other are decoded.
pub(crate) const DEPTH: usize = 2;

/// The size of a piece, in encoded bytes: of whole groups, and so that four of them and what is read around them fill a
/// window of 32 KiB.
const PIECE: usize = 7936;
/// How much before a piece is decoded for the left bounds of what is found; at most [`LEFT_CONTEXT`].
const CONTEXT: usize = 256;
/// How much behind a piece is decoded, and how much if something found needs more.
const BEHIND: usize = 512;
const FAR_BEHIND: usize = 4096;
/// What begins nearer to the end of a decoded text that is cut off there is judged with more of it, in bytes.
const UNSURE: usize = 192;
/// An encoded text that is no longer is reported whole, in bytes.
const MAX_WHOLE: usize = 768;

/// Buffers for one level: the window's own text, or what was decoded from the level above.
#[derive(Default)]
pub(crate) struct DecodedLevel {
    pub(super) work: Workspace,
    /// The text of this level, unless it is the window's.
    decoded: DecodedText,
    runs: AlnumRuns,
    findings: Vec<Finding>,
    base64_runs: Vec<Span>,
    lines: Vec<Span>,
    chars: Vec<u8>,
    /// What was found in base64 and hex.
    encoded: Vec<Candidate>,
    /// Encoded text in which no secret can stand as it is.
    skip: Vec<Span>,
    /// What was found between quotes or with entities in it, with its rule, in order: an escape does not end it.
    quoted: Vec<(Span, u16)>,
}

/// What is looked for in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SearchScope {
    /// Whatever the rules find, and values.
    Everything,
    /// Values that are searched for, whatever they look like: where a rule has no reason to look.
    Values,
}

/// Finds all candidates of a text, plain and encoded; `levels[0]` is the text's own.
pub(crate) fn search(engine: &mut RuleEngine, levels: &mut [DecodedLevel], view: TextView<'_>, fresh: usize) {
    search_for(SearchScope::Everything, engine, levels, view, fresh);
}

fn search_for(
    wanted: SearchScope,
    engine: &mut RuleEngine,
    levels: &mut [DecodedLevel],
    view: TextView<'_>,
    fresh: usize,
) {
    let Some((level, deeper)) = levels.split_first_mut() else { return };
    level.work.reset(fresh);
    level.skip.clear();
    level.quoted.clear();
    level.runs.fill(view.text, engine.known_runs());
    if deeper.is_empty() {
        engine.find_known(&mut level.work, view, &level.runs);
        if wanted == SearchScope::Everything {
            engine.confirm(&mut level.work, view, &[]);
        }
        return;
    }
    let mut search = Search { engine, level, deeper, view, fresh };
    if wanted == SearchScope::Values {
        let Search { engine, level, .. } = &mut search;
        engine.find_known(&mut level.work, view, &level.runs);
        return search.escapes(wanted);
    }
    search.base64();
    // Confirming looks at what was found before, in the order of the text.
    let Search { engine, level, .. } = &mut search;
    std::mem::swap(&mut level.work.candidates.list, &mut level.encoded);
    engine.find_known(&mut level.work, view, &level.runs);
    engine.confirm(&mut level.work, view, &level.skip);
    level.work.candidates.list.append(&mut level.encoded);
    search.escapes(wanted);
    search.listings();
}

/// How what is found in decoded text is reported.
#[derive(Debug, Clone, Copy)]
struct DecodedPiece {
    span: Span,
    wanted: SearchScope,
    extent: ReportedExtent,
}

/// How much of the encoded text is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReportedExtent {
    /// What the finding stands for.
    Found,
    /// All of it.
    Whole(Span),
    /// To the delimiter of the encoded text that ends the value, but not beyond this place.
    Value(usize),
    /// What the finding stands for, if it is in one line.
    Line,
}

/// What follows a decoded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Nothing, or nothing that may still be looked at.
    Nothing,
    /// More, with which it can be judged again.
    More,
    /// More, which this level does not have.
    Hidden,
}

/// The search for encoded texts in one text.
struct Search<'w> {
    engine: &'w mut RuleEngine,
    level: &'w mut DecodedLevel,
    deeper: &'w mut [DecodedLevel],
    view: TextView<'w>,
    fresh: usize,
}

impl Search<'_> {
    /// Base64 and hex.
    fn base64(&mut self) {
        let mut runs = std::mem::take(&mut self.level.base64_runs);
        let mut lines = std::mem::take(&mut self.level.lines);
        base64_runs::find(self.view.text, &self.level.runs, &mut runs);
        if self.engine.knows_short_values() {
            base64_runs::add_short(self.view.text, &mut runs);
        }
        // With less context than there can be, the text begins where the window does.
        let hidden = self.fresh >= LEFT_CONTEXT;
        let mut index = 0;
        loop {
            index += runs[index..].iter().take_while(|run| self.is_dull(**run)).count();
            let next = wrapped_base64::next(self.view, hidden, &runs, &mut index, &mut lines);
            let Some(text) = next else { break };
            if text.end <= self.fresh {
                continue;
            }
            // Where an escape goes on with the characters of base64, the whole is worth decoding.
            if text.padded - text.start <= PIECE && escapes::is_base64_escape(self.view.text, text.padded) {
                self.level.work.escape_sites.push(EscapeSite::new(Span::new(text.start, text.padded)));
            }
            self.encoded_text(text, &lines);
        }
        self.level.base64_runs = runs;
        self.level.lines = lines;
    }

    /// Whether a run is a short one that holds no text, alone and with its end in sight: a name, a path or a hash, as
    /// most are.
    #[inline]
    fn is_dull(&self, Span { start, end }: Span) -> bool {
        let Some(next) = self.view.text.get(end) else { return false };
        let line = end - start >= wrapped_base64::MIN_LINE && matches!(next, b'\r' | b'\n');
        end - start < base64_text::LONG
            && start > 0
            && !line
            && !matches!(next, b'%' | b'\\' | b'&')
            && !base64_text::is_likely(&self.view.text[start..end])
    }

    /// Decides an encoded text piece by piece.
    fn encoded_text(&mut self, whole: WrappedBase64, lines: &[Span]) {
        let mut start = whole.start.max(self.fresh);
        while start < whole.end {
            let end = whole.end.min(start + PIECE);
            self.level.work.candidates.atomic_spans.push(Span::new(start, end));
            if end == whole.end && !whole.closed && !self.is_inner() {
                return self.level.work.candidates.open(start);
            }
            self.base64_piece(whole, lines, Span::new(start, end));
            start = end;
        }
    }

    /// Whether this text was decoded from another. Then it may be cut off inside a piece, always at the same place.
    fn is_inner(&self) -> bool {
        self.deeper.len() < DEPTH
    }

    /// Decides one piece of an encoded text.
    fn base64_piece(&mut self, encoded: WrappedBase64, lines: &[Span], piece: Span) {
        let text = self.view.text;
        let Some(encoding) = base64_text::recognise(EncodedPiece { text, lines, span: piece }) else {
            return;
        };
        let from = encoded.start.max(piece.start.saturating_sub(CONTEXT));
        let alone =
            piece.start == encoded.start && piece.end == encoded.end && encoding.starts_at(encoded.start);
        let whole = (alone && encoded.padded - encoded.start <= MAX_WHOLE)
            .then_some(Span::new(encoded.start, encoded.padded));
        for behind in [BEHIND, FAR_BEHIND] {
            let to = encoded.end.min(piece.end + behind);
            let hidden = to == encoded.end && !encoded.closed;
            if hidden && !self.is_inner() {
                return self.level.work.candidates.open(piece.start);
            }
            let mut chars = std::mem::take(&mut self.level.chars);
            let decoded = &mut self.deeper[0].decoded;
            let span = Span::new(from, to);
            let content =
                base64_text::decode(EncodedPiece { text, lines, span }, encoding, &mut chars, decoded);
            self.level.chars = chars;
            match content {
                DecodedContent::Noise => return,
                DecodedContent::Text if behind == BEHIND => {
                    skip::note(text, lines, piece, &mut self.level.skip);
                }
                _ => {}
            }
            let rest = match to {
                _ if hidden => Rest::Hidden,
                _ if to == encoded.end || behind == FAR_BEHIND => Rest::Nothing,
                _ => Rest::More,
            };
            let extent = whole.map_or(ReportedExtent::Found, ReportedExtent::Whole);
            let decoded_piece = DecodedPiece { span: piece, wanted: SearchScope::Everything, extent };
            let rank_of = |rank| rank::VENDOR + u8::from(rank >= rank::PATTERN);
            if self.scan_decoded(decoded_piece, (rest, to < encoded.end), rank_of).is_none() {
                return;
            }
        }
    }

    /// Escapes.
    fn escapes(&mut self, wanted: SearchScope) {
        let mut sites = std::mem::take(&mut self.level.work.escape_sites);
        let searches_values = self.engine.searches_values();
        if wanted == SearchScope::Everything {
            escapes::percents(self.view.text, searches_values, &mut sites);
            sites.extend(self.level.work.candidates.escaped_assignments.drain(..).map(EscapeSite::new));
            self.complete_literals();
            self.note_quoted(searches_values || !sites.is_empty());
            self.regions(Reading::Rules, &mut sites);
        }
        if searches_values {
            // Entities stand in all pages, the other escapes in all code. Around the latter few values are worth decoding
            // all of them: those that were found are searched for as they were spelled, and where one begins without an
            // escape, that is seen.
            sites.clear();
            escapes::of_values(self.view.text, self.engine.rules.known.is_some(), &mut sites);
            sites.extend(self.level.work.candidates.escaped_values.drain(..).map(EscapeSite::new));
            self.regions(Reading::Values, &mut sites);
        }
        self.level.work.escape_sites = sites;
    }

    /// Completes what was found as it stands to the parameter's value that it is a part of: decoded, it may be too little
    /// to be found.
    fn complete_literals(&mut self) {
        let (text, candidates) = (self.view.text, &mut self.level.work.candidates);
        let places = &mut self.level.lines;
        places.clear();
        for index in 0..candidates.list.len() {
            let Candidate { span, rule, rank, .. } = candidates.list[index];
            let is_whole = rank == rank::FOUND
                || !is_named(self.engine.rules.compiled(rule))
                || !may_be_encoded(text, span)
                || candidates.cuts.iter().any(|cut| cut.span.start == span.start);
            if is_whole {
                continue;
            }
            let Some(whole) = parameter::value(text, span, text.len(), false) else { continue };
            if memchr::memchr(b'%', &text[whole.range()]).is_none() {
                continue;
            }
            if places.is_empty() {
                places.extend(candidates.list.iter().map(|other| other.span));
                places.sort_unstable();
            }
            // Something else that was found in the value keeps its place.
            let next = places.partition_point(|other| other.start < span.end);
            let end = places.get(next).map_or(whole.end, |next| whole.end.min(next.start));
            candidates.list[index].span.end = end;
            if whole.end == text.len() && !self.view.last {
                candidates.open(span.start);
            }
        }
    }

    /// Decodes and scans what is around the sites.
    fn regions(&mut self, reading: Reading, sites: &mut [EscapeSite]) {
        sites.sort_unstable();
        let mut index = 0;
        let reach = match reading {
            Reading::Rules => escapes::FARTHEST,
            _ => self.engine.value_reach(),
        };
        let has_blanks = self.engine.values_have_blanks();
        while let Some(region) = escapes::next(self.view, (reading, reach), sites, &mut index) {
            let mut start = region.start.max(self.fresh);
            while start < region.end {
                let end = region.end.min(start + PIECE);
                if reading == Reading::Rules {
                    self.level.work.candidates.atomic_spans.push(Span::new(start, end));
                }
                let to = region.end.min(end + FAR_BEHIND);
                if to == region.end && !region.closed {
                    self.level.work.candidates.open(start);
                    break;
                }
                let from = start.saturating_sub(CONTEXT);
                self.region_piece(reading, region, Span::new(start, end), Span::new(from, to));
                if self.engine.searches_values() {
                    for other in escapes::other_readings(reading, has_blanks, &self.view.text[start..end]) {
                        self.region_piece(other, region, Span::new(start, end), Span::new(from, to));
                    }
                }
                start = end;
            }
        }
    }

    /// Decodes and scans a piece of a region, with what is `around` it.
    fn region_piece(&mut self, reading: Reading, region: Region, piece: Span, around: Span) {
        let decoded = &mut self.deeper[0].decoded;
        if !escapes::decode(self.view.text, around, reading, decoded) {
            return;
        }
        let wanted = if reading == Reading::Rules { SearchScope::Everything } else { SearchScope::Values };
        // More than the same rule gives to the escapes taken literally.
        let rank_of = |rank| rank + 2;
        let to = around.end;
        let mut piece = DecodedPiece { span: piece, wanted, extent: ReportedExtent::Value(to) };
        let rest = if region.cut && to == region.end { Rest::More } else { Rest::Nothing };
        if let Some(unsure) = self.scan_decoded(piece, (rest, to < region.end), rank_of) {
            // No more is decoded. What begins among escapes is judged as far as it goes; what begins behind them is found
            // where it stands.
            piece.span.end = piece.span.end.min(unsure.max(region.escaped_end));
            self.scan_decoded(piece, (Rest::Nothing, true), rank_of);
        }
    }

    /// Notes what was found between quotes or with entities in it, if that is `wanted`.
    fn note_quoted(&mut self, wanted: bool) {
        let (text, quoted) = (self.view.text, &mut self.level.quoted);
        let is_quoted = |span: &Span| {
            let opening = span.start.checked_sub(1).map(|at| text[at]);
            let closing = text[span.end..].iter().find(|byte| **byte != b'\\');
            matches!(opening, Some(b'"' | b'\'')) && opening.as_ref() == closing
        };
        let has_entity = |Span { start, end }: Span| {
            memchr::memchr_iter(b'&', &text[start..end]).any(|at| escapes::is_escape(&text[start + at..end]))
        };
        let is_noted = |span: Span| is_quoted(&span) || has_entity(span);
        let found = self.level.work.candidates.list.iter().filter(|found| wanted && is_noted(found.span));
        quoted.clear();
        quoted.extend(found.map(|found| (found.span, found.rule)));
        quoted.sort_unstable();
    }

    /// Scans what was decoded for a piece. If something in it needs more text and there is more, returns where that
    /// begins, and reports nothing. Behind the decoded text there is `more` encoded text that will not be looked at
    /// together with it.
    fn scan_decoded(
        &mut self,
        DecodedPiece { span: piece, wanted, extent }: DecodedPiece,
        (rest, more): (Rest, bool),
        rank_of: impl Fn(u8) -> u8,
    ) -> Option<usize> {
        let decoded = std::mem::take(&mut self.deeper[0].decoded);
        let text = &decoded.text[..];
        self.level.work.candidates.runs.work += text.len() as u64;
        let outer = &self.level.work.candidates.quotes;
        self.deeper[0].work.candidates.quotes.follow(outer, text, |at| {
            let place = decoded.original(at, at + 1);
            (place.len() == 1 && self.view.text[place.start] == b'"').then_some(place.start)
        });
        search_for(wanted, self.engine, self.deeper, TextView { text, last: rest == Rest::Nothing }, 0);
        let inner = &mut self.deeper[0];
        let open = match rest {
            Rest::Nothing => text.len(),
            Rest::More => inner.work.candidates.open,
            Rest::Hidden => inner.work.candidates.open.min(text.len().saturating_sub(UNSURE)),
        };
        let sure = if open < text.len() { decoded.original(open, open + 1).start } else { usize::MAX };
        if rest == Rest::Hidden && sure < piece.end {
            self.level.work.candidates.open(sure.max(piece.start));
        }
        let complete = rest != Rest::More || sure >= piece.end;
        if complete {
            let mut findings = std::mem::take(&mut inner.findings);
            findings.clear();
            inner.work.candidates.list.retain(|c| !c.span.is_empty());
            overlap::settle(&mut inner.work.candidates.list, text.len(), text.len(), &mut findings);
            for index in 0..findings.len() {
                let mut is_cut = false;
                if let ReportedExtent::Value(limit) = extent {
                    is_cut = self.complete_value(&decoded, &mut findings, index, (piece.start, limit));
                }
                let found = &findings[index];
                let place = decoded.original(found.span.start, found.span.end);
                let rule = found.rule.0;
                let rank = self.engine.rules.rank(rule, found.confidence);
                // A key without escapes is found as it stands, line by line; so is one with escapes beside its lines.
                let is_read = || self.level.work.keys.lines.iter().any(|line| line.span.overlaps(place));
                if rank == rank::BLOCK && (place.len() == found.span.len() || is_read()) {
                    continue;
                }
                if matches!(extent, ReportedExtent::Line) && place.len() != found.span.len() {
                    continue;
                }
                // Found as it stands.
                if wanted == SearchScope::Values
                    && decoded.text[found.span.range()] == self.view.text[place.range()]
                {
                    continue;
                }
                if ends_too_early(&self.level.quoted, place, rule) {
                    continue;
                }
                self.engine.collect_decoded(found, text);
                let rank = if found.evidence == Evidence::Value { rank::FOUND } else { rank_of(rank) };
                if (piece.start..piece.end.min(sure)).contains(&place.start) {
                    let whole = if let ReportedExtent::Whole(span) = extent { Some(span) } else { None };
                    let span = whole.unwrap_or(place);
                    let confidence = found.confidence;
                    let cut = |cut: &Cut| cut.span == found.span && cut.rule == rule;
                    let goes_on = is_cut
                        || self.deeper[0].work.candidates.cuts.iter().any(cut)
                        || (found.span.end == text.len() && more);
                    let tail = goes_on.then_some(Tail::Encoded);
                    let candidate = Candidate { span, rule, rank, confidence };
                    self.level.work.candidates.add(candidate, tail.filter(|_| whole.is_none()));
                }
            }
            self.deeper[0].findings = findings;
        }
        self.deeper[0].decoded = decoded;
        (!complete).then_some(sure)
    }

    /// Completes the finding with an `index` to the value that it is a part of: what ends a value in the decoded text
    /// may have been encoded to be a part of it. Not before the first of the `bounds` of the encoded text, nor beyond
    /// the second. Says whether it may go on there.
    fn complete_value(
        &self,
        decoded: &DecodedText,
        findings: &mut [Finding],
        index: usize,
        bounds: (usize, usize),
    ) -> bool {
        let found = findings[index];
        let compiled = self.engine.rules.compiled(found.rule.0);
        let is_userinfo = compiled.finder == Some(Finder::Userinfo);
        let is_cut = self.deeper[0].work.candidates.cuts.iter().any(|cut| cut.span == found.span);
        if found.evidence != Evidence::Rule || is_cut || !(is_named(compiled) || is_userinfo) {
            return false;
        }
        let (text, place) = (self.view.text, decoded.original(found.span.start, found.span.end));
        let limit = bounds.1;
        let whole = if is_userinfo {
            parameter::userinfo_end(text, place, limit).map(|end| Span::new(place.start, end))
        } else {
            let plus = text.get(place.end) == Some(&b'+') && decoded.text.get(found.span.end) == Some(&b' ');
            parameter::value(text, place, limit, plus).or_else(|| escapes::string_around(text, place, limit))
        };
        let is_cut = whole.is_some_and(|whole| parameter::is_cut(place, whole));
        let Some(mut span) = whole.and_then(|span| decoded.decoded(span)) else { return false };
        // Something else that was found in the value keeps its place.
        if let Some(before) = index.checked_sub(1) {
            span.start = span.start.max(findings[before].span.end);
        }
        if let Some(next) = findings.get(index + 1) {
            span.end = span.end.min(next.span.start);
        }
        if decoded.original(span.start, span.end).start < bounds.0 {
            span.start = found.span.start;
        }
        let is_shorter = span.end < findings[index + 1..].first().map_or(usize::MAX, |next| next.span.start);
        findings[index].span = span;
        is_cut && is_shorter
    }
}

/// Whether what was found at `span` may be part of a value with escapes: one stands in it, or behind it, or such a sign does
/// as encoders leave and as ends a value elsewhere.
fn may_be_encoded(text: &[u8], span: Span) -> bool {
    matches!(text.get(span.end), Some(b'%' | b'\'' | b'(' | b')'))
        || memchr::memchr(b'%', &text[span.range()]).is_some()
}

/// Whether a rule knows values by their names.
fn is_named(compiled: &Compiled) -> bool {
    matches!(compiled.strength, Some(Strength::Password | Strength::Secret | Strength::Weak))
}

/// Whether `rule` found more, between quotes or with entities, that begins where `span` does.
fn ends_too_early(quoted: &[(Span, u16)], span: Span, rule: u16) -> bool {
    let from = quoted.partition_point(|(longer, _)| *longer <= span);
    quoted[from..].iter().take_while(|(longer, _)| longer.start == span.start).any(|(_, by)| *by == rule)
}

// A piece and all that is decoded with it fit a window of the promised size.
const _: () = assert!(PIECE + FAR_BEHIND + CONTEXT <= MAX_SECRET_LEN && CONTEXT <= LEFT_CONTEXT);
