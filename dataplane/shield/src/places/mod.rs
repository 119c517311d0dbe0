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
//! # The file
//!
//! A file of an API, named in `file.rs`, has four members of its own and any number of rows `[[place]]`:
//!
//! | of the file | meaning |
//! |---|---|
//! | `roots` | where whole requests stand in a body; `""` is its root |
//! | `file_roots` | where they stand in an uploaded file, such as a line of a batch |
//! | `signed_types` | what `type` says in objects that hold something sealed or signed |
//! | `history_paths` | segments of request paths, joined by `/`, behind which the provider keeps what was sent before; `*` is any one segment |
//!
//! | of a row | meaning |
//! |---|---|
//! | `role` | `credential`, `page_token`, `link`, `sealed`, `signed`, `media`; `offset` and `structure` only say what stands there, and change nothing |
//! | `paths` | places in JSON, with `examples` |
//! | `query`, `headers` | names of query parameters, known in any case, and of header fields, written in lower case |
//! | `examples` | documents in which `"@"` stands at these places, and nowhere else; each path needs one |
//! | `near` | documents in which `"@"` stands close by, and is ordinary text |
//! | `history` | the value names something that the provider keeps of earlier requests |
//! | `only_signed_types` | the place counts only in an object whose `type` is one of the `signed_types` |
//! | `sealed_by` | for `signed`, which needs it: the member that vouches for the text, in all its spellings |
//! | `sealed_above` | how many containers further out that member stands; 0, the default, is beside the text |
//! | `untyped` | for `signed`: objects of this kind have no `type`, so none is asked for |
//! | `only_thoughts` | for `signed`: `"thought": true` stands for the type |
//! | `always_media` | for `media`: sound that may come without a head, so its bytes need not say what they are |
//!
//! `examples` and `near` are whole requests below a root. A row has paths, names, or both. A name in a path has at most 30
//! bytes. The switches are false unless they are set.
//!
//! A sealed value is base64 to its end and passes from 64 characters on (`MIN_SEALED` in `request/classify/opaque.rs`), or from
//! 16 (`MIN_SURE`) where the object's `type` is a signed one; a shorter one is scanned. Raw sound also begins at `MIN_SEALED`.
//!
//! Replies do not read these files, except for links, credentials and page tokens: they know members by name alone
//! (`dataplane/shield/src/reply/text/keys.rs`). A new place of sealed, signed or media values needs its name there too,
//! and a test of this module says so.
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
    Holder, PlaceTable, all, history, is_history_path, is_unsearched_in_reply, of_header, of_parameter,
    of_requests, structure,
};

/// The longest name in a path, in bytes: so much of a name is kept of each container that is open.
pub(crate) const MAX_NAME: usize = 30;

#[cfg(test)]
pub(crate) use table::examples;

#[cfg(test)]
mod tests;
