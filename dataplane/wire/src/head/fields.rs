//! Header fields in one flat buffer.
//!
//! The buffer holds the fields exactly as they are written to an HTTP/1 connection (`name: value\r\n`), with an index
//! beside it. Writing a head whose fields were not changed is then one copy, and a head that is reused for the next
//! message allocates nothing.

#![expect(
    clippy::cast_possible_truncation,
    reason = "a name has at most `MAX_NAME_LEN` bytes, and a head stays far below 4 GiB"
)]

use std::fmt;

/// The most bytes a single name may have. Longer names are refused by [`Fields::push`].
pub const MAX_NAME_LEN: usize = 1024;

/// Bytes between name and value in the stored line.
const SEPARATOR: &[u8] = b": ";
/// Bytes after the value in the stored line.
const LINE_END: &[u8] = b"\r\n";

/// Whether a field of this name (lower case) describes one connection or the framing of one message and so never
/// travels further (RFC 9110 section 7.6.1): the writers say what is true for their own connection.
pub fn is_connection_field(name: &[u8]) -> bool {
    matches!(
        name,
        b"connection"
            | b"content-length"
            | b"host"
            | b"keep-alive"
            | b"proxy-connection"
            | b"proxy-authorization"
            | b"te"
            | b"trailer"
            | b"transfer-encoding"
            | b"upgrade"
    )
}

/// Where one field lies in the buffer.
#[derive(Debug, Clone, Copy)]
struct FieldEntry {
    start: u32,
    end: u32,
    name_len: u16,
}

impl FieldEntry {
    fn name<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        &data[self.start as usize..self.start as usize + usize::from(self.name_len)]
    }

    fn value<'a>(&self, data: &'a [u8]) -> &'a [u8] {
        let start = self.start as usize + usize::from(self.name_len) + SEPARATOR.len();
        &data[start..self.end as usize - LINE_END.len()]
    }
}

/// Why a field was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// The name is empty, longer than [`MAX_NAME_LEN`] or not a token (RFC 9110 section 5.6.2).
    #[error("the field name is not a token")]
    Name,
    /// The value holds a control byte other than TAB (CR, LF and NUL among them).
    #[error("the field value holds a control byte")]
    Value,
    /// The field belongs to one connection or to the framing, see [`is_connection_field`].
    #[error("the field belongs to one connection and is written by the codec")]
    Connection,
}

/// The header fields of a message, in their order, names in lower case.
///
/// `get`, `remove` and their kin expect the name in lower case. Fields that belong to one connection, to the framing,
/// or that a `connection` field names are never in here: what they say is in the parse result, and the writers say it
/// anew. The one exception is the `content-length` of a reply that has no body by definition (HEAD, 304).
#[derive(Clone, Default)]
pub struct Fields {
    data: Vec<u8>,
    index: Vec<FieldEntry>,
    /// See [`Self::spelled_names`].
    spelled: Vec<u8>,
}

