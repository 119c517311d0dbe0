//! A flat list of the values of one small JSON text, with the byte ranges that they were read from.
//!
//! An event of a stream is a few hundred bytes, is looked at once, and must keep every byte that is not edited.
//! Parsers that build values, or decode strings into buffers of their own, lose where a string stood; this one
//! keeps nothing but that. Its list is reused from event to event, so a warm one allocates nothing.

#![expect(
    clippy::cast_possible_truncation,
    reason = "`MAX_NODES` bounds the indices, and a text of 4 GiB or more is not read"
)]

use std::ops::Range;

use crate::json::find::string_special;

/// Values in one text; a text with more is not read.
pub(crate) const MAX_NODES: usize = 4096;
/// Objects and arrays in each other; a deeper text is not read.
pub(crate) const MAX_DEPTH: usize = 128;

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum JsonKind {
    Object,
    Array,
    /// A string; its range is what stands between the quotes.
    Text,
    /// A number, `true`, `false` or `null`.
    Scalar,
}

/// A range of the text, in bytes, half as large as a `Range<usize>`.
#[derive(Clone, Copy, Debug, Default)]
struct CompactSpan {
    start: u32,
    end: u32,
}

impl CompactSpan {
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// One value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) kind: JsonKind,
    /// Index of the container; the root is its own.
    pub(crate) parent: u16,
    /// Position among the values of the container.
    pub(crate) ordinal: u16,
    /// Index of the first value after this one and all in it.
    next: u16,
    key: CompactSpan,
    span: CompactSpan,
}

impl Node {
    /// The key's range without quotes; empty in an array.
    pub(crate) fn key(&self) -> Range<usize> {
        self.key.range()
    }

    /// The value's range; of a string without its quotes.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.range()
    }

    /// The range of the whole member as it is written: key, colon and value with its quotes.
    pub(crate) fn member(&self) -> Range<usize> {
        let quote = usize::from(self.kind == JsonKind::Text);
        let value = self.span().start - quote;
        let start = if self.key.start == 0 { value } else { self.key().start - 1 };
        start..self.span().end + quote
    }
}

/// See the module's documentation. Node 0 is the root.
#[derive(Default)]
pub(crate) struct JsonIndex {
    nodes: Vec<Node>,
    open: Vec<(u16, u16)>,
}

impl JsonIndex {
    /// All values, in the order in which they begin.
    pub(crate) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    pub(crate) fn node(&self, index: usize) -> &Node {
        &self.nodes[index]
    }

    /// The container of a value; the root has none.
    pub(crate) fn parent(&self, index: usize) -> Option<usize> {
        (index > 0).then(|| usize::from(self.nodes[index].parent))
    }

    /// The members or items of a container.
    pub(crate) fn children(&self, container: usize) -> impl Iterator<Item = usize> {
        let end = usize::from(self.nodes[container].next);
        let mut at = container + 1;
        std::iter::from_fn(move || {
            let child = (at < end).then_some(at)?;
            at = usize::from(self.nodes[child].next);
            Some(child)
        })
    }

    /// The member of `object` under `key`.
    pub(crate) fn child(&self, text: &[u8], object: usize, key: &[u8]) -> Option<usize> {
        self.children(object).find(|&index| &text[self.nodes[index].key()] == key)
    }

