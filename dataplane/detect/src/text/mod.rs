//! The text that is scanned: a window of it, spans in it, a cursor over it, its lines, and how far each verdict may look.

pub(crate) mod cursor;
mod limits;
pub(crate) mod lines;
pub(crate) mod listing;
mod span;
pub(crate) mod terminal;
mod view;

pub use limits::{LEFT_CONTEXT, LOOKAHEAD, MAX_SECRET_LEN};
pub use span::Span;
pub(crate) use view::{TextView, TooShort};
