//! Compiled rules: how they are selected, built, cached, what they cost, and what may be asked of them.

mod builder;
mod builtin_rules;
mod cache;
mod cost;
mod load;
mod selection;
mod set;
mod table;

pub use cache::CacheKey;
pub use cost::Cost;
pub use selection::Selection;
pub(crate) use set::{EngineTarget, Set};
pub use table::Rules;
