//! Ids that are made of digits alone: payment cards and national ids.
//!
//! A number in the shape of its kind, with a right check value, is one. A shape that other numbers have too needs a
//! word of the kind before it; a wrong check value behind such a word gives a find of low confidence.

use super::group::Groups;
use super::scope::{PersonalMatch, PersonalOutcome, PersonalScope};
use crate::checks::{national, numbers, registry};
use crate::finding::Confidence;
use crate::rule::PersonalKind;
use crate::text::Span;

/// How a kind is written.
struct Shape {
    kind: PersonalKind,
    lens: &'static [u8],
    seps: &'static [u8],
    /// What a number of this shape must pass; for cards with their network's prefix.
    check: fn(&[u8]) -> bool,
    /// Only a word of the kind before it makes the shape one.
    needs_word: bool,
    /// What a right number without a word is worth.
    alone: Confidence,
}

/// A shape that stands for itself.
const fn shape(
    kind: PersonalKind,
    lens: &'static [u8],
    seps: &'static [u8],
    check: fn(&[u8]) -> bool,
    alone: Confidence,
) -> Shape {
    Shape { kind, lens, seps, check, needs_word: false, alone }
}

impl Shape {
    /// The same for numbers that need a word of the kind before them.
    const fn with_word(self) -> Shape {
        Shape { needs_word: true, ..self }
    }
}

fn is_card(digits: &[u8]) -> bool {
    registry::is_issued(digits) && numbers::has_luhn_check(&ascii(digits))
}

fn is_nir(digits: &[u8]) -> bool {
    national::is_fr_nir(&ascii(digits))
}

fn ascii(digits: &[u8]) -> Vec<u8> {
    digits.iter().map(|digit| digit + b'0').collect()
}

const H: Confidence = Confidence::High;
const M: Confidence = Confidence::Medium;

/// All shapes.
#[rustfmt::skip]
const SHAPES: &[Shape] = &[
    shape(PersonalKind::PaymentCard, &[4, 4, 4, 4], b" -.", is_card, H),
    shape(PersonalKind::PaymentCard, &[4, 6, 5], b" -.", is_card, H),
    shape(PersonalKind::PaymentCard, &[4, 6, 4], b" -.", is_card, H),
    shape(PersonalKind::PaymentCard, &[4, 4, 4, 4, 3], b" -.", is_card, H),
    shape(PersonalKind::PaymentCard, &[16], b"", is_card, M),
    shape(PersonalKind::PaymentCard, &[15], b"", is_card, M),
    shape(PersonalKind::PaymentCard, &[14], b"", is_card, M).with_word(),
    shape(PersonalKind::PaymentCard, &[19], b"", is_card, M).with_word(),
    shape(PersonalKind::UsSsn, &[3, 2, 4], b"-", national::is_us_ssn, M),
    shape(PersonalKind::UsSsn, &[3, 2, 4], b" .", national::is_us_ssn, M).with_word(),
    shape(PersonalKind::UsSsn, &[9], b"", national::is_us_ssn, M).with_word(),
    shape(PersonalKind::UsItin, &[3, 2, 4], b"-", national::is_us_itin, M),
    shape(PersonalKind::UsItin, &[3, 2, 4], b" .", national::is_us_itin, M).with_word(),
    shape(PersonalKind::UsItin, &[9], b"", national::is_us_itin, M).with_word(),
    shape(PersonalKind::UkNhs, &[3, 3, 4], b" -", national::is_uk_nhs, H).with_word(),
    shape(PersonalKind::UkNhs, &[10], b"", national::is_uk_nhs, H).with_word(),
    shape(PersonalKind::DeTaxId, &[2, 3, 3, 3], b" ", national::is_de_tax_id, M),
    shape(PersonalKind::DeTaxId, &[11], b"", national::is_de_tax_id, H).with_word(),
    shape(PersonalKind::FrNir, &[1, 2, 2, 2, 3, 3, 2], b" .-", is_nir, H),
    shape(PersonalKind::FrNir, &[13, 2], b" -/", is_nir, H),
    shape(PersonalKind::FrNir, &[15], b"", is_nir, M),
    shape(PersonalKind::NlBsn, &[9], b"", national::is_nl_bsn, H).with_word(),
    shape(PersonalKind::NlBsn, &[4, 2, 3], b" .", national::is_nl_bsn, H).with_word(),
    shape(PersonalKind::NlBsn, &[3, 3, 3], b" .", national::is_nl_bsn, H).with_word(),
    shape(PersonalKind::InAadhaar, &[4, 4, 4], b" -", national::is_in_aadhaar, H).with_word(),
    shape(PersonalKind::InAadhaar, &[12], b"", national::is_in_aadhaar, H).with_word(),
    shape(PersonalKind::BrCpf, &[11], b"", national::is_br_cpf, H).with_word(),
    shape(PersonalKind::BrCnpj, &[14], b"", national::is_br_cnpj, H).with_word(),
];

