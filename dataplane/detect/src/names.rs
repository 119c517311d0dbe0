//! The words by which values of public enumerations are called, in rule files, settings and output.

use std::fmt;

/// A word that is no value of an enumeration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    /// What the word should have named.
    pub what: &'static str,
    /// The word.
    pub name: String,
    /// The words that there are.
    pub known: &'static [&'static str],
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no {}; there are: {}", self.name.escape_debug(), self.what, self.known.join(", "))
    }
}

impl std::error::Error for UnknownName {}

/// Gives an enumeration its words: `ALL`, a method for the word, `Display` and `FromStr`. Serde's traits are derived
/// with `rename_all = "lowercase"`, which gives the same words.
macro_rules! names {
    ($type:ident, $method:ident, $what:literal, { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// All values, in their order.
            pub const ALL: [$type; [$($name),+].len()] = [$($type::$variant),+];

            /// The lower-case word, as it stands in rule files, settings and output.
            pub const fn $method(self) -> &'static str {
                match self {
                    $($type::$variant => $name),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.$method())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::names::UnknownName;

            fn from_str(name: &str) -> Result<$type, Self::Err> {
                $type::ALL.into_iter().find(|value| value.$method() == name).ok_or_else(|| {
                    $crate::names::UnknownName { what: $what, name: name.to_owned(), known: &[$($name),+] }
                })
            }
        }
    };
}

pub(crate) use names;
