//! Which values of a setting will do, and what is said about others.

use std::ops::RangeInclusive;
use std::time::Duration;

/// A value that is out of its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The key as `section.key`.
    pub key: String,
    /// What is wrong with its value.
    pub what: String,
    /// What to do about it.
    pub hint: Hint,
}

/// The help that goes with a value out of its range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// Names the default.
    Default,
    /// Names the least value and the default.
    Least(String),
    /// A text.
    Text(&'static str),
}

/// The values of type `T` that will do.
pub trait Limit<T> {
    /// The range in words.
    fn describe(&self) -> String;
    /// What is wrong with `value`, if anything.
    fn check(&self, value: &T, key: &str) -> Option<Violation>;
}

/// A range of whole numbers.
pub struct Range {
    bounds: RangeInclusive<u64>,
    /// How the bounds are written.
    unit: fn(u64) -> String,
    what: fn(u64) -> String,
    hint: Hint,
}

impl Range {
    /// `min` and above; `what` says what is wrong with a value below it.
    pub fn at_least(min: u64, what: fn(u64) -> String) -> Self {
        Range { bounds: min..=u64::MAX, unit: |n| n.to_string(), what, hint: Hint::Default }
    }

    /// Up to `max`; `what` says what is wrong with a value above it.
    pub fn at_most(max: u64, what: fn(u64) -> String) -> Self {
        Range { bounds: 0..=max, unit: |n| n.to_string(), what, hint: Hint::Default }
    }

    /// `min` to `max`, both included; `what` says what is wrong with another value.
    pub fn between(min: u64, max: u64, what: fn(u64) -> String) -> Self {
        Range { bounds: min..=max, ..Range::at_least(min, what) }
    }

    /// The same range of numbers of bytes.
    #[must_use]
    pub fn bytes(self) -> Self {
        Range { unit: crate::units::size::format, ..self }
    }

    /// The same range, whose help names its lower bound, too.
    #[must_use]
    pub fn naming_least(self) -> Self {
        let least = match (self.unit)(*self.bounds.start()) {
            number if number.ends_with('B') => format!("\"{number}\""),
            number => number,
        };
        Range { hint: Hint::Least(least), ..self }
    }

    /// The same range with a help of its own.
    #[must_use]
    pub fn help(self, text: &'static str) -> Self {
        Range { hint: Hint::Text(text), ..self }
    }
}

impl<T: Copy + TryInto<u64>> Limit<T> for Range {
    fn describe(&self) -> String {
        let (min, max) = self.bounds.clone().into_inner();
        let write = self.unit;
        match (min, max) {
            (_, u64::MAX) => format!("at least {}", write(min)),
            (0, _) => format!("at most {}", write(max)),
            _ => format!("{} to {}", write(min), write(max)),
        }
    }

    fn check(&self, value: &T, key: &str) -> Option<Violation> {
        let value = (*value).try_into().unwrap_or(u64::MAX);
        (!self.bounds.contains(&value)).then(|| Violation {
            key: key.to_owned(),
            what: (self.what)(value),
            hint: self.hint.clone(),
        })
    }
}

/// A time that ends something.
pub struct TimeLimit {
    /// Whether 0 stands for never.
    zero: bool,
}

impl TimeLimit {
    /// More than 0.
    pub const ABOVE_ZERO: TimeLimit = TimeLimit { zero: false };
    /// More than 0, or 0 for never.
    pub const OR_NEVER: TimeLimit = TimeLimit { zero: true };
    /// The longest; it also keeps timer arithmetic far from overflow.
    const MAX: Duration = Duration::from_secs(7 * 86_400);
}

impl Limit<Duration> for TimeLimit {
    fn describe(&self) -> String {
        let least = if self.zero { "" } else { "above 0, " };
        format!("{least}at most {}", crate::units::duration::format(Self::MAX))
    }

    fn check(&self, value: &Duration, key: &str) -> Option<Violation> {
        let (what, help) = if value.is_zero() && !self.zero {
            ("a time limit of 0 would end everything at once", "for a long one write \"1h\"")
        } else if *value > Self::MAX {
            ("longer than 7 days", "write a shorter time")
        } else {
            return None;
        };
        Some(Violation { key: key.to_owned(), what: what.to_owned(), hint: Hint::Text(help) })
    }
}

impl Limit<Option<Duration>> for TimeLimit {
    fn describe(&self) -> String {
        Limit::<Duration>::describe(self)
    }

    fn check(&self, value: &Option<Duration>, key: &str) -> Option<Violation> {
        value.as_ref().and_then(|value| self.check(value, key))
    }
}
