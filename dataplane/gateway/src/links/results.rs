//! Addresses of results inside JSON replies.
//!
//! Anthropic's message batches say where their results lie (`results_url`), and the libraries fetch them there. The
//! value is edited as the bytes stream by, at any cut; every other byte stays as it came. Only these endpoints' replies
//! are read so: elsewhere an address is text.

use aegis_wire::target::decoded;

/// Longest address that is looked at, in bytes as written. Longer ones stay as they are.
pub const MAX_LINK: usize = 4096;

/// Member of a batch that holds the address of its results.
const RESULTS: &[u8] = b"results_url";
/// Member of a list that holds batches.
const LIST: &[u8] = b"data";
/// Longest member name that is kept to be compared.
const MAX_NAME: usize = 16;
/// Where these endpoints are.
const BATCHES: [&[u8]; 3] = [b"v1", b"messages", b"batches"];

/// Whether a reply to a request for `path` (behind the base path, without query) says where results are: the list, one
/// batch, or one that is cancelled; not the results themselves. The path is compared as a lenient server reads it:
/// decoded, in any case, without empty segments.
pub fn has_result_links(path: &str) -> bool {
    let path = decoded(path);
    let mut segments = path.split(|&byte| byte == b'/').filter(|segment| !segment.is_empty());
    let begins =
        BATCHES.iter().all(|name| segments.next().is_some_and(|given| given.eq_ignore_ascii_case(name)));
    let (_id, last, more) = (segments.next(), segments.next(), segments.next());
    begins && more.is_none() && last.is_none_or(|last| last.eq_ignore_ascii_case(b"cancel"))
}

/// What a container is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ContainerKind {
    Object,
    Array,
}

/// Levels that matter: the list, its array of batches, a batch in it.
const LEVELS: usize = 3;

#[derive(Clone, Copy, PartialEq, Eq)]
enum ResultsState {
    /// Between strings.
    Outside,
    /// In a string whose content does not matter.
    Passing { escaped: bool },
    /// In a member's name.
    Name { escaped: bool },
    /// In an address; it is held back.
    Link { escaped: bool },
}

/// What becomes of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// It stays as it came.
    Kept,
    /// This one stands in its place.
    By(String),
    /// `null` stands in its place: nothing can be fetched there.
    Null,
}

/// Decides what an address becomes.
pub type Replace = Box<dyn Fn(&str) -> Replaced>;

/// Reads a JSON document piece by piece and replaces the addresses of results.
pub struct ResultLinks {
    replace: Replace,
    state: ResultsState,
    depth: usize,
    kinds: [ContainerKind; LEVELS],
    /// The next string of an object names a member.
    naming: bool,
    /// The member whose value comes next holds an address.
    expecting: bool,
    /// The member of the outermost object that is being read is the list.
    in_list: bool,
    name: Vec<u8>,
    held: Vec<u8>,
}