/// What the number is; at most one find of each shape.
pub(super) fn classify<'d>(
    scope: PersonalScope<'d>,
    groups: &'d Groups,
) -> impl Iterator<Item = PersonalOutcome> + 'd {
    let lens = groups.lens();
    let first = lens.first();
    let shapes = SHAPES.iter().filter(move |s| s.lens.first() == first);
    let shapes = shapes.filter(move |s| scope.enabled.has(s.kind) && lens.starts_with(s.lens));
    shapes.map(move |shape| one(scope, groups, shape)).chain([brazil(scope, groups)])
}

fn one(scope: PersonalScope<'_>, groups: &Groups, shape: &Shape) -> PersonalOutcome {
    let text = scope.view.text;
    let count = shape.lens.len();
    let mut buffer = [0; 24];
    let Some(end) = groups.shape(scope, shape.lens, shape.seps)? else { return Ok(None) };
    let right = (shape.check)(groups.digits(text, count, &mut buffer));
    Ok(verdict(scope, shape, right, groups.start(), end))
}

fn verdict(
    scope: PersonalScope<'_>,
    shape: &Shape,
    right: bool,
    start: usize,
    end: usize,
) -> Option<PersonalMatch> {
    let named = scope.enabled.is_named(shape.kind, scope.view.text, start);
    let confidence = match (right, named) {
        (true, true) => Confidence::High,
        (true, false) if !shape.needs_word => shape.alone,
        // A number that was never issued says nothing; one with a wrong digit may be mistyped.
        (false, true) if !matches!(shape.kind, PersonalKind::UsSsn | PersonalKind::UsItin) => Confidence::Low,
        _ => return None,
    };
    Some(PersonalMatch { kind: shape.kind, span: Span::new(start, end), confidence })
}

/// `123.456.789-09` and `12.345.678/0001-95`: the separators differ, and stand for themselves.
fn brazil(scope: PersonalScope<'_>, groups: &Groups) -> PersonalOutcome {
    let (kind, check): (PersonalKind, fn(&[u8]) -> bool) = match groups.lens() {
        [3, 3, 3, 2, ..] if groups.seps(4) == b"..-" => (PersonalKind::BrCpf, national::is_br_cpf),
        [2, 3, 3, 4, 2, ..] if groups.seps(5) == b"../-" => (PersonalKind::BrCnpj, national::is_br_cnpj),
        _ => return Ok(None),
    };
    let count = if kind == PersonalKind::BrCpf { 4 } else { 5 };
    let mut buffer = [0; 24];
    if !scope.enabled.has(kind) || !check(groups.digits(scope.view.text, count, &mut buffer)) {
        return Ok(None);
    }
    let found =
        |end| PersonalMatch { kind, span: Span::new(groups.start(), end), confidence: Confidence::High };
    Ok(groups.bounded(scope, count)?.map(found))
}
