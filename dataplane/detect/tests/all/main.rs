//! Tests of the rules as a whole, through the crate's public interface.

#![expect(clippy::cast_possible_truncation, reason = "made-up inputs are small")]

mod catalogue;
mod clean;
mod common;
mod corpora;
mod custom;
mod delimiters;
mod dense;
mod encodings;
mod ends;
mod examples;
mod found_values;
mod generic;
mod keys;
mod known;
mod known_writings;
mod manifests;
mod marks;
mod mutants;
mod neighbours;
mod overlaps;
mod own_value;
mod personal;
mod places;
mod random;
mod tables;
mod tails;
mod windows;
