//! Finds all values of a file that the settings cannot hold, and takes them out.
//!
//! serde stops at the first value that is wrong. So a file that is wrong is checked in parts, and parts of them, until one is right
//! or holds one thing only: what a single value costs does not grow with the file.

use std::iter;
use std::marker::PhantomData;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeString, DeTable, DeValue, Deserializer, Error};

/// Down to which depth tables are taken apart: sections, and what stands in them. What is below may need its siblings.
const PART_DEPTH: usize = 2;

/// Into how many parts one is divided.
const PARTS: usize = 16;

/// Returns what `S` can hold of `root`, and hands every error to `report`.
pub(crate) fn remove_misfits<'i, S: DeserializeOwned>(
    root: Spanned<DeTable<'i>>,
    report: &mut dyn FnMut(&Error),
) -> Spanned<DeTable<'i>> {
    let span = root.span();
    let mut check = Check::<S> { above: Vec::new(), report, settings: PhantomData };
    let whole = Spanned::new(span.clone(), DeValue::Table(root.into_inner()));
    // Once more as a whole: two parts may be right, and not together.
    let fitting = check.sift(whole).and_then(|rest| match check.error_of(&rest) {
        Some(error) => check.strip(rest, error),
        None => Some(rest),
    });
    let table = match fitting.map(Spanned::into_inner) {
        Some(DeValue::Table(table)) => table,
        _ => DeTable::new(),
    };
    Spanned::new(span, table)
}

/// A key above the part that is looked at, and the span of the table that it stands in.
struct Step<'i> {
    key: Spanned<DeString<'i>>,
    table: Range<usize>,
}

/// One check of a file.
struct Check<'i, 'r, S> {
    above: Vec<Step<'i>>,
    report: &'r mut dyn FnMut(&Error),
    settings: PhantomData<S>,
}

impl<'i, S: DeserializeOwned> Check<'i, '_, S> {
    /// What is right of `part`; none where nothing is.
    fn sift(&mut self, part: Spanned<DeValue<'i>>) -> Option<Spanned<DeValue<'i>>> {
        let Some(error) = self.error_of(&part) else { return Some(part) };
        let span = part.span();
        let is_deep = self.above.len() >= PART_DEPTH;
        let fitting = match part.into_inner() {
            DeValue::Table(table) if !is_deep => DeValue::Table(self.sift_members(table, &span)),
            DeValue::Array(items)
                if items.len() > 1 && items.iter().all(|item| item.get_ref().is_table()) =>
            {
                DeValue::Array(self.sift_items(items, &span)?)
            }
            other => return self.strip(Spanned::new(span, other), error),
        };
        Some(Spanned::new(span, fitting))
    }

    /// What is right of the members of a table.
    fn sift_members(&mut self, table: DeTable<'i>, span: &Range<usize>) -> DeTable<'i> {
        let mut fitting = DeTable::new();
        for part in parts(table.into_iter().collect()) {
            if let [(key, _)] = &part[..] {
                self.above.push(Step { key: key.clone(), table: span.clone() });
                let rest = part.into_iter().filter_map(|(key, value)| Some((key, self.sift(value)?)));
                fitting.extend(rest);
                self.above.pop();
                continue;
            }
            let part = DeValue::Table(part.into_iter().collect());
            let rest = self.sift(Spanned::new(span.clone(), part)).map(Spanned::into_inner);
            if let Some(DeValue::Table(rest)) = rest {
                fitting.extend(rest);
            }
        }
        fitting
    }

    /// What is right of the tables of a list; none where one is gone: without it the others would have other numbers.
    fn sift_items(&mut self, items: DeArray<'i>, span: &Range<usize>) -> Option<DeArray<'i>> {
        let sifted: Vec<_> = parts(items.into_iter().collect())
            .into_iter()
            .map(|part| {
                let part = DeValue::Array(part.into_iter().collect());
                self.sift(Spanned::new(span.clone(), part)).map(Spanned::into_inner)
            })
            .collect();
        let mut fitting = DeArray::new();
        for part in sifted {
            let Some(DeValue::Array(part)) = part else { return None };
            part.into_iter().for_each(|item| fitting.push(item));
        }
        Some(fitting)
    }

    /// Takes one value after the other out of `part`, of which `error` is the first, until it is right.
    fn strip(&mut self, mut part: Spanned<DeValue<'i>>, error: Error) -> Option<Spanned<DeValue<'i>>> {
        let mut next = Some(error);
        while let Some(error) = next {
            (self.report)(&error);
            let offset = error.span().map_or(0, |span| span.start);
            let is_removed = match part.get_mut() {
                DeValue::Table(table) => remove_at(table, offset),
                DeValue::Array(items) => {
                    let mut tables = items.iter_mut().filter_map(|item| match item.get_mut() {
                        DeValue::Table(table) => Some(table),
                        _ => None,
                    });
                    tables.any(|table| remove_at(table, offset))
                }
                _ => false,
            };
            if !is_removed {
                return None;
            }
            next = self.error_of(&part);
        }
        Some(part)
    }

    /// What is wrong with `part`, where nothing stands beside it.
    fn error_of(&self, part: &Spanned<DeValue<'i>>) -> Option<Error> {
        let mut value = part.clone();
        for Step { key, table } in self.above.iter().rev() {
            let around = DeTable::from_iter([(key.clone(), value)]);
            value = Spanned::new(table.clone(), DeValue::Table(around));
        }
        let span = value.span();
        let DeValue::Table(root) = value.into_inner() else { return None };
        S::deserialize(Deserializer::from(Spanned::new(span, root))).err()
    }
}

/// Divides `whole` into [`PARTS`] parts, each of one thing at least.
fn parts<T>(whole: Vec<T>) -> Vec<Vec<T>> {
    let length = whole.len().div_ceil(PARTS).max(1);
    let mut rest = whole.into_iter();
    iter::from_fn(|| Some(rest.by_ref().take(length).collect::<Vec<_>>()).filter(|part| !part.is_empty()))
        .collect()
}

/// Removes the innermost key that stands at the byte `offset`, or whose value does; false if there is none. Items of lists
/// stay, so that the others keep their numbers: what is wrong with one as a whole takes the list away.
fn remove_at(table: &mut DeTable<'_>, offset: usize) -> bool {
    for (_, value) in table.iter_mut() {
        let is_removed = match value.get_mut() {
            DeValue::Table(inner) => remove_at(inner, offset),
            DeValue::Array(items) => items.iter_mut().any(|item| match item.get_mut() {
                DeValue::Table(inner) => remove_at(inner, offset),
                _ => false,
            }),
            _ => false,
        };
        if is_removed {
            return true;
        }
    }
    let is_at = |span: Range<usize>| span.contains(&offset);
    let found = table.iter().find(|(key, value)| {
        let items = value.get_ref().as_array().into_iter().flat_map(|items| items.iter());
        is_at(key.span()) || is_at(value.span()) || items.map(Spanned::span).any(is_at)
    });
    let Some(key) = found.map(|(key, _)| key.clone()) else { return false };
    table.remove(&key).is_some()
}
