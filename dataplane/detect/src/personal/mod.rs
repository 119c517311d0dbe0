//! Personal data: finders for things whose shape has no literal to look for, and the one pass that serves them all.
//!
//! Most of it is made of digits. [`pass`] looks for places where numbers and addresses can begin, see [`sieve`], and
//! every number found there is judged once, by all kinds together. E-mail addresses are found by their `@`. What has
//! neither (dates of birth, passports, host names) is found by words that the engine looks for, see [`at_word`].
//!
//! The laws of the scanner hold here too: a verdict depends on a bounded piece of text around the candidate and on
//! nothing else, least of all on where blocks begin.

mod birth;
mod context;
mod document;
mod email;
mod group;
mod network;
mod number;
mod phone;
mod sieve;
mod word;

use crate::assign::TooShort;
use crate::dispute::Hit;
use crate::rule::Confidence;
use crate::rules::rank;
use crate::scanner::{Bench, View};
use context::Words;
use serde::Deserialize;
use sieve::Place;

/// Fewer digits than these, within the bytes that [`sieve::digits_behind`] counts, are no number of a person.
const NUMBER_DIGITS: usize = 6;
/// How far left of a candidate's first digit its secret can begin.
const MAX_LEAD: usize = 24;

/// What a personal-data rule finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// `name@host.tld`
    Email,
    /// `+CC ...`
    PhoneInternational,
    /// A number as written inside its country: behind a word, or of a shape that only telephone numbers have.
    PhoneNational,
    /// 14 to 19 digits of a card network with a Luhn digit.
    PaymentCard,
    /// ISO 13616.
    Iban,
    /// United States: social security number.
    UsSsn,
    /// United States: individual taxpayer number.
    UsItin,
    /// United Kingdom: national insurance number.
    UkNino,
    /// United Kingdom: NHS number.
    UkNhs,
    /// Germany: Steuer-Identifikationsnummer.
    DeTaxId,
    /// Germany: number of the identity card.
    DeIdentityCard,
    /// France: numéro de sécurité sociale.
    FrNir,
    /// Spain: DNI and NIE.
    EsDni,
    /// Italy: codice fiscale.
    ItFiscalCode,
    /// Netherlands: burgerservicenummer.
    NlBsn,
    /// India: Aadhaar.
    InAadhaar,
    /// India: permanent account number.
    InPan,
    /// Brazil: CPF.
    BrCpf,
    /// Brazil: CNPJ.
    BrCnpj,
    /// A passport's number behind a word.
    Passport,
    /// The machine-readable lines of a travel document.
    Mrz,
    /// An IPv4 address of a machine.
    Ipv4,
    /// An IPv6 address of a machine.
    Ipv6,
    /// A MAC address.
    Mac,
    /// A host name that only an internal resolver knows.
    InternalHost,
    /// A date of birth behind a word.
    BirthDate,
}

/// How many kinds there are.
const KINDS: usize = Kind::BirthDate as usize + 1;

impl Kind {
    /// Whether the engine looks for the rule's words; else they are looked for around what a pass has found.
    pub(crate) fn by_word(self) -> bool {
        use Kind::{BirthDate, DeIdentityCard, Email, InPan, InternalHost, Mrz, Passport};
        matches!(self, BirthDate | DeIdentityCard | Email | InPan | InternalHost | Mrz | Passport)
    }
}

/// The rules for personal data that are on.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    rules: [Option<u16>; KINDS],
    /// By kind: words that make a doubtful number one of this kind, in lower case.
    words: [Words; KINDS],
}

impl Wanted {
    /// Adds a rule; false when the kind has one already.
    pub(crate) fn add(&mut self, kind: Kind, rule: u16, words: &[String]) -> bool {
        self.words[kind as usize] = Words::new(words);
        self.rules[kind as usize].replace(rule).is_none()
    }

    fn has(&self, kind: Kind) -> bool {
        self.rules[kind as usize].is_some()
    }

