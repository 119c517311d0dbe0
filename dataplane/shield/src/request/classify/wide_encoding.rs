//! UTF-16 and UTF-32: recognised by their bytes, read and written unit by unit.

use crate::format::Charset;
use crate::request::classify::file_kind;
use crate::request::scan::view::DecodedView;
use crate::request::splice::Splice;

/// Bytes that are looked at where nothing says that a text is wide.
pub(crate) const LOOK: usize = 64;

/// Characters that must be ASCII there, at the start.
pub(crate) const MIN_UNITS: usize = 3;

/// An encoding with units of two or four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WideEncoding {
    pub(crate) four: bool,
    pub(crate) big: bool,
}

/// What stands at a place of a wide text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WideUnit {
    /// A character and its bytes.
    Char(char, usize),
    /// So many bytes that are no character: half of a surrogate pair, or a part of a unit at the end of the text.
    Broken(usize),
    /// The bytes end inside a character.
    Cut,
}

impl WideEncoding {
    pub(crate) const UTF_16_LE: Self = Self { four: false, big: false };
    pub(crate) const UTF_16_BE: Self = Self { four: false, big: true };
    pub(crate) const UTF_32_LE: Self = Self { four: true, big: false };
    pub(crate) const UTF_32_BE: Self = Self { four: true, big: true };
    pub(crate) const ALL: [Self; 4] = [Self::UTF_32_LE, Self::UTF_32_BE, Self::UTF_16_LE, Self::UTF_16_BE];

    /// The wide encoding of the text that begins with `bytes`, if it has one.
    pub(crate) fn of(bytes: &[u8], declared: Option<Charset>) -> Option<Self> {
        // Readers that expect UTF-8 would read such bytes as UTF-8, whatever stands before them.
        let narrow = |from: usize| file_kind::looks_like_text(&bytes[from..]);
        if let Some((wide, mark)) = Self::marked(bytes) {
            return (bytes.len() == mark || !narrow(mark)).then_some(wide);
        }
        Self::ALL.into_iter().find(|wide| wide.is_likely(bytes)).or_else(|| {
            let charset = declared.filter(|_| !narrow(0))?;
            Some(Self {
                four: charset.four_bytes,
                big: charset.big_endian.unwrap_or_else(|| has_zeros_first(bytes)),
            })
        })
    }

    /// The encoding that a byte order mark names, and the length of the mark.
    pub(crate) fn marked(bytes: &[u8]) -> Option<(Self, usize)> {
        match bytes {
            [0xff, 0xfe, 0, 0, ..] => Some((Self::UTF_32_LE, 4)),
            [0, 0, 0xfe, 0xff, ..] => Some((Self::UTF_32_BE, 4)),
            [0xff, 0xfe, ..] => Some((Self::UTF_16_LE, 2)),
            [0xfe, 0xff, ..] => Some((Self::UTF_16_BE, 2)),
            _ => None,
        }
    }

    /// Whether the text begins with ASCII in this encoding, and goes on with it mostly.
    pub(crate) fn is_likely(self, bytes: &[u8]) -> bool {
        let look = &bytes[..bytes.len().min(LOOK)];
        let (mut at, mut units, mut ascii) = (0, 0, 0);
        while at < look.len() {
            match self.read(&look[at..], false) {
                WideUnit::Char(c, len) if !c.is_control() || matches!(c, '\t' | '\n' | '\r') => {
                    at += len;
                    units += 1;
                    ascii += usize::from(c.is_ascii());
                }
                WideUnit::Cut => break,
                WideUnit::Char(..) | WideUnit::Broken(_) => return false,
            }
            if units <= MIN_UNITS && ascii < units {
                return false;
            }
        }
        units >= MIN_UNITS && 2 * ascii >= units
    }

    pub(crate) fn size(self) -> usize {
        if self.four { 4 } else { 2 }
    }

    /// The number that the first unit of `bytes` is.
    pub(crate) fn number(self, bytes: &[u8]) -> Option<u32> {
        let order =
            |low: u32, high: u32, wide: u32| if self.big { high | low << wide } else { low | high << wide };
        let pair = |at: usize| Some(order(u32::from(*bytes.get(at)?), u32::from(*bytes.get(at + 1)?), 8));
        if self.four { Some(order(pair(0)?, pair(2)?, 16)) } else { pair(0) }
    }

    /// Reads what `bytes` begin with; `last` if the text ends with them.
    pub(crate) fn read(self, bytes: &[u8], last: bool) -> WideUnit {
        let cut = || if last { WideUnit::Broken(bytes.len()) } else { WideUnit::Cut };
        let Some(first) = self.number(bytes) else { return cut() };
        let size = self.size();
        if self.four || !matches!(first, 0xd800..=0xdbff) {
            return char::from_u32(first).map_or(WideUnit::Broken(size), |c| WideUnit::Char(c, size));
        }
        match bytes.get(size..).and_then(|rest| self.number(rest)) {
            Some(second @ 0xdc00..=0xdfff) => {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                char::from_u32(code).map_or(WideUnit::Broken(size), |c| WideUnit::Char(c, 2 * size))
            }
            None if !last => WideUnit::Cut,
            _ => WideUnit::Broken(size),
        }
    }

    /// Decodes the start of `window` into the view, as far as it has room, and says how far that is.
    pub(crate) fn decode(self, view: &mut DecodedView, window: &[u8], last: bool) -> usize {
        let mut at = 0;
        let mut utf8 = [0; 4];
        while at < window.len() && view.has_room() {
            let (decoded, len) = match self.read(&window[at..], last) {
                WideUnit::Cut => break,
                WideUnit::Char('\u{feff}', len) => (&[][..], len),
                WideUnit::Char(c, len) => (c.encode_utf8(&mut utf8).as_bytes(), len),
                WideUnit::Broken(len) => (char::REPLACEMENT_CHARACTER.encode_utf8(&mut utf8).as_bytes(), len),
            };
            view.unit(window, decoded, at, at + len);
            at += len;
        }
        at
    }

    /// Writes ASCII in this encoding.
    pub(crate) fn put(self, ascii: &[u8], out: &mut Splice) {
        let (size, at) = (self.size(), if self.big { self.size() - 1 } else { 0 });
        for &byte in ascii {
            let mut unit = [0; 4];
            unit[at] = byte;
            out.put(&unit[..size]);
        }
    }
}

/// Whether more of the zero bytes stand before another byte than behind one.
pub(crate) fn has_zeros_first(bytes: &[u8]) -> bool {
    let zeros = |from: usize| bytes.iter().skip(from).step_by(2).filter(|&&byte| byte == 0).count();
    zeros(0) > zeros(1)
}
