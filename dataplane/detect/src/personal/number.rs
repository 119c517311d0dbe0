//! Ids that are made of digits alone: payment cards and national ids.
//!
//! A number in the shape of its kind, with a right check value, is one. A shape that other numbers have too needs a word
//! of the kind before it; a wrong check value behind such a word gives a find of low confidence.

use super::group::Groups;
use super::{Desk, Found, Judged, Kind};
use crate::check::{national, numbers, registry};
use crate::rule::Confidence;

/// How a kind is written.
struct Shape {
    kind: Kind,
    lens: &'static [u8],
    seps: &'static [u8],
    /// What a number of this shape must pass; for cards with their network's prefix.
    check: fn(&[u8]) -> bool,
    /// The shape is told by a word of the kind.
    needs_word: bool,
    /// What a right number without a word is worth.
    alone: Confidence,
}

const fn shape(
    kind: Kind,
    lens: &'static [u8],
    seps: &'static [u8],
    check: fn(&[u8]) -> bool,
    needs_word: bool,
    alone: Confidence,
) -> Shape {
    Shape { kind, lens, seps, check, needs_word, alone }
}

fn card(digits: &[u8]) -> bool {
    registry::issued(digits) && numbers::luhn(&ascii(digits))
}

fn nir(digits: &[u8]) -> bool {
    national::fr_nir(&ascii(digits))
}

fn ascii(digits: &[u8]) -> Vec<u8> {
    digits.iter().map(|digit| digit + b'0').collect()
}

const H: Confidence = Confidence::High;
const M: Confidence = Confidence::Medium;

/// All shapes; `false` for those that stand for themselves.
#[rustfmt::skip]
const SHAPES: &[Shape] = &[
    shape(Kind::PaymentCard, &[4, 4, 4, 4], b" -.", card, false, H),
    shape(Kind::PaymentCard, &[4, 6, 5], b" -.", card, false, H),
    shape(Kind::PaymentCard, &[4, 6, 4], b" -.", card, false, H),
    shape(Kind::PaymentCard, &[4, 4, 4, 4, 3], b" -.", card, false, H),
    shape(Kind::PaymentCard, &[16], b"", card, false, M),
    shape(Kind::PaymentCard, &[15], b"", card, false, M),
    shape(Kind::PaymentCard, &[14], b"", card, true, M),
    shape(Kind::PaymentCard, &[19], b"", card, true, M),
    shape(Kind::UsSsn, &[3, 2, 4], b"-", national::us_ssn, false, M),
    shape(Kind::UsSsn, &[3, 2, 4], b" .", national::us_ssn, true, M),
    shape(Kind::UsSsn, &[9], b"", national::us_ssn, true, M),
    shape(Kind::UsItin, &[3, 2, 4], b"-", national::us_itin, false, M),
    shape(Kind::UsItin, &[3, 2, 4], b" .", national::us_itin, true, M),
    shape(Kind::UsItin, &[9], b"", national::us_itin, true, M),
    shape(Kind::UkNhs, &[3, 3, 4], b" -", national::uk_nhs, true, H),
    shape(Kind::UkNhs, &[10], b"", national::uk_nhs, true, H),
    shape(Kind::DeTaxId, &[2, 3, 3, 3], b" ", national::de_tax_id, false, M),
    shape(Kind::DeTaxId, &[11], b"", national::de_tax_id, true, H),
    shape(Kind::FrNir, &[1, 2, 2, 2, 3, 3, 2], b" .-", nir, false, H),
    shape(Kind::FrNir, &[13, 2], b" -/", nir, false, H),
    shape(Kind::FrNir, &[15], b"", nir, false, M),
    shape(Kind::NlBsn, &[9], b"", national::nl_bsn, true, H),
    shape(Kind::NlBsn, &[4, 2, 3], b" .", national::nl_bsn, true, H),
    shape(Kind::NlBsn, &[3, 3, 3], b" .", national::nl_bsn, true, H),
    shape(Kind::InAadhaar, &[4, 4, 4], b" -", national::in_aadhaar, true, H),
    shape(Kind::InAadhaar, &[12], b"", national::in_aadhaar, true, H),
    shape(Kind::BrCpf, &[11], b"", national::br_cpf, true, H),
    shape(Kind::BrCnpj, &[14], b"", national::br_cnpj, true, H),
];

/// What the number is; at most one find of each shape.
pub(super) fn judge<'d>(desk: Desk<'d>, groups: &'d Groups) -> impl Iterator<Item = Judged> + 'd {
    let lens = groups.lens();
    let first = lens.first();
    let shapes = SHAPES.iter().filter(move |s| s.lens.first() == first);
    let shapes = shapes.filter(move |s| desk.wanted.has(s.kind) && lens.starts_with(s.lens));
    shapes.map(move |shape| one(desk, groups, shape)).chain([brazil(desk, groups)])
}

fn one(desk: Desk<'_>, groups: &Groups, shape: &Shape) -> Judged {
    let text = desk.view.text;
    let count = shape.lens.len();
    let mut buffer = [0; 24];
    let Some(end) = groups.shape(desk, shape.lens, shape.seps)? else { return Ok(None) };
    let right = (shape.check)(groups.digits(text, count, &mut buffer));
    Ok(verdict(desk, shape, right, groups.start(), end))
}

fn verdict(desk: Desk<'_>, shape: &Shape, right: bool, start: usize, end: usize) -> Option<Found> {
    let named = desk.wanted.named(shape.kind, desk.view.text, start);
    let confidence = match (right, named) {
        (true, true) => Confidence::High,
        (true, false) if !shape.needs_word => shape.alone,
        // A number that was never issued says nothing; one with a wrong digit may be mistyped.
        (false, true) if !matches!(shape.kind, Kind::UsSsn | Kind::UsItin) => Confidence::Low,
        _ => return None,
    };
    Some(Found { kind: shape.kind, start, end, confidence })
}

/// `123.456.789-09` and `12.345.678/0001-95`: the separators differ, and stand for themselves.
fn brazil(desk: Desk<'_>, groups: &Groups) -> Judged {
    let (kind, check): (Kind, fn(&[u8]) -> bool) = match groups.lens() {
        [3, 3, 3, 2, ..] if groups.seps(4) == b"..-" => (Kind::BrCpf, national::br_cpf),
        [2, 3, 3, 4, 2, ..] if groups.seps(5) == b"../-" => (Kind::BrCnpj, national::br_cnpj),
        _ => return Ok(None),
    };
    let count = if kind == Kind::BrCpf { 4 } else { 5 };
    let mut buffer = [0; 24];
    if !desk.wanted.has(kind) || !check(groups.digits(desk.view.text, count, &mut buffer)) {
        return Ok(None);
    }
    let found = |end| Found { kind, start: groups.start(), end, confidence: Confidence::High };
    Ok(groups.bounded(desk, count)?.map(found))
}
