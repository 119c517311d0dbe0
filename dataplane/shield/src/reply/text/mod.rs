//! One text on its way to the client: finds the tokens in it, knows how deep in JSON they stand, and puts secrets in
//! their place.

pub(crate) mod context;
pub(crate) mod keys;
pub(crate) mod level;
pub(crate) mod matcher;
pub(crate) mod member_string;
pub(crate) mod member_tracker;
pub(crate) mod nesting;
pub(crate) mod output;
pub(crate) mod position_tracker;
pub(crate) mod restorer;
