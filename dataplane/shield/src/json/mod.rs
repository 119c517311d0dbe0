//! JSON as a stream of lexemes: strict, resumable at any byte, in constant memory, without recursion over the
//! document.
//!
//! - [`lexer`] reads one layer of JSON: structure, scalars, strings, escapes.
//! - [`nested`] stacks lexers, since tool arguments and tool results are JSON inside JSON strings.
//! - [`escape`] is the way back: it writes a value so that it survives a number of string layers.
//! - [`find`] skips over plain runs of strings 64 bytes at a time.
//!
//! Both directions use this module: the tokenizer to see secrets in their innermost decoded form, the
//! rehydrator to know how deep a token stands. It never changes or copies a document.

pub mod escape;
pub(crate) mod find;
pub mod lexer;
pub mod nested;
mod unescape;

pub use escape::escape_into;
pub(crate) use escape::{MAX_QUOTE_LAYERS, quote_layers};
pub use lexer::{Container, LexFault, LexStep, Lexer, MAX_DEPTH, StringRole, SyntaxError};
pub use nested::{Lexeme, LexemeKind, MAX_LAYERS, Nested, Sink};
pub use unescape::Unescaped;
pub(crate) use unescape::unescaped;
