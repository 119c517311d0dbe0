//! The HTML tags in whose attributes clients find addresses.

/// Tags that make a client fetch something, or lead somewhere. All others may stand in a text: they fetch nothing.
const FETCHING: [&[u8]; 36] = [
    b"a",
    b"applet",
    b"area",
    b"audio",
    b"base",
    b"bgsound",
    b"blockquote",
    b"body",
    b"button",
    b"command",
    b"del",
    b"embed",
    b"feimage",
    b"form",
    b"frame",
    b"html",
    b"iframe",
    b"image",
    b"img",
    b"input",
    b"ins",
    b"link",
    b"meta",
    b"object",
    b"param",
    b"portal",
    b"q",
    b"script",
    b"source",
    b"table",
    b"td",
    b"th",
    b"tr",
    b"track",
    b"use",
    b"video",
];
/// Bytes of the longest of them.
const MAX_NAME: usize = 10;

/// Where in a tag the text is, as HTML reads it (section 13.2.5 of the standard).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum TagState {
    #[default]
    Outside,
    Name,
    BeforeAttribute,
    Attribute,
    AfterAttribute,
    BeforeValue,
    /// With its quote, or 0 where it has none.
    Value(u8),
}

/// Follows the tags of a text.
#[derive(Clone, Copy, Default)]
pub(crate) struct TagReader {
    state: TagState,
    name: [u8; MAX_NAME],
    len: u8,
    /// An address in this tag leads to an unknown host.
    is_tainted: bool,
    /// A `base` did, so that every relative address behind it does.
    is_rebased: bool,
}

impl TagReader {
    /// Whether the text is outside of all tags, and not in what may become one.
    pub(crate) fn is_outside(&self) -> bool {
        self.state == TagState::Outside
    }

    /// Whether the text is among the attributes of a tag that fetches.
    pub(crate) fn is_inside(&self) -> bool {
        !matches!(self.state, TagState::Outside | TagState::Name)
    }

    /// Whether an address of this tag, or the base of all, leads to an unknown host.
    pub(crate) fn is_tainted(&self) -> bool {
        self.is_tainted || self.is_rebased
    }

    /// An address here leads to an unknown host.
    pub(crate) fn taint(&mut self) {
        self.is_tainted |= self.is_inside();
    }

    /// Follows one byte.
    pub(crate) fn byte(&mut self, byte: u8) {
        let blank = matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0c);
        self.state = match (self.state, byte) {
            (TagState::Outside, b'<') => {
                self.len = 0;
                TagState::Name
            }
            (TagState::Outside, _) => TagState::Outside,
            (TagState::Name, _) => self.name(byte, blank),
            (
                TagState::Value(0)
                | TagState::BeforeAttribute
                | TagState::Attribute
                | TagState::AfterAttribute
                | TagState::BeforeValue,
                b'>',
            ) => self.end(),
            (TagState::Value(0), _) if blank => TagState::BeforeAttribute,
            (TagState::Value(quote), _) if byte == quote && quote != 0 => TagState::BeforeAttribute,
            (TagState::Value(_), _) => self.state,
            (TagState::BeforeValue, b'"' | b'\'') => TagState::Value(byte),
            (TagState::BeforeValue, _) => {
                if blank {
                    TagState::BeforeValue
                } else {
                    TagState::Value(0)
                }
            }
            (_, b'/') => TagState::BeforeAttribute,
            (TagState::BeforeAttribute, _) => {
                if blank {
                    TagState::BeforeAttribute
                } else {
                    TagState::Attribute
                }
            }
            (TagState::Attribute | TagState::AfterAttribute, b'=') => TagState::BeforeValue,
            (TagState::Attribute | TagState::AfterAttribute, _) if blank => TagState::AfterAttribute,
            (TagState::Attribute | TagState::AfterAttribute, _) => TagState::Attribute,
        };
    }

    fn name(&mut self, byte: u8, blank: bool) -> TagState {
        let len = usize::from(self.len);
        if byte.is_ascii_alphanumeric() && len < MAX_NAME {
            self.name[len] = byte.to_ascii_lowercase();
            self.len += 1;
            return TagState::Name;
        }
        if byte == b'<' {
            self.len = 0;
            return TagState::Name;
        }
        let fetches = (blank || byte == b'/') && FETCHING.contains(&&self.name[..len]);
        if fetches { TagState::BeforeAttribute } else { TagState::Outside }
    }

    fn end(&mut self) -> TagState {
        self.is_rebased |= self.is_tainted && self.name[..usize::from(self.len)] == *b"base";
        self.is_tainted = false;
        TagState::Outside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_mark(text: &str) -> bool {
        let mut tag = TagReader::default();
        text.bytes().take_while(|&byte| byte != b'@').for_each(|byte| tag.byte(byte));
        tag.is_inside()
    }

    #[test]
    fn the_names_fit() {
        assert!(FETCHING.iter().all(|name| name.len() <= MAX_NAME));
        assert!(FETCHING.iter().any(|name| name.len() == MAX_NAME));
        assert!(FETCHING.is_sorted());
    }

    #[test]
    fn a_tag_ends_where_html_ends_it() {
        for inside in [
            "<img @",
            "<IMG/@",
            "<img src=\"> @",
            "<img src = '> @",
            "<img a=b=\"c @",
            "< <a @",
            "<<a @",
            "<img\n@",
            "<img alt=it's @",
            "<img a='x'b=\">@",
            "<blockquote cite=@",
        ] {
            assert!(at_mark(inside), "{inside}");
        }
        for outside in [
            "<@",
            "<img@",
            "<img>@",
            "<imgx @",
            "</img @",
            "< img @",
            "<img src=a>@",
            "<img src=\"a\">@",
            "<img alt=it's>@",
            "<img =\">@",
            "<img a/=\">@",
            "<img \">@",
            "<code a=@",
            "a <b && c @",
            "<blockquotes @",
            "<img-x @",
        ] {
            assert!(!at_mark(outside), "{outside}");
        }
    }
}
