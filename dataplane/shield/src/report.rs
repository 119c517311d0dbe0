//! What was found in a request and what was done: counts for metrics, places for the audit log. Never a value.
//! And what could not be read: media, archives and the like, by kind and size.

use aegis_detect::{Category, Evidence, Part, RuleIndex};

use crate::policy::Action;
use crate::token::Token;

/// Places that one report lists; the rest is counted only.
pub const MAX_FINDINGS: usize = 100;
/// Bytes of one place's description.
pub const MAX_PLACE_LEN: usize = 160;

/// Values that are no text that one report lists; the rest is counted only.
pub const MAX_OPAQUE: usize = 32;

/// What a value is that is not read as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpaqueKind {
    /// A picture.
    Image,
    /// Sound.
    Audio,
    /// Film, or a container that may hold either.
    Video,
    /// PDF.
    Pdf,
    /// Compressed files.
    Archive,
    /// Documents of office programs, which are archives too.
    Office,
    /// Declared to be media, or of no known kind, and no text.
    Other,
}

impl OpaqueKind {
    /// All kinds, in the order of their index.
    pub const ALL: [Self; 7] =
        [Self::Image, Self::Audio, Self::Video, Self::Pdf, Self::Archive, Self::Office, Self::Other];

    /// The name in metrics, errors and audit events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::Pdf => "pdf",
            Self::Archive => "archive",
            Self::Office => "office",
            Self::Other => "other",
        }
    }
}

/// One value that was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpaqueValue {
    /// What it is.
    pub kind: OpaqueKind,
    /// Its size in bytes, without base64.
    pub bytes: u64,
    /// Where, as in [`ReportedFinding::place`].
    pub place: String,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedFinding {
    /// The rule that made it, or that found the same value elsewhere.
    pub rule: RuleIndex,
    /// Which of the two.
    pub evidence: Evidence,
    /// The kind of value.
    pub category: Category,
    /// What was done.
    pub action: Action,
    /// What stands there now, if it is a token; of a key the token of its first line.
    pub token: Option<Token>,
    /// How many lines were found of a private key, each of which has a token of its own; 1 of anything else.
    pub lines: u32,
    /// Where: `messages[3].content` in JSON, `part[2]` in multipart, empty in text. Names words of the providers' APIs
    /// only; what the user's own data calls its members is `*`.
    pub place: String,
}

/// What was found.
#[derive(Clone, Copy)]
pub(crate) struct FindingKind {
    pub(crate) rule: RuleIndex,
    pub(crate) evidence: Evidence,
    pub(crate) part: Part,
    pub(crate) category: Category,
}

/// The findings of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    counts: [[u32; Action::ALL.len()]; Category::ALL.len()],
    findings: Vec<ReportedFinding>,
    in_place: u32,
    /// The key whose lines are being recorded.
    key: RecordedKey,
    /// Few requests have any.
    unread: Option<Box<Unread>>,
}

/// What is recorded of the key whose lines come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum RecordedKey {
    /// Nothing yet.
    #[default]
    None,
    /// It is counted, but not listed.
    Counted,
    /// It is listed with this index.
    Listed(usize),
}

/// The values of one request that were not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Unread {
    listed: Vec<OpaqueValue>,
    /// How many of each kind, and their bytes.
    counts: [(u32, u64); OpaqueKind::ALL.len()],
}

impl Unread {
    fn total(&self) -> u32 {
        self.counts.iter().map(|(count, _)| count).sum()
    }
}

impl Report {
    /// Findings of a category that were not allowed.
    pub fn category(&self, category: Category) -> u32 {
        self.counts[category as usize].iter().sum()
    }

    /// Findings with which `action` was done. Allowed ones are not counted.
    pub fn action(&self, action: Action) -> u32 {
        self.counts.iter().map(|actions| actions[action as usize]).sum()
    }

    /// Findings of a category with which `action` was done.
    pub fn count(&self, category: Category, action: Action) -> u32 {
        self.counts[category as usize][action as usize]
    }

    /// All findings that were not allowed.
    pub fn total(&self) -> u32 {
        self.counts.iter().flatten().sum()
    }

    /// Values that are hidden only where a rule found them, since they are met by chance elsewhere.
    pub fn in_place(&self) -> u32 {
        self.in_place
    }

    pub(crate) fn count_in_place(&mut self) {
        self.in_place += 1;
    }

    /// The first [`MAX_FINDINGS`] findings, in the order of the request.
    pub fn findings(&self) -> &[ReportedFinding] {
        &self.findings
    }

    /// The first [`MAX_OPAQUE`] values that were not read, in the order of the request.
    pub fn opaque(&self) -> &[OpaqueValue] {
        self.unread.as_ref().map_or(&[], |unread| &unread.listed)
    }

    /// How many values of a kind were not read, and how many bytes they have.
    pub fn opaque_of(&self, kind: OpaqueKind) -> (u32, u64) {
        self.unread.as_ref().map_or((0, 0), |unread| unread.counts[kind as usize])
    }

    /// Values that were not read.
    pub fn opaque_total(&self) -> u32 {
        self.unread.as_ref().map_or(0, |unread| unread.total())
    }

    /// Records that a value is not read; `place` is asked only where it will be listed.
    pub(crate) fn record_opaque(&mut self, kind: OpaqueKind, place: impl FnOnce() -> String) {
        let unread = self.unread.get_or_insert_default();
        unread.counts[kind as usize].0 += 1;
        if unread.listed.len() < MAX_OPAQUE {
            unread.listed.push(OpaqueValue { kind, bytes: 0, place: bounded(place()) });
        }
    }

