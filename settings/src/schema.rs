//! How a setting is declared: name, type, default, meaning, range and restart rule in one place.
//!
//! [`section!`](crate::section!) makes of such a declaration the struct that serde fills in, its default, and what [`Setting`] reports
//! about it. Reference, example file, page of settings and checks of ranges are all made from those reports.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{DeserializeOwned, Error as _, Visitor, value::Error};
use serde::{Deserialize, Deserializer, Serialize, forward_to_deserialize_any};

use crate::key::{Key, SettingKind};
use crate::range::Violation;
use crate::secret::Secret;

/// The type of a setting, or of a section with settings in it.
pub trait Setting: PartialEq + Sized {
    /// What a key of this type takes.
    fn kind() -> SettingKind;

    /// What a key takes whose value is a list of this type.
    fn list_kind() -> SettingKind {
        SettingKind::Texts
    }

    /// Appends `key`, or the keys below it.
    fn describe(key: Key, keys: &mut Vec<Key>) {
        keys.push(key);
    }

    /// Appends the values below `path` that are out of their range.
    fn check_ranges(&self, _path: &str, _violations: &mut Vec<Violation>) {}

    /// Appends the keys below `path` that differ in `new` and are read at the start only.
    fn changed_at_start(&self, _new: &Self, _path: &str, _keys: &mut Vec<String>) {}
}

/// Implements [`Setting`] for types that hold one value.
macro_rules! value_types {
    ($($type:ty => $kind:expr, $list:expr;)+) => {
        $(impl Setting for $type {
            fn kind() -> SettingKind {
                $kind
            }

            fn list_kind() -> SettingKind {
                $list
            }
        })+
    };
}

value_types! {
    String => SettingKind::Text, SettingKind::Texts;
    PathBuf => SettingKind::Path, SettingKind::Paths;
    SocketAddr => SettingKind::Address, SettingKind::Addresses;
    char => SettingKind::Letter, SettingKind::Texts;
    bool => SettingKind::Switch, SettingKind::Texts;
    u32 => SettingKind::Number, SettingKind::Texts;
    u64 => SettingKind::Number, SettingKind::Texts;
    usize => SettingKind::Number, SettingKind::Texts;
    Duration => SettingKind::Duration, SettingKind::Texts;
    Secret => SettingKind::Secret, SettingKind::Texts;
}

/// Implements [`Setting`] for enums whose variants are words.
#[macro_export]
macro_rules! choices {
    ($($type:ty),+ $(,)?) => {
        $(impl $crate::schema::Setting for $type {
            fn kind() -> $crate::key::SettingKind {
                $crate::key::SettingKind::Choice($crate::schema::words_of::<Self>())
            }

            fn list_kind() -> $crate::key::SettingKind {
                $crate::key::SettingKind::Choices($crate::schema::words_of::<Self>())
            }
        })+
    };
}

/// A choice whose words another crate declares, with serde: this crate's trait cannot be implemented for its type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Word<T>(pub T);

impl<T: Serialize + DeserializeOwned + PartialEq> Setting for Word<T> {
    fn kind() -> SettingKind {
        SettingKind::Choice(words_of::<T>())
    }

    fn list_kind() -> SettingKind {
        SettingKind::Choices(words_of::<T>())
    }
}

/// The values of a list of words.
pub fn words<T: Copy>(words: &[Word<T>]) -> Vec<T> {
    words.iter().map(|word| word.0).collect()
}

impl<T: Setting> Setting for Option<T> {
    fn kind() -> SettingKind {
        T::kind()
    }

    fn describe(key: Key, keys: &mut Vec<Key>) {
        T::describe(key, keys);
    }
}

impl<T: Setting> Setting for Vec<T> {
    fn kind() -> SettingKind {
        T::list_kind()
    }

    fn describe(key: Key, keys: &mut Vec<Key>) {
        let item = Key { path: format!("{}[]", key.path), ..key.clone() };
        keys.push(key);
        if T::list_kind() == SettingKind::Tables {
            T::describe(item, keys);
        }
    }
}

impl<T: Setting> Setting for BTreeMap<String, T> {
    fn kind() -> SettingKind {
        T::kind()
    }

    fn describe(key: Key, keys: &mut Vec<Key>) {
        T::describe(Key { path: format!("{}.*", key.path), ..key }, keys);
    }

    fn check_ranges(&self, path: &str, violations: &mut Vec<Violation>) {
        for (name, value) in self {
            value.check_ranges(&below(path, name), violations);
        }
    }
}

/// The path of `name` below `path`, which is empty at the top.
pub fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The lines of a doc comment as one text.
pub fn flowing(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

/// A default as it is written in TOML; empty for a table and for what is absent.
pub fn default_text(value: Option<&toml::Value>) -> String {
    value.filter(|value| !value.is_table()).map(ToString::to_string).unwrap_or_default()
}

/// `value` as TOML; none for what has no form there.
pub fn to_toml(value: &impl Serialize) -> Option<toml::Value> {
    toml::Value::try_from(value).ok()
}

/// The words that serde takes for an enum of type `T`, in the order of its variants.
pub fn words_of<T: DeserializeOwned>() -> &'static [&'static str] {
    let words = Cell::new(&[][..]);
    // The probe has no value to give, so this is an error; by then the words are known.
    let _ = T::deserialize(WordProbe(&words));
    words.get()
}

