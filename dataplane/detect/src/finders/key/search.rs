//! Where keys begin, and where those begin of which only the end is in the text.

use super::format::{KeyFormat, line_count};
use super::state::{Flow, KeyStage, KeyState, MIN_LINE, is_mixed, opens_text};
use crate::bytes::{BASE64, ByteSet};
use crate::candidate::{Candidate, Candidates, rank};
use crate::finding::{Confidence, Part, Reach};
use crate::text::lines::{
    Line, LinePrefix, LineStop, MAX_DASHES, before_line_end, line_start, markup_at_end,
};
use crate::text::{LOOKAHEAD, MAX_SECRET_LEN, Span, TextView, TooShort};

/// How far before `PRIVATE KEY` the dashes before `BEGIN` may stand.
const MAX_LABEL: usize = 72;
/// A body shorter than this is an example, not a key.
const MIN_BODY: u32 = 24;
/// So many bytes behind the beginning of a key its body must have begun.
const PROLOGUE: usize = 512;
/// How much before a line's content is looked at.
const MAX_PREFIX: usize = 160;
/// How far before its end a key is followed back, in bytes. What is held back for that leaves a window of the promised
/// size room for a piece of encoded text.
const MAX_TAIL: usize = 7936;
const _: () = assert!(2 * (MAX_TAIL + LAST_LINE) <= MAX_SECRET_LEN);
/// More than the last line of a key takes up.
const LAST_LINE: usize = 256;
/// How much may stand behind a line's content.
const MAX_BEHIND: usize = 64;
/// Lines in a row that are structure of records between the lines of a body.
const MAX_STRUCTURE: usize = 2;
/// What the lines of a body are made of that were joined to one.
const CHUNKS: ByteSet = BASE64.union(ByteSet::of(b"= \\"));

/// A line of a key, or what of it stands together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyLine {
    pub(crate) span: Span,
    pub(crate) part: Part,
    pub(crate) reach: Reach,
}

/// A place at which the text may be left, and what key goes on from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyPlace {
    pub(crate) at: usize,
    pub(crate) state: Option<KeyState>,
}

/// The search for keys in one text.
#[derive(Debug, Default)]
pub(crate) struct KeySearch {
    /// Whether keys are reported line by line; else, in text that was decoded from another, as a whole.
    pub(crate) by_line: bool,
    /// The key that goes on from the text before.
    pub(crate) carried: Option<KeyState>,
    /// Where the engine saw something that begins or ends keys, with the rule.
    anchors: Vec<(usize, u16)>,
    /// What was found, in order.
    pub(crate) lines: Vec<KeyLine>,
    /// The beginnings of the lines of keys, and where each key is over; in order.
    pub(crate) places: Vec<KeyPlace>,
    /// How far the text was read as one of keys.
    read_to: usize,
}

/// What begins or ends a key.
struct KeyMark {
    start: usize,
    ends: bool,
    format: KeyFormat,
    stage: KeyStage,
}

impl KeySearch {
    /// Forgets the last text.
    pub(crate) fn reset(&mut self) {
        self.anchors.clear();
        self.lines.clear();
        self.places.clear();
        self.read_to = 0;
    }

    /// The engine saw a beginning or an end that ended at `end`.
    pub(crate) fn note(&mut self, rule: u16, end: usize) {
        self.anchors.push((end, rule));
    }

    /// The last place at or before `at`, if a key goes on there.
    pub(crate) fn place_at(places: &[KeyPlace], at: usize) -> Option<(usize, KeyState)> {
        let next = places.partition_point(|place| place.at <= at);
        let place = places[..next].last()?;
        place.state.map(|state| (place.at, state))
    }
}

/// Finds the keys of a text.
pub(crate) fn find(candidates: &mut Candidates, keys: &mut KeySearch, view: TextView<'_>) {
    if let Some(state) = keys.carried.take() {
        let fresh = candidates.fresh;
        read(candidates, keys, view, (fresh, state));
    }
    let mut anchors = std::mem::take(&mut keys.anchors);
    anchors.sort_unstable();
    for &(end, rule) in &anchors {
        // The text before was judged; what of a key goes on was carried.
        if keys.by_line && end <= candidates.fresh {
            continue;
        }
        let Some(mark) = KeyMark::before(view.text, end) else { continue };
        if mark.ends {
            find_end(candidates, keys, view, (rule, &mark));
        } else if mark.start >= keys.read_to {
            find_begin(candidates, keys, view, (rule, &mark, end));
        }
    }
    anchors.clear();
    keys.anchors = anchors;
    if keys.by_line && !view.last {
        hold(candidates, keys, view.text);
    }
}

