//! Personal data: finders for things whose shape has no literal to look for, and the one pass that serves them all.
//!
//! Most of it is made of digits. [`scan`] looks for places where numbers and addresses can begin, see `prefilter`, and
//! every number found there is judged once, by all kinds together. E-mail addresses are found by their `@`. What has
//! neither (dates of birth, passports, host names) is found by words that the engine looks for, see [`scan_word`].
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
mod pass;
mod phone;
mod prefilter;
mod scope;
mod word;
mod words;

pub(crate) use pass::{scan, scan_word};
pub(crate) use scope::EnabledKinds;