impl Fields {
    /// No fields, nothing allocated.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all fields and keeps the memory.
    pub fn clear(&mut self) {
        self.data.clear();
        self.index.clear();
        self.spelled.clear();
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Bytes of memory held, used or not.
    #[cfg(test)]
    pub(super) fn capacity_bytes(&self) -> usize {
        self.data.capacity() + self.index.capacity() * size_of::<FieldEntry>() + self.spelled.capacity()
    }

    /// Adds a field after the others. The name is stored in lower case; surrounding spaces of the value are dropped.
    pub fn push(&mut self, name: &[u8], value: &[u8]) -> Result<(), FieldError> {
        if name.is_empty() || name.len() > MAX_NAME_LEN || !name.iter().all(|&b| is_token_byte(b)) {
            return Err(FieldError::Name);
        }
        if !value.iter().all(|&b| is_value_byte(b)) {
            return Err(FieldError::Value);
        }
        let start = self.data.len();
        self.store(name, trim(value));
        if is_connection_field(&self.data[start..start + name.len()]) {
            self.data.truncate(start);
            self.index.pop();
            return Err(FieldError::Connection);
        }
        Ok(())
    }

    /// Replaces all fields of this name by one.
    pub fn set(&mut self, name: &[u8], value: &[u8]) -> Result<(), FieldError> {
        let kept = self.index.len();
        self.push(name, value)?;
        let data = &self.data;
        let mut at = 0;
        self.index.retain(|entry| {
            at += 1;
            at > kept || !entry.name(data).eq_ignore_ascii_case(name)
        });
        Ok(())
    }

    /// Adds a field whose name and value have been checked by a parser.
    pub(crate) fn store(&mut self, name: &[u8], value: &[u8]) {
        let start = self.data.len();
        self.data.extend_from_slice(name);
        self.data[start..].make_ascii_lowercase();
        self.data.extend_from_slice(SEPARATOR);
        self.data.extend_from_slice(value);
        self.data.extend_from_slice(LINE_END);
        self.index(start, name.len());
    }

    /// Adds a field that a parser found in `lines`, of which name and value are parts: with one copy if its line is
    /// written there as it is stored here.
    pub(crate) fn store_from(&mut self, lines: &[u8], name: &[u8], value: &[u8]) {
        let start = name.as_ptr().addr().wrapping_sub(lines.as_ptr().addr());
        let len = name.len() + SEPARATOR.len() + value.len() + LINE_END.len();
        match lines.get(start..start.saturating_add(len)) {
            Some(line) if line[name.len()..].starts_with(SEPARATOR) && line.ends_with(LINE_END) => {
                let stored = self.data.len();
                self.data.extend_from_slice(line);
                self.data[stored..stored + name.len()].make_ascii_lowercase();
                self.index(stored, name.len());
            }
            _ => self.store(name, value),
        }
    }

    /// Remembers how a name was spelled, if it has capitals.
    pub(crate) fn keep_spelling(&mut self, name: &[u8]) {
        if name.iter().any(u8::is_ascii_uppercase) {
            self.spelled.extend_from_slice(name);
            self.spelled.push(b'\n');
        }
    }

    /// The names of a request's fields that came with capitals, as they came, a line feed behind each: the stored names
    /// do not show what stood there. Fields that were removed since are among them.
    pub fn spelled_names(&self) -> &[u8] {
        &self.spelled
    }

    /// Enters the field whose line was stored from `start` on.
    fn index(&mut self, start: usize, name_len: usize) {
        self.index.push(FieldEntry {
            start: start as u32,
            end: self.data.len() as u32,
            name_len: name_len as u16,
        });
    }

    /// The value of the first field of this name.
    pub fn get<'a>(&'a self, name: &[u8]) -> Option<&'a [u8]> {
        self.get_all(name).next()
    }

    /// The values of all fields of this name, in order.
    pub fn get_all<'a, 'n>(&'a self, name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        debug_assert!(!name.iter().any(u8::is_ascii_uppercase), "names are asked for in lower case");
        self.index
            .iter()
            .filter(move |e| e.name_len as usize == name.len() && e.name(&self.data) == name)
            .map(|e| e.value(&self.data))
    }

    /// Whether there is a field of this name.
    pub fn contains(&self, name: &[u8]) -> bool {
        self.get(name).is_some()
    }

    /// Name and value of every field, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.index.iter().map(|e| (e.name(&self.data), e.value(&self.data)))
    }

    /// Removes all fields of this name; says whether there were any.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        debug_assert!(!name.iter().any(u8::is_ascii_uppercase), "names are removed in lower case");
        let before = self.index.len();
        let data = &self.data;
        self.index.retain(|e| e.name(data) != name);
        before != self.index.len()
    }

    /// Keeps the fields for which `keep` says yes.
    pub fn retain(&mut self, mut keep: impl FnMut(&[u8], &[u8]) -> bool) {
        let data = &self.data;
        self.index.retain(|e| keep(e.name(data), e.value(data)));
    }

    /// The value of `content-type`.
    pub fn content_type(&self) -> Option<&[u8]> {
        self.get(b"content-type")
    }

    /// Notes the `content-length` of a reply that has no body by definition (HEAD, 304), where it is information only.
    pub fn set_described_length(&mut self, length: u64) {
        self.remove(b"content-length");
        self.store(b"content-length", length.to_string().as_bytes());
    }

    /// The number in `content-length`; `None` when it is missing, repeated or not a plain number.
    ///
    /// Only the metadata of a reply without a body is ever found here; the length of a body is in the parse result.
    pub fn content_length(&self) -> Option<u64> {
        let mut values = self.get_all(b"content-length");
        let value = values.next()?;
        if values.next().is_some() { None } else { parse_length(value) }
    }

    /// Whether `token` is an element of the comma-separated lists in the fields of this name, in any case.
    pub fn has_token(&self, name: &[u8], token: &[u8]) -> bool {
        self.get_all(name).any(|value| list(value).any(|item| item.eq_ignore_ascii_case(token)))
    }

    /// Removes the fields that a comma-separated list names, as the value of a `connection` field does.
    pub fn remove_listed(&mut self, names: &[u8]) {
        let data = &self.data;
        self.index.retain(|e| !list(names).any(|n| n.eq_ignore_ascii_case(e.name(data))));
    }

    /// Appends the fields as HTTP/1 lines (`name: value\r\n`), in runs as long as the buffer allows.
    pub fn write_lines(&self, out: &mut Vec<u8>) {
        let mut entries = self.index.iter();
        let Some(first) = entries.next() else { return };
        let (mut start, mut end) = (first.start, first.end);
        for entry in entries {
            if entry.start != end {
                out.extend_from_slice(&self.data[start as usize..end as usize]);
                start = entry.start;
            }
            end = entry.end;
        }
        out.extend_from_slice(&self.data[start as usize..end as usize]);
    }
}

/// Equal when names and values are equal in the same order.
impl PartialEq for Fields {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Fields {}

/// Names and lengths only: values hold credentials.
impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.iter().map(|(name, value)| (String::from_utf8_lossy(name), value.len()));
        f.debug_map().entries(names).finish()
    }
}

/// The value without spaces and tabs around it.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// The elements of a comma-separated list, trimmed, empty ones left out (RFC 9110 section 5.6.1).
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|item| !item.is_empty())
}

/// A number as `content-length` has it: digits only, no sign, no list, fits 64 bits.
pub(crate) fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0u64, |sum, &b| {
        if !b.is_ascii_digit() {
            return None;
        }
        sum.checked_mul(10)?.checked_add(u64::from(b - b'0'))
    })
}

/// A byte of a token (RFC 9110 section 5.6.2).
pub(crate) fn is_token_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

/// A byte that a field value may have: TAB, visible ASCII, space, and the upper half.
pub(crate) fn is_value_byte(b: u8) -> bool {
    b == b'\t' || (b >= b' ' && b != 0x7f)
}
