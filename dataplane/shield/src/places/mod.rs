//! The table of places: what the providers' APIs mean by a member, by where it stands.
//!
//! A scanner that sees only text would hide what a provider needs (the token of a page, the credential of a tool
//! server), and one that goes by names alone could be led past a secret by a member of the same name in a tool's
//! arguments. So each member that is not ordinary text is listed with its whole way from the root, in one file per API
//! under `places/`. Tokenizer, gateway, tests and the table in `docs/places.md` read the same files.
//!
//! # Paths
//!
//! ```text
//!   mcp_servers[].authorization_token     from the root: that member of each object in the array `mcp_servers`
//!   tools[].headers.*                     each member of the object `headers`
//!   messages[].images[]                   each string of the array `images` of each of the `messages`
//! ```
//!
//! A step is a member's name or `*`, each `[]` behind it one array around what follows. Names are compared byte by
//! byte. A path holds below each of the file's `roots`, ways under which the API wraps whole requests
//! (`requests[].params` of a batch); in *uploaded files* it holds only below one of `file_roots`, since a file is the
//! user's own and merely may look like a request. JSON inside a string has no places at all: it is text. There is no
//! way to write "at any depth": a tool's input is an object of the user's own, in which the same members would pass
//! unscanned.
//!
//! # One table for all
//!
//! A body is looked up in the tables of all APIs at once. An upstream's configuration says which API it speaks at most
//! by guess, and many speak several (aggregators, proxies, clouds); whole paths from the root mean the same wherever
//! they occur, or do not occur at all. What an API does not list is text.
//!
//! # Cost
//!
//! One hash of a member's name per string value, no work per byte. Only for a listed name the chain of holders is
//! compared.

mod file;
mod place;
mod table;

pub use place::{PathStep, Place, Role, Scope};
pub use table::{
    Table, all, is_link_of_reply, may_be_link_of_reply, may_hold_link_of_reply, of_header, of_parameter,
    of_requests,
};

#[cfg(test)]
mod tests;