/// A source of nothing that notes which variants it was asked for.
struct WordProbe<'a>(&'a Cell<&'static [&'static str]>);

impl<'de> Deserializer<'de> for WordProbe<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no value"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.0.set(variants);
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// Declares a section of the configuration: a public struct with serde's traits, `Default` and [`Setting`].
///
/// The doc comment of a field is the meaning of its key, word for word as people read it. After name and type come,
/// each where it applies: `= DEFAULT`; `with:` the serde adapter; `kind:` when the type does not say it; `range:` the
/// values that will do; `restart: true` when a change takes effect at the next start only; `example:` a value for the
/// example file. Fields under `beside` are no settings.
#[macro_export]
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        $name:ident {
            $(
                $(#[doc = $help:literal])+
                $field:ident: $type:ty $(= $default:expr)?
                    $(, with: $with:literal)?
                    $(, kind: $kind:expr)?
                    $(, range: $range:expr)?
                    $(, restart: $restart:literal)?
                    $(, example: $example:literal)?;
            )+
        }
        $(beside { $($(#[doc = $note:literal])+ $beside:ident: $beside_type:ty,)+ })?
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $help])+ $(#[serde(with = $with)])? pub $field: $type,)+
            $($($(#[doc = $note])+ #[serde(skip)] pub $beside: $beside_type,)+)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: $crate::schema::or_default!($($default)?),)+
                    $($($beside: Default::default(),)+)?
                }
            }
        }

        impl $crate::schema::Setting for $name {
            fn kind() -> $crate::key::SettingKind {
                $crate::key::SettingKind::Tables
            }

            fn describe(section: $crate::key::Key, keys: &mut Vec<$crate::key::Key>) {
                use $crate::key::Key;
                use $crate::schema::{Setting, below, default_text, flowing, to_toml};
                let defaults = to_toml(&Self::default());
                $(<$type as Setting>::describe(
                    Key {
                        path: below(&section.path, stringify!($field)),
                        kind: $crate::schema::or_kind!($type $(, $kind)?),
                        default: default_text(defaults.as_ref().and_then(|table| table.get(stringify!($field)))),
                        help: flowing(&[$($help),+]),
                        range: String::new() $(+ &$crate::range::Limit::<$type>::describe(&$range))?,
                        restart: section.restart $(|| $restart)?,
                        example: $crate::schema::or_default!($($example)?),
                    },
                    keys,
                );)+
            }

            fn check_ranges(&self, path: &str, violations: &mut Vec<$crate::range::Violation>) {
                use $crate::schema::below;
                $(
                    $(violations.extend($crate::range::Limit::<$type>::check(
                        &$range,
                        &self.$field,
                        &below(path, stringify!($field)),
                    ));)?
                    self.$field.check_ranges(&below(path, stringify!($field)), violations);
                )+
            }

            fn changed_at_start(&self, new: &Self, path: &str, keys: &mut Vec<String>) {
                use $crate::schema::below;
                $(if false $(|| $restart)? {
                    if self.$field != new.$field {
                        keys.push(below(path, stringify!($field)));
                    }
                } else {
                    self.$field.changed_at_start(&new.$field, &below(path, stringify!($field)), keys);
                })+
            }
        }
    };
}

/// Declares the tables of a list: as [`section!`](crate::section!), but a field without a default must be given.
#[macro_export]
macro_rules! list_item {
    (
        $(#[doc = $about:literal])+
        $name:ident {
            $(
                $(#[doc = $help:literal])+
                $field:ident: $type:ty $(= $default:expr)? $(, example: $example:literal)?;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[doc = $help])+ $(#[doc = concat!("\n\nDefault: `", stringify!($default), "`")] #[serde(default)])?
            pub $field: $type,)+
        }

        impl $crate::schema::Setting for $name {
            fn kind() -> $crate::key::SettingKind {
                $crate::key::SettingKind::Tables
            }

            fn list_kind() -> $crate::key::SettingKind {
                $crate::key::SettingKind::Tables
            }

            fn describe(item: $crate::key::Key, keys: &mut Vec<$crate::key::Key>) {
                use $crate::key::Key;
                use $crate::schema::{Setting, below, flowing};
                $(<$type as Setting>::describe(
                    Key {
                        path: below(&item.path, stringify!($field)),
                        kind: <$type as Setting>::kind(),
                        default: String::new() $(+ &{
                            let default: $type = $default;
                            $crate::schema::default_text($crate::schema::to_toml(&default).as_ref())
                        })?,
                        help: flowing(&[$($help),+]),
                        range: String::new(),
                        restart: item.restart,
                        example: $crate::schema::or_default!($($example)?),
                    },
                    keys,
                );)+
            }
        }
    };
}

/// The default that was declared, else that of the type.
#[macro_export]
macro_rules! or_default {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}
pub use or_default;

/// The kind that was declared, else that of the type.
#[macro_export]
macro_rules! or_kind {
    ($type:ty) => {
        <$type as $crate::schema::Setting>::kind()
    };
    ($type:ty, $kind:expr) => {
        $kind
    };
}
pub use or_kind;
