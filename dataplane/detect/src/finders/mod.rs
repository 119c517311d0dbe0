//! The finders: each reads on from what the engine, or a pass of its own, found, and yields candidates.

pub(crate) mod assignment;
pub(crate) mod key;
pub(crate) mod known;
pub(crate) mod manifest;
pub(crate) mod personal;
pub(crate) mod userinfo;
