//! One level of JSON around a place of a text: a document, or a document inside a string of the level before.

/// Objects and arrays in each other at one level. How deep a place in deeper ones is, is not known.
pub(crate) const MAX_NESTING: u8 = 64;

/// What a level expects next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum At {
    /// No JSON.
    Dead,
    /// JSON perhaps, but too deep to be followed.
    Lost,
    Start,
    Value,
    FirstItem,
    Key,
    FirstKey,
    Colon,
    After,
    Scalar,
    Done,
    Text,
    Name,
}

#[derive(Clone, Copy)]
pub(crate) struct Level {
    pub(crate) at: At,
    /// 0: not in an escape; 1: after the backslash; 2 to 5: before that digit of `\uXXXX`.
    pub(crate) escape: u8,
    pub(crate) depth: u8,
    /// Whether a document of this level may be any value, not only an object or array.
    pub(crate) any: bool,
    pub(crate) code: u16,
    /// One bit for each open container, the innermost lowest: 1 is an object.
    pub(crate) objects: u64,
}

impl Level {
    pub(crate) const fn at(at: At, any: bool) -> Self {
        Self { at, escape: 0, depth: 0, any, code: 0, objects: 0 }
    }

    pub(crate) fn in_string(&self) -> bool {
        matches!(self.at, At::Text | At::Name)
    }

    pub(crate) fn accepts(&self, container: bool) -> bool {
        match self.at {
            At::Value | At::FirstItem => true,
            At::Start | At::Done => self.any || container,
            _ => false,
        }
    }

    pub(crate) fn open(&mut self, object: bool) {
        if !self.accepts(true) {
            self.at = At::Dead;
            return;
        }
        if self.depth == MAX_NESTING {
            self.at = At::Lost;
            return;
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u64::from(object);
        self.at = if object { At::FirstKey } else { At::FirstItem };
    }

    pub(crate) fn close(&mut self, object: bool) {
        let first = if object { At::FirstKey } else { At::FirstItem };
        let here = self.depth > 0 && (self.objects & 1 == 1) == object;
        if !here || (self.at != first && self.at != At::After) {
            self.at = At::Dead;
            return;
        }
        self.depth -= 1;
        self.objects >>= 1;
        self.value_ended();
    }

    pub(crate) fn value_ended(&mut self) {
        self.at = if self.depth == 0 { At::Done } else { At::After };
    }

    pub(crate) fn quote(&mut self) {
        self.at = match self.at {
            At::Key | At::FirstKey => At::Name,
            _ if self.accepts(false) => At::Text,
            _ => At::Dead,
        };
    }

    /// One byte outside of strings.
    pub(crate) fn structure(&mut self, byte: u8) {
        if self.at == At::Scalar {
            if byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'E')
            {
                return;
            }
            self.value_ended();
        }
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'{' => self.open(true),
            b'[' => self.open(false),
            b'}' => self.close(true),
            b']' => self.close(false),
            b'"' => self.quote(),
            b':' if self.at == At::Colon => self.at = At::Value,
            b',' if self.at == At::After => {
                self.at = if self.objects & 1 == 1 { At::Key } else { At::Value };
            }
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' if self.accepts(false) => self.at = At::Scalar,
            0xef | 0xbb | 0xbf if self.at == At::Start && self.any => {}
            _ => self.at = At::Dead,
        }
    }
}