    /// The value that was recorded last, of `kind`, goes on for so many bytes.
    pub(crate) fn grow_opaque(&mut self, kind: OpaqueKind, bytes: u64) {
        let unread = self.unread.get_or_insert_default();
        unread.counts[kind as usize].1 += bytes;
        if unread.total() as usize == unread.listed.len()
            && let Some(last) = unread.listed.last_mut()
        {
            last.bytes += bytes;
        }
    }

    /// A finding comes next that is this part of a secret. The lines of a key are one finding.
    pub(crate) fn begin(&mut self, part: Part) {
        if matches!(part, Part::First { .. }) {
            self.key = RecordedKey::None;
        }
    }

    /// One more line of the key that was recorded last; false if none was.
    pub(crate) fn add_line(&mut self) -> bool {
        if let RecordedKey::Listed(index) = self.key {
            self.findings[index].lines += 1;
        }
        self.key != RecordedKey::None
    }

    /// Records a finding, which is this part of a secret; `place` is asked only where it will be listed.
    pub(crate) fn record(
        &mut self,
        kind: FindingKind,
        action: Action,
        token: Option<Token>,
        place: impl FnOnce() -> String,
    ) {
        let FindingKind { rule, evidence, part, category } = kind;
        let index = self.findings.len();
        if part != Part::Whole {
            self.key = if index < MAX_FINDINGS { RecordedKey::Listed(index) } else { RecordedKey::Counted };
        }
        self.counts[category as usize][action as usize] += 1;
        if index < MAX_FINDINGS {
            let (lines, place) = (1, bounded(place()));
            self.findings.push(ReportedFinding { rule, evidence, category, action, token, lines, place });
        }
    }
}

fn bounded(mut place: String) -> String {
    while place.len() > MAX_PLACE_LEN {
        place.pop();
    }
    place
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "the limit is small")]
mod tests {
    use super::*;

    #[test]
    fn counts_all_and_lists_some() {
        let mut report = Report::default();
        for index in 0..=MAX_FINDINGS {
            let place = "\u{e9}".repeat(if index == 0 { MAX_PLACE_LEN / 2 } else { MAX_PLACE_LEN / 2 + 1 });
            let (rule, evidence, part) = (RuleIndex(1), Evidence::Rule, Part::Whole);
            let kind = FindingKind { rule, evidence, part, category: Category::Conn };
            report.record(kind, Action::Redact, None, || place);
        }
        assert_eq!(report.total() as usize, MAX_FINDINGS + 1);
        assert_eq!(report.count(Category::Conn, Action::Redact), report.total());
        assert_eq!(report.category(Category::Conn), report.action(Action::Redact));
        assert_eq!(report.findings().len(), MAX_FINDINGS);
        assert!(report.findings().iter().all(|place| place.place.len() == MAX_PLACE_LEN));
    }

    #[test]
    fn the_lines_of_a_key_are_one_finding() {
        let mut report = Report::default();
        let line = |report: &mut Report, part: Part| {
            report.begin(part);
            if part != Part::Next || !report.add_line() {
                let (rule, evidence) = (RuleIndex(1), Evidence::Rule);
                let kind = FindingKind { rule, evidence, part, category: Category::Pkey };
                report.record(kind, Action::Tokenize, None, String::new);
            }
        };
        for part in [Part::First { lead: 0 }, Part::Next, Part::Whole, Part::Next, Part::First { lead: 3 }] {
            line(&mut report, part);
        }
        let lines: Vec<u32> = report.findings().iter().map(|finding| finding.lines).collect();
        assert_eq!((lines, report.total()), (vec![3, 1, 1], 3));
        for _ in 0..MAX_FINDINGS {
            line(&mut report, Part::Whole);
        }
        for part in [Part::First { lead: 0 }, Part::Next, Part::Next] {
            line(&mut report, part);
        }
        assert_eq!(report.total() as usize, 3 + MAX_FINDINGS + 1);
        // Without its first line, which was allowed, the next one stands for the key.
        report.begin(Part::First { lead: 0 });
        line(&mut report, Part::Next);
        assert_eq!(report.total() as usize, 3 + MAX_FINDINGS + 2);
    }

    #[test]
    fn lists_some_opaque_values_and_counts_all() {
        let mut report = Report::default();
        for _ in 0..=MAX_OPAQUE {
            report.record_opaque(OpaqueKind::Pdf, || "x".repeat(MAX_PLACE_LEN + 1));
            report.grow_opaque(OpaqueKind::Pdf, 3);
            report.grow_opaque(OpaqueKind::Pdf, 4);
        }
        assert_eq!(report.opaque_total() as usize, MAX_OPAQUE + 1);
        assert_eq!(report.opaque_of(OpaqueKind::Pdf), (MAX_OPAQUE as u32 + 1, 7 * (MAX_OPAQUE as u64 + 1)));
        assert_eq!(report.opaque_of(OpaqueKind::Image), (0, 0));
        assert_eq!(report.opaque().len(), MAX_OPAQUE);
        assert!(report.opaque().iter().all(|one| one.bytes == 7 && one.place.len() == MAX_PLACE_LEN));
        for (index, kind) in OpaqueKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }
}
