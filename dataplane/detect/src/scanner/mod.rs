//! The scanner: candidates from the engine, confirmed by the finders, overlaps settled, window by window.

mod atomic;
mod carry;
mod dispatch;
mod encoded;
mod overlap;
pub mod rule_test;
mod scan;
#[cfg(test)]
mod tests;

pub use carry::Carry;
pub use scan::{Scan, Scanner, Window};
