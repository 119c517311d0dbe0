//! An event as its framing hands it over.

use std::ops::Range;

/// An event as its framing hands it over.
#[derive(Clone, Copy)]
pub(crate) struct FramedEvent<'a> {
    /// What came, from the first byte to the last.
    pub(crate) raw: &'a [u8],
    /// The event's text: its one data line, or all of them joined by line feeds.
    pub(crate) text: &'a [u8],
    /// Where in `raw` each line of `text` stands.
    pub(crate) lines: &'a [Range<usize>],
    /// The value of its `event:` line.
    pub(crate) name: &'a [u8],
    pub(crate) envelope: EventEnvelope<'a>,
    /// Nothing comes after it.
    pub(crate) last: bool,
}

/// What a framing puts around the text of an event.
#[derive(Clone, Copy)]
pub(crate) struct EventEnvelope<'a> {
    /// For example the `event:` line.
    pub(crate) head: &'a [u8],
    /// For example `data: `.
    pub(crate) prefix: &'a [u8],
    /// The end of the event's last line.
    pub(crate) eol: &'a [u8],
    /// The empty line.
    pub(crate) blank: &'a [u8],
}
