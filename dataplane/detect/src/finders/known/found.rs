//! Values that rules found, to be hidden wherever else they stand: in the same request, or in later ones of its client.
//!
//! Kept like known values, as hashes only. Which values are worth searching for is decided by [`super::reach`].

use super::anchor::KnownEntry;
use super::error::KnownRefusal;
use super::filter::Met;
use super::find::{KnownValues, ValueReport};
use super::hash::KnownKey;
use super::limits::MAX_SHARED;
use super::list::Inserted;
use super::{reach, weak};
use crate::candidate::{Candidates, rank};
use crate::encodings::alnum_runs::{AlnumRuns, RunLength};
use crate::finding::{Reach, RuleIndex};
use crate::text::TextView;
use std::collections::{HashMap, HashSet};

/// A value that was found.
#[derive(Clone)]
struct FoundEntry {
    known: KnownEntry,
    rule: RuleIndex,
    reach: Reach,
    /// Whether forms write it with a `+`.
    has_blank: bool,
}

/// Values that were found, each with the rule that found it; the rules must all be of one set.
#[derive(Clone)]
pub struct FoundList {
    key: KnownKey,
    entries: HashMap<[u8; 32], FoundEntry>,
    /// How many values have an anchor of this hash.
    anchors: HashMap<u32, usize>,
}

impl std::fmt::Debug for FoundList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FoundList").field("values", &self.entries.len()).finish_non_exhaustive()
    }
}

impl FoundList {
    /// A list without values, whose hashes are made with `key`.
    pub fn new(key: KnownKey) -> FoundList {
        FoundList { key, entries: HashMap::new(), anchors: HashMap::new() }
    }

    /// Adds a value that is to be searched for as far as `reach` says. Refuses values that would be met by chance.
    ///
    /// Of two rules that found the same value the first counts, and the farther reach.
    pub fn insert(&mut self, value: &[u8], rule: RuleIndex, reach: Reach) -> Result<Inserted, KnownRefusal> {
        weak::check(value)?;
        if let Some(entry) = self.entries.get_mut(&self.key.value(value)) {
            let is_farther = entry.reach < reach;
            entry.reach = entry.reach.max(reach);
            return Ok(if is_farther { Inserted::New } else { Inserted::Already });
        }
        let shared = |anchor: u32| self.anchors.get(&anchor).copied().unwrap_or(0);
        let known = KnownEntry::of(value, &self.key, shared).ok_or(KnownRefusal::Shared)?;
        *self.anchors.entry(known.anchor).or_default() += 1;
        let has_blank = memchr::memchr(b' ', value).is_some();
        self.entries.insert(known.hash, FoundEntry { known, rule, reach, has_blank });
        Ok(Inserted::New)
    }

    /// The name of a value in this list: its HMAC.
    pub fn name_of(&self, value: &[u8]) -> [u8; 32] {
        self.key.value(value)
    }

    /// Whether the value with this name is listed.
    pub fn contains(&self, name: &[u8; 32]) -> bool {
        self.entries.contains_key(name)
    }

    /// Keeps only the values whose names are wanted.
    pub fn retain(&mut self, wanted: impl Fn(&[u8; 32]) -> bool) {
        self.entries.retain(|name, entry| {
            let keep = wanted(name);
            if !keep && let Some(count) = self.anchors.get_mut(&entry.known.anchor) {
                *count -= 1;
            }
            keep
        });
        self.anchors.retain(|_, count| *count > 0);
    }

    /// Adds the values of `other` that are searched for everywhere and that are not listed yet, as far as there is room
    /// for `most` in all. Both lists must have the same key and rules. Returns how many were added.
    pub fn extend(&mut self, other: &FoundList, most: usize) -> usize {
        let before = self.entries.len();
        for (name, entry) in &other.entries {
            if self.entries.len() >= most {
                break;
            }
            let count = self.anchors.entry(entry.known.anchor).or_default();
            if entry.reach == Reach::Everywhere && *count < MAX_SHARED && !self.entries.contains_key(name) {
                *count += 1;
                self.entries.insert(*name, entry.clone());
            }
        }
        self.entries.len() - before
    }

    /// The names of all values.
    pub fn names(&self) -> impl Iterator<Item = &[u8; 32]> {
        self.entries.keys()
    }

    /// Renames the rules, as another set of rules calls them. What a rule found that the other set does not have is
    /// taken off the list.
    pub fn rename_rules(&mut self, renamed: impl Fn(RuleIndex) -> Option<RuleIndex>) {
        let mut gone = HashSet::new();
        for (name, entry) in &mut self.entries {
            match renamed(entry.rule) {
                Some(rule) => entry.rule = rule,
                None => {
                    gone.insert(*name);
                }
            }
        }
        if !gone.is_empty() {
            self.retain(|name| !gone.contains(name));
        }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Values that were found, ready to be searched for; immutable, and of the rules that they were found by.
pub struct FoundValues {
    values: KnownValues,
    /// In the order of the values.
    reports: Vec<ValueReport>,
    /// The beginnings of the values' names, in order.
    names: Box<[[u8; NAME_BEGINNING]]>,
    longest: usize,
    has_blank: bool,
}

/// Bytes of a value's name that distinguish it from others.
const NAME_BEGINNING: usize = 16;

fn beginning(name: &[u8; 32]) -> [u8; NAME_BEGINNING] {
    std::array::from_fn(|at| name[at])
}

impl std::fmt::Debug for FoundValues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FoundValues").field("values", &self.reports.len()).finish_non_exhaustive()
    }
}

impl FoundValues {
    /// Prepares a list for the search.
    pub fn new(list: &FoundList) -> FoundValues {
        let mut entries: Vec<&FoundEntry> = list.entries.values().collect();
        entries.sort_unstable_by_key(|entry| (entry.known.anchor, entry.known.hash));
        let reports = entries.iter().map(|entry| ValueReport {
            rule: entry.rule.0,
            rank: rank::FOUND,
            reach: entry.reach,
        });
        let known = entries.iter().map(|entry| entry.known.clone()).collect();
        let mut names: Box<[_]> = list.entries.keys().map(beginning).collect();
        names.sort_unstable();
        let values = KnownValues::of_sorted(list.key.clone(), known);
        let lengths = list.entries.values().map(|entry| usize::from(entry.known.length));
        let longest = lengths.max().unwrap_or(0);
        let has_blank = list.entries.values().any(|entry| entry.has_blank);
        FoundValues { reports: reports.collect(), values, names, longest, has_blank }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.reports.len()
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// The name of a value, if it is among them: what [`FoundList::names`] calls it.
    pub fn name_of(&self, value: &[u8]) -> Option<[u8; 32]> {
        let name = self.values.name_of(value);
        self.names.binary_search(&beginning(&name)).is_ok().then_some(name)
    }

    /// Bytes of the longest value.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// Whether any value has a blank, which forms write as `+`.
    pub(crate) fn has_blank(&self) -> bool {
        self.has_blank
    }

    pub(crate) fn runs(&self) -> Option<RunLength> {
        self.values.runs()
    }

    pub(crate) fn find(
        &self,
        memory: (&mut Candidates, &mut Vec<Met>),
        view: TextView<'_>,
        masks: &AlnumRuns,
    ) {
        self.values.find(memory, view, masks, &|index| self.reports[index]);
    }
}

/// How far a value is searched for that a rule found. `is_shape` says that the rule knows the value itself by its shape.
pub fn reach_of(value: &[u8], is_shape: bool) -> Reach {
    reach::of(value, is_shape)
}