impl ResultLinks {
    /// A reader that asks `replace` what an address becomes.
    pub fn new(replace: Replace) -> Self {
        Self {
            replace,
            state: ResultsState::Outside,
            depth: 0,
            kinds: [ContainerKind::Object; LEVELS],
            naming: false,
            expecting: false,
            in_list: false,
            name: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Takes the next piece, and appends what can go on.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut from = 0;
        for (at, &byte) in piece.iter().enumerate() {
            match self.state {
                ResultsState::Outside => {
                    self.outside(byte);
                    if matches!(self.state, ResultsState::Link { .. }) {
                        // The quote waits with what follows it.
                        out.extend_from_slice(&piece[from..at]);
                        from = at + 1;
                    }
                }
                ResultsState::Passing { escaped } => {
                    self.state = match byte {
                        b'"' if !escaped => ResultsState::Outside,
                        _ => ResultsState::Passing { escaped: byte == b'\\' && !escaped },
                    };
                }
                ResultsState::Name { escaped: false } if byte == b'"' => self.named(),
                ResultsState::Name { escaped } => {
                    if self.name.len() <= MAX_NAME {
                        self.name.push(byte);
                    }
                    self.state = ResultsState::Name { escaped: byte == b'\\' && !escaped };
                }
                ResultsState::Link { escaped: false } if byte == b'"' => {
                    self.emit(out);
                    from = at + 1;
                    self.state = ResultsState::Outside;
                }
                ResultsState::Link { escaped } => {
                    self.held.push(byte);
                    from = at + 1;
                    self.state = ResultsState::Link { escaped: byte == b'\\' && !escaped };
                    if self.held.len() > MAX_LINK {
                        self.state = ResultsState::Passing { escaped: byte == b'\\' && !escaped };
                        out.push(b'"');
                        out.append(&mut self.held);
                    }
                }
            }
        }
        out.extend_from_slice(&piece[from..]);
    }

    /// The document has ended, or broken off: what was held back goes on as it came.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if matches!(self.state, ResultsState::Link { .. }) {
            out.push(b'"');
        }
        out.append(&mut self.held);
        self.state = ResultsState::Passing { escaped: false };
    }

    fn outside(&mut self, byte: u8) {
        match byte {
            b'"' if self.naming => {
                self.name.clear();
                self.state = ResultsState::Name { escaped: false };
            }
            b'"' if self.expecting => {
                self.expecting = false;
                self.state = ResultsState::Link { escaped: false };
            }
            b'"' => self.state = ResultsState::Passing { escaped: false },
            b'{' => self.open(ContainerKind::Object),
            b'[' => self.open(ContainerKind::Array),
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.naming = false;
                self.expecting = false;
            }
            b',' => {
                self.naming = self.kind() == Some(ContainerKind::Object);
                self.expecting = false;
            }
            _ => {}
        }
    }

    fn open(&mut self, kind: ContainerKind) {
        if let Some(level) = self.kinds.get_mut(self.depth) {
            *level = kind;
        }
        self.depth += 1;
        self.naming = self.kind() == Some(ContainerKind::Object);
        self.expecting = false;
    }

    /// What the innermost container is, as far as it matters.
    fn kind(&self) -> Option<ContainerKind> {
        self.kinds.get(self.depth.checked_sub(1)?).copied()
    }

    /// A member's name has ended.
    fn named(&mut self) {
        self.state = ResultsState::Outside;
        self.naming = false;
        let name = unescape(&self.name).unwrap_or_default();
        if self.depth == 1 {
            self.in_list = name.as_bytes() == LIST;
        }
        let batch_in_list = self.depth == LEVELS && self.in_list && self.kinds[1] == ContainerKind::Array;
        self.expecting = name.as_bytes() == RESULTS && (self.depth == 1 || batch_in_list);
    }

    /// An address has ended: it goes on, replaced or as it came.
    fn emit(&mut self, out: &mut Vec<u8>) {
        match unescape(&self.held).map_or(Replaced::Kept, |link| (self.replace)(&link)) {
            Replaced::By(link) => {
                out.push(b'"');
                write_escaped(&link, out);
                out.push(b'"');
            }
            Replaced::Null => out.extend_from_slice(b"null"),
            Replaced::Kept => {
                out.push(b'"');
                out.append(&mut self.held);
                out.push(b'"');
            }
        }
        self.held.clear();
    }
}

/// Reads a JSON string without its quotes.
fn unescape(raw: &[u8]) -> Option<String> {
    if !raw.contains(&b'\\') {
        return String::from_utf8(raw.to_vec()).ok();
    }
    let quoted = [b"\"", raw, b"\""].concat();
    serde_json::from_slice(&quoted).ok()
}

/// Writes an address, which is visible ASCII, as the content of a JSON string.
fn write_escaped(link: &str, out: &mut Vec<u8>) {
    for byte in link.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

#[cfg(test)]
mod tests;