    /// The text of the string member of `object` under `key`, as it is written.
    pub(crate) fn string<'t>(&self, text: &'t [u8], object: usize, key: &[u8]) -> Option<&'t [u8]> {
        let node = &self.nodes[self.child(text, object, key)?];
        (node.kind == JsonKind::Text).then(|| &text[node.span()])
    }

    /// The small whole number under `key` of `object`.
    pub(crate) fn number(&self, text: &[u8], object: usize, key: &[u8]) -> Option<u64> {
        let node = &self.nodes[self.child(text, object, key)?];
        std::str::from_utf8(&text[node.span()]).ok()?.parse().ok()
    }

    /// Reads `text`, which must be one JSON value and white space. If it is not, or is too large, the answer is
    /// `false` and the list means nothing.
    pub(crate) fn read(&mut self, text: &[u8]) -> bool {
        self.nodes.clear();
        self.open.clear();
        self.read_all(text).is_some()
    }

    fn read_all(&mut self, text: &[u8]) -> Option<()> {
        u32::try_from(text.len()).ok()?;
        let mut at = white(text, 0);
        let mut key = CompactSpan::default();
        loop {
            at = self.read_value(text, at, key)?;
            loop {
                at = white(text, at);
                let Some(&(container, _)) = self.open.last() else {
                    return (at == text.len()).then_some(());
                };
                let object = self.nodes[usize::from(container)].kind == JsonKind::Object;
                match (text.get(at)?, object) {
                    (b',', _) if !self.is_just_opened() => {
                        at = white(text, at + 1);
                        break;
                    }
                    (b'}', true) | (b']', false) => {
                        at += 1;
                        let next = self.nodes.len() as u16;
                        let closed = &mut self.nodes[usize::from(container)];
                        (closed.span.end, closed.next) = (at as u32, next);
                        self.open.pop();
                    }
                    _ if self.is_just_opened() => break,
                    _ => return None,
                }
            }
            let in_object = self
                .open
                .last()
                .is_some_and(|&(container, _)| self.nodes[usize::from(container)].kind == JsonKind::Object);
            key = CompactSpan::default();
            if in_object {
                let end = string_end(text, at)?;
                key = CompactSpan { start: at as u32 + 1, end: end as u32 };
                at = white(text, end + 1);
                if text.get(at) != Some(&b':') {
                    return None;
                }
                at = white(text, at + 1);
            }
        }
    }

    /// Whether the innermost container has no value yet.
    fn is_just_opened(&self) -> bool {
        self.open.last().is_some_and(|&(_, count)| count == 0)
    }

    fn read_value(&mut self, text: &[u8], at: usize, key: CompactSpan) -> Option<usize> {
        let (kind, start, end, next) = match *text.get(at)? {
            b'{' => (JsonKind::Object, at, text.len(), at + 1),
            b'[' => (JsonKind::Array, at, text.len(), at + 1),
            b'"' => {
                let end = string_end(text, at)?;
                (JsonKind::Text, at + 1, end, end + 1)
            }
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                let end = scalar_end(text, at);
                (JsonKind::Scalar, at, end, end)
            }
            _ => return None,
        };
        if self.nodes.len() == MAX_NODES {
            return None;
        }
        let index = self.nodes.len() as u16;
        let (parent, ordinal) = self.open.last_mut().map_or((0, 0), |(container, count)| {
            *count += 1;
            (*container, *count - 1)
        });
        let span = CompactSpan { start: start as u32, end: end as u32 };
        self.nodes.push(Node { kind, parent, ordinal, next: index + 1, key, span });
        if matches!(kind, JsonKind::Object | JsonKind::Array) {
            if self.open.len() == MAX_DEPTH {
                return None;
            }
            self.open.push((index, 0));
        }
        Some(next)
    }
}

fn white(text: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\n' | b'\r' | b'\t') = text.get(at) {
        at += 1;
    }
    at
}

/// The offset of the closing quote of the string whose opening quote is at `at`. A string over several lines is
/// none, so that no edit crosses the lines of an event.
pub(crate) fn string_end(text: &[u8], at: usize) -> Option<usize> {
    if text.get(at) != Some(&b'"') {
        return None;
    }
    let mut end = at + 1;
    loop {
        end = string_special(text, end);
        match text.get(end)? {
            b'"' => return Some(end),
            b'\\' if *text.get(end + 1)? >= b' ' => end += 2,
            _ => return None,
        }
    }
}

fn scalar_end(text: &[u8], at: usize) -> usize {
    let more = |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    at + text[at..].iter().take_while(more).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Option<JsonIndex> {
        let mut values = JsonIndex::default();
        values.read(text.as_bytes()).then_some(values)
    }

    #[test]
    fn lists_values_with_their_places() {
        let text = r#" {"a" : [1, {"b":"x\"y"}, []], "c": null} "#;
        let values = values(text).unwrap();
        let written: Vec<_> = values.nodes().iter().map(|node| &text[node.member()]).collect();
        let expected = [
            r#"{"a" : [1, {"b":"x\"y"}, []], "c": null}"#,
            r#""a" : [1, {"b":"x\"y"}, []]"#,
            "1",
            r#"{"b":"x\"y"}"#,
            r#""b":"x\"y""#,
            "[]",
            r#""c": null"#,
        ];
        assert_eq!(written, expected);
        assert_eq!(values.children(0).collect::<Vec<_>>(), [1, 6]);
        assert_eq!(values.children(1).map(|index| values.node(index).ordinal).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(values.string(text.as_bytes(), 3, b"b"), Some(&br#"x\"y"#[..]));
        assert_eq!(values.number(text.as_bytes(), 0, b"c"), None);
        assert_eq!(values.parent(4), Some(3));
    }

    #[test]
    fn accepts_any_value_and_nothing_else() {
        for text in ["1", "\"x\"", "[]", "{}", "[[],{}]", "{\"\":\"\"}", " true "] {
            assert!(values(text).is_some(), "{text}");
        }
        for text in [
            "",
            "x",
            "{",
            "[1",
            "{\"a\"}",
            "{\"a\":}",
            "[1,]",
            "{,}",
            "[,1]",
            "{\"a\":1,}",
            "[1 2]",
            "\"x",
            "\"\n\"",
            "\"\\\n\"",
            "{]",
            "[1}",
        ] {
            assert!(values(text).is_none(), "{text}");
        }
    }

    #[test]
    fn size_has_limits() {
        let wide = |count: usize| format!("[{}]", vec!["1"; count].join(","));
        assert!(values(&wide(MAX_NODES - 1)).is_some());
        assert!(values(&wide(MAX_NODES)).is_none());
        let deep = |count: usize| "[".repeat(count) + &"]".repeat(count);
        assert!(values(&deep(MAX_DEPTH)).is_some());
        assert!(values(&deep(MAX_DEPTH + 1)).is_none());
    }
}