impl KeyMark {
    /// What ends at `end`.
    fn before(text: &[u8], end: usize) -> Option<KeyMark> {
        let from = end.saturating_sub(MAX_LABEL);
        let near = &text[from..end];
        let last = |word: &[u8]| memchr::memmem::rfind(near, word).map(|at| (at, word.len()));
        if near.ends_with(b"-----") || near.ends_with(b" ----") {
            let (begin, finish, close) = if near.ends_with(b"-----") {
                ("-----BEGIN ", "-----END ", 5)
            } else {
                ("---- BEGIN ", "---- END ", 4)
            };
            let (begins, ends) = (last(begin.as_bytes()), last(finish.as_bytes()));
            let (at, len) = begins.max(ends)?;
            let label = near.get(at + len..near.len() - close)?;
            if !label.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b' ') {
                return None;
            }
            let more =
                text[..from + at].iter().rev().take(MAX_DASHES).take_while(|byte| **byte == b'-').count();
            let format = KeyFormat::of_label(label);
            return Some(KeyMark {
                start: from + at - more,
                ends: ends > begins,
                format,
                stage: KeyStage::Head,
            });
        }
        let putty = |word: &[u8], ends, stage| {
            let at = last(word)?.0;
            Some(KeyMark { start: from + at, ends, format: KeyFormat::Putty, stage })
        };
        putty(b"PuTTY-User-Key-File-", false, KeyStage::Head)
            .filter(|mark| end - mark.start <= 24)
            .or_else(|| {
                near.ends_with(b"Private-Lines: ").then(|| putty(b"Private-Lines", false, KeyStage::Body))?
            })
            .or_else(|| putty(b"Private-MAC: ", true, KeyStage::Body))
            .or_else(|| putty(b"Private-Hash: ", true, KeyStage::Body))
    }

    /// What stands before it in its line, and whether that ends with the sign of a diff.
    fn prefix(&self, text: &[u8]) -> (LinePrefix, bool) {
        let far = self.start.saturating_sub(MAX_PREFIX);
        let start = line_start(text, self.start, far).unwrap_or(far);
        (LinePrefix::of(text, start, self.start), text[start..self.start].last() == Some(&b'+'))
    }
}

/// Reads the key that begins with a mark, which ends at `end`.
fn find_begin(
    candidates: &mut Candidates,
    keys: &mut KeySearch,
    view: TextView<'_>,
    (rule, mark, end): (u16, &KeyMark, usize),
) {
    let (prefix, signed) = mark.prefix(view.text);
    let lead = u32::try_from(end - mark.start).unwrap_or(u32::MAX);
    let mut state = KeyState::new(rule, mark.format, prefix, signed);
    (state.stage, state.lead) = (mark.stage, lead);
    if mark.format == KeyFormat::Putty && mark.stage == KeyStage::Body {
        state.lines = line_count(&view.text[end..]);
    }
    match has_body(candidates, view, (end, state)) {
        Err(TooShort) => candidates.open(mark.start),
        Ok(None) => {}
        Ok(Some(confidence)) => {
            state.confidence = confidence;
            if keys.by_line {
                read(candidates, keys, view, (end, state));
            } else {
                read_whole(candidates, keys, view, (mark.start, end, state));
            }
        }
    }
}

/// How sure it is that a key goes on at `start`, if one does.
fn has_body(
    candidates: &mut Candidates,
    view: TextView<'_>,
    (start, mut state): (usize, KeyState),
) -> Result<Option<Confidence>, TooShort> {
    let bound = view.text.len().min(start + PROLOGUE);
    let text = &view.text[..bound];
    let near = TextView { text, last: view.last || bound == start + PROLOGUE };
    let mut first = None;
    let mut at = start;
    while at < bound || !near.last {
        let line = Line::at(near, at)?;
        let before = state.chars();
        let mut last = None;
        let flow = state.read(text, line, &mut |span, _| last = last.or(Some(span)));
        if before == 0 && state.chars() > 0 {
            first = first.or(last);
        }
        at = line.next;
        if state.chars() >= MIN_BODY {
            break;
        }
        if flow == Flow::Over {
            break;
        }
    }
    candidates.runs.work += (at - start) as u64;
    let Some(first) = first.filter(|_| state.chars() >= MIN_BODY) else { return Ok(None) };
    let encrypted = memchr::memmem::find(&text[start..first.start], b"ENCRYPTED").is_some();
    let sure = encrypted || state.format.begins(&text[first.range()]);
    Ok(Some(if sure { Confidence::High } else { Confidence::Medium }))
}

