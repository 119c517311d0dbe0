//! Assignments: `password = "..."`, `API_KEY: ...`, `--token x`, and a hundred ways more to write them.
//!
//! The engine finds only the keyword; a regular expression for all that may stand between a keyword and its value
//! would be slow and wrong. From the keyword on, the name, the operator, the quotes and the value are parsed by hand,
//! each with a small bound, and the value is judged by `classify`. Vendor rules ask for a shape of the value instead.

mod ampersand;
mod call;
mod classify;
mod code;
mod command;
mod devices;
mod element;
mod fallback;
mod field;
mod find;
mod member;
mod name;
mod object;
mod parse;
mod password_source;
mod place;
mod printed;
mod prose;
mod quotes;
mod read;
mod remote;
mod service;
mod settings;
mod table;
mod written;

pub(crate) use call::{find as find_call, is_known as is_known_call};
pub(crate) use command::{find as find_command, is_known as is_known_command};
pub(crate) use find::{ServiceSearch, find, has_escape_at};
