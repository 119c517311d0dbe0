//! What a rule is: how it is written in a file, what its users may ask of it, and what the finders need of it.

mod compiled;
mod description;
mod error;
pub(crate) mod file;
mod kinds;
mod service_names;

pub(crate) use compiled::{Compiled, Keyword};
pub use description::{Rule, RuleSource};
pub use error::{FilePosition, RuleError};
pub use kinds::{Category, Pack, Severity};
pub(crate) use kinds::{Finder, PERSONAL_KINDS, PersonalKind, Strength};
pub(crate) use service_names::{MAX_SERVICE, ServiceNames};