/// Reads on in a key, line by line, from `at`.
fn read(
    candidates: &mut Candidates,
    keys: &mut KeySearch,
    view: TextView<'_>,
    (mut at, mut state): (usize, KeyState),
) {
    loop {
        keys.places.push(KeyPlace { at, state: Some(state) });
        let Ok(line) = Line::at(view, at) else {
            candidates.open(at);
            keys.read_to = view.text.len();
            return;
        };
        let (lead, mut opened) = (state.lead, state.opened);
        let (rule, confidence) = (state.rule, state.confidence);
        let flow = state.read(view.text, line, &mut |span, reach| {
            let before = lead as usize + span.start - line.start;
            let first = Part::First { lead: u16::try_from(before).unwrap_or(u16::MAX) };
            let part = if opened { Part::Next } else { first };
            opened = true;
            keys.lines.push(KeyLine { span, part, reach });
            candidates.push(Candidate { span, rule, rank: rank::BLOCK, confidence });
        });
        state.opened = opened;
        candidates.runs.work += (line.next - at) as u64;
        at = line.next;
        keys.read_to = at;
        if flow == Flow::Over {
            keys.places.push(KeyPlace { at, state: None });
            return;
        }
        if view.last && at == view.text.len() {
            // The text may be one that was only taken to end here.
            keys.places.push(KeyPlace { at, state: Some(state) });
            return;
        }
    }
}

/// Reads a key that begins at `begin` as one value.
fn read_whole(
    candidates: &mut Candidates,
    keys: &mut KeySearch,
    view: TextView<'_>,
    (begin, mut at, mut state): (usize, usize, KeyState),
) {
    let mut end = at;
    loop {
        let Ok(line) = Line::at(view, at) else {
            keys.read_to = view.text.len();
            return candidates.open(begin);
        };
        let flow = state.read(view.text, line, &mut |span, _| end = span.end);
        candidates.runs.work += (line.next - at) as u64;
        at = line.next;
        if flow == Flow::Over && line.start == line.end && line.stop == LineStop::End {
            end = end_of_mark(view.text, at);
        }
        if flow == Flow::Over || at == view.text.len() {
            break;
        }
    }
    keys.read_to = at;
    let (rule, confidence) = (state.rule, state.confidence);
    candidates.push(Candidate { span: Span::new(begin, end), rule, rank: rank::BLOCK, confidence });
}

/// Where the line ends that closes a key and whose dashes begin at `at`.
fn end_of_mark(text: &[u8], at: usize) -> usize {
    let near = &text[at..text.len().min(at + MAX_DASHES + MAX_LABEL)];
    let word = near.iter().take_while(|byte| **byte == b'-').count();
    let close = memchr::memmem::find(&near[word..], b"----").map(|step| word + step);
    close.map_or(at + word, |close| {
        at + close + near[close..].iter().take(5).take_while(|b| **b == b'-').count()
    })
}

/// Follows a key whose end stands at a mark back to its first line, unless it was read from its beginning.
fn find_end(
    candidates: &mut Candidates,
    keys: &mut KeySearch,
    view: TextView<'_>,
    (rule, mark): (u16, &KeyMark),
) {
    if mark.start <= keys.read_to {
        return;
    }
    let text = view.text;
    let fresh = if keys.by_line { candidates.fresh } else { 0 };
    let floor = keys.read_to.max(fresh);
    let (prefix, signed) = mark.prefix(text);
    let start = line_start(text, mark.start, mark.start.saturating_sub(MAX_PREFIX));
    let joined = (mark.format != KeyFormat::Putty)
        .then(|| last_word(text, start.unwrap_or(0).max(floor), mark.start))
        .flatten()
        .filter(|word| word.len() >= MIN_LINE && is_mixed(&text[word.range()]));
    let found = match (joined, start) {
        (Some(_), _) => Some(mark.start - CHUNKS.run_back(&text[floor..mark.start], MAX_TAIL)),
        (None, Some(start)) => {
            tail_start(text, Span::new(floor.max(start.saturating_sub(MAX_TAIL)), start), Some(prefix))
        }
        (None, None) => None,
    };
    let Some(found) = found else { return };
    candidates.runs.work += (mark.start - found) as u64;
    let state = KeyState::in_body(rule, mark.format, prefix, signed);
    if keys.by_line {
        read(candidates, keys, view, (found, state));
    } else {
        read_whole(candidates, keys, view, (found, found, state));
    }
}

/// Leaves lines at the end of a text undecided that are a key's if its end follows.
fn hold(candidates: &mut Candidates, keys: &KeySearch, text: &[u8]) {
    if keys.places.last().is_some_and(|place| place.state.is_some()) {
        return;
    }
    let floor = candidates.fresh.max(keys.read_to).max(text.len().saturating_sub(MAX_TAIL + LAST_LINE));
    if let Some(start) = tail_start(text, Span::new(floor, text.len()), None)
        && start + LOOKAHEAD < text.len()
    {
        candidates.runs.work += (text.len() - start) as u64;
        candidates.open(start);
    }
}