    /// The kind's words.
    fn words(&self, kind: Kind) -> &Words {
        &self.words[kind as usize]
    }

    /// Whether one of the kind's words stands shortly before `start`.
    fn named(&self, kind: Kind, text: &[u8], start: usize) -> bool {
        context::gap(text, start, self.words(kind)).is_some()
    }
}

/// What a judge of this module says: nothing, a find, or that the window is too short.
type Judged = Result<Option<Found>, TooShort>;

/// A piece of personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    kind: Kind,
    start: usize,
    end: usize,
    confidence: Confidence,
}

/// The text under judgement and the rules that are on.
#[derive(Clone, Copy)]
struct Desk<'a> {
    view: View<'a>,
    wanted: &'a Wanted,
}

impl Desk<'_> {
    /// Notes what was found; a kind that is off finds nothing.
    fn note(self, bench: &mut Bench, open: usize, judged: Judged) {
        match judged {
            Err(TooShort) => bench.open(open),
            Ok(Some(Found { kind, start, end, confidence })) => {
                let Some(rule) = self.wanted.rules[kind as usize] else { return };
                let rank =
                    if confidence == Confidence::High { rank::PERSONAL_PROVEN } else { rank::PERSONAL };
                bench.hits.push(Hit { start, end, rule, rank, confidence });
            }
            Ok(None) => {}
        }
    }

    /// The byte at `at`, nothing behind the end of the text.
    fn byte(self, at: usize) -> Result<Option<u8>, TooShort> {
        match self.view.text.get(at) {
            None if !self.view.last => Err(TooShort),
            byte => Ok(byte.copied()),
        }
    }
}

/// Finds what needs no word of the engine.
pub(crate) fn pass(bench: &mut Bench, view: View<'_>, wanted: &Wanted) {
    let desk = Desk { view, wanted };
    if wanted.has(Kind::Email) {
        for at in memchr::memchr_iter(b'@', view.text) {
            desk.note(bench, at.saturating_sub(email::MAX_LOCAL), email::judge(desk, at, at + 1));
        }
    }
    sieve::places(view.text, |place| match place {
        Place::Number(at) => judge_number(bench, desk, at),
        Place::Address(at) => {
            desk.note(bench, at.saturating_sub(MAX_LEAD), network::judge_colon(desk, at));
        }
    });
}

/// Judges the number that begins at `at`, by all kinds.
fn judge_number(bench: &mut Bench, desk: Desk<'_>, at: usize) {
    let open = at.saturating_sub(MAX_LEAD);
    desk.note(bench, open, network::judge_ipv4(desk, at));
    if sieve::digits_behind(desk.view.text, at) < NUMBER_DIGITS {
        return;
    }
    let Ok(groups) = group::read(desk, at) else { return bench.open(open) };
    for judged in number::judge(desk, &groups) {
        desk.note(bench, open, judged);
    }
    desk.note(bench, open, phone::judge(desk, &groups));
    desk.note(bench, open, word::judge(desk, &groups));
}

/// Judges what stands around a word of the engine, `text[start..end]`.
pub(crate) fn at_word(
    bench: &mut Bench,
    view: View<'_>,
    (kind, wanted): (Kind, &Wanted),
    (start, end): (usize, usize),
) {
    let desk = Desk { view, wanted };
    let (open, judged) = match kind {
        Kind::Email => (start.saturating_sub(email::MAX_LOCAL), email::judge(desk, start, end)),
        Kind::InternalHost => {
            (start.saturating_sub(network::MAX_HOST), network::judge_host(desk, start, end))
        }
        Kind::BirthDate => (start, birth::judge(desk, start, end)),
        Kind::Mrz => (start.saturating_sub(document::PASSPORT_LINE), document::judge_mrz(desk, start)),
        _ => (start, document::judge_number(desk, kind, start, end)),
    };
    desk.note(bench, open, judged);
}
