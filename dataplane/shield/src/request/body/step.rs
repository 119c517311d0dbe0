//! What each step of a body works with.

use crate::request::redactor::Redactor;
use crate::request::scan::scratch::ShardScratch;
use crate::request::splice::Splice;

/// The request's redactor, the shard's working memory, and where the result goes.
pub(crate) struct BodyStep<'a> {
    pub(crate) redactor: &'a mut Redactor,
    pub(crate) scratch: &'a mut ShardScratch,
    pub(crate) out: &'a mut Splice,
}

/// The bytes that a step may consume.
#[derive(Clone, Copy)]
pub(crate) struct Input<'a> {
    pub(crate) bytes: &'a [u8],
    /// Whether the text ends with them.
    pub(crate) last: bool,
}