/// Where the lines of a body begin that go on to the end of `within`, but not before its start. Before the line that closes a key, each
/// line has the `prefix` of that line; without one it is not known yet whether, and where, a key will be closed.
fn tail_start(text: &[u8], within: Span, prefix: Option<LinePrefix>) -> Option<usize> {
    let Span { start: floor, end } = within;
    let mut expected = prefix;
    let mut start = None;
    // The last line of a body is short, and so is the checksum behind it; what closes it may be there in part.
    let mut short = if prefix.is_some() { 2 } else { 3 };
    let (mut structure, mut is_partial) = (0, prefix.is_none());
    let (mut has_long, mut is_padded) = (false, false);
    let mut at = end;
    let start_of = |start: Option<usize>, is_sure: bool| start.filter(|_| is_sure);
    loop {
        let line_end = before_line_end(text, at);
        if line_end < at {
            at = line_end;
            continue;
        }
        let Some(word) = last_word(text, floor, at) else { return start_of(start, has_long || is_padded) };
        let begin =
            line_start(text, word.start, word.start.saturating_sub(MAX_PREFIX)).filter(|at| *at >= floor);
        let before = begin.map(|begin| LinePrefix::of(text, begin, word.start));
        let fits = before.is_some_and(|before| expected.is_none_or(|expected| expected == before));
        let is_long = word.len() >= MIN_LINE && is_mixed(&text[word.range()]);
        if is_long && fits {
            // What stands before a line that is there in part is not known, either.
            expected = if is_partial { expected } else { before };
            (start, structure, has_long) = (begin, 0, true);
        } else if is_long && let Some(first) = first_of_text(text, word.start).filter(|first| *first >= floor)
        {
            // What a window leaves to the next one may begin here: then the quote is in what was judged before.
            return Some(first);
        } else if !has_long && short > 0 && (fits || prefix.is_none()) {
            short -= 1;
            is_padded |= ends_base64(text, word);
            start = if prefix.is_some() { begin } else { None };
        } else if structure < MAX_STRUCTURE && begin.is_some_and(|begin| matches!(text[begin], b'"' | b'}')) {
            structure += 1;
        } else {
            return start_of(start, has_long || is_padded);
        }
        is_partial = false;
        match begin {
            Some(begin) if begin > floor => at = begin,
            _ => return start_of(start, has_long || is_padded),
        }
    }
}

/// Whether a word ends with the padding of base64, and is none of a language: `qA8=`.
fn ends_base64(text: &[u8], word: Span) -> bool {
    let padding = text[word.end..].iter().take(3).take_while(|byte| **byte == b'=').count();
    let content = &text[word.range()];
    let is_word = content.iter().all(u8::is_ascii_lowercase) || content.iter().all(u8::is_ascii_uppercase);
    (1..=2).contains(&padding) && (word.len() + padding).is_multiple_of(4) && !is_word
}

/// Where a text begins behind its quote, with nothing but a gutter between it and `at`.
fn first_of_text(text: &[u8], at: usize) -> Option<usize> {
    let far = at.saturating_sub(MAX_PREFIX);
    let quote = far + memchr::memrchr(b'"', &text[far..at])?;
    let is_gutter = !LinePrefix::of(text, quote + 1, at).has_letters;
    (is_gutter && opens_text(text, far, quote)).then_some(quote + 1)
}

/// The last word of base64 before `end`, but for colour codes and markup.
fn last_word(text: &[u8], floor: usize, end: usize) -> Option<Span> {
    let low = floor.max(end.saturating_sub(MAX_BEHIND));
    let mut at = end;
    loop {
        while at > low && !BASE64.has(text[at - 1]) {
            at -= markup_at_end(&text[low..at]).max(1);
        }
        if at <= low {
            return None;
        }
        let mut start = at - BASE64.run_back(&text[floor..at], usize::MAX);
        while start > floor && text[start] == b'/' && text[start - 1] == b'\\' {
            start -= text[floor..start].iter().rev().take_while(|byte| **byte == b'\\').count();
            start -= BASE64.run_back(&text[floor..start], usize::MAX);
        }
        // The letter of a line end or a tab.
        let is_escape = start > 0 && text[start - 1] == b'\\' && matches!(text[start], b'n' | b'r' | b't');
        start += usize::from(is_escape);
        if start == at {
            at -= 1;
            continue;
        }
        let numbers =
            text[low..at - 1].iter().rev().take_while(|byte| matches!(byte, b'0'..=b'9' | b';')).count();
        let open = at - 1 - numbers;
        if text[at - 1] == b'm' && open > low && text[open - 1] == b'[' {
            let before = &text[low..open - 1];
            let escapes: [&[u8]; 5] = [b"\x1b", b"u001b", b"x1b", b"033", b"\\e"];
            let width = escapes.iter().find(|escape| before.ends_with(escape)).map(|escape| escape.len());
            if let Some(width) = width {
                at = open - 1 - width;
                continue;
            }
        }
        return Some(Span::new(start, at));
    }
}
