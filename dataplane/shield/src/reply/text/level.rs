//! One level of JSON around a place of a text: a document, or a document inside a string of the level before.

/// Objects and arrays in each other at one level. How deep a place in deeper ones is, is not known.
pub(crate) const MAX_NESTING: u8 = 64;

/// What a level expects next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum LevelState {
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
pub(crate) struct TextLevel {
    pub(crate) state: LevelState,
    /// 0: not in an escape; 1: after the backslash; 2 to 5: before that digit of `\uXXXX`.
    pub(crate) escape: u8,
    pub(crate) depth: u8,
    /// Whether a document of this level may be any value, not only an object or array.
    pub(crate) any: bool,
    pub(crate) code: u16,
    /// One bit for each open container, the innermost lowest: 1 is an object.
    pub(crate) objects: u64,
}

impl TextLevel {
    pub(crate) const fn new(state: LevelState, any: bool) -> Self {
        Self { state, escape: 0, depth: 0, any, code: 0, objects: 0 }
    }

    pub(crate) fn is_in_string(&self) -> bool {
        matches!(self.state, LevelState::Text | LevelState::Name)
    }

    pub(crate) fn accepts(&self, container: bool) -> bool {
        match self.state {
            LevelState::Value | LevelState::FirstItem => true,
            LevelState::Start | LevelState::Done => self.any || container,
            _ => false,
        }
    }

    pub(crate) fn open(&mut self, object: bool) {
        if !self.accepts(true) {
            self.state = LevelState::Dead;
            return;
        }
        if self.depth == MAX_NESTING {
            self.state = LevelState::Lost;
            return;
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u64::from(object);
        self.state = if object { LevelState::FirstKey } else { LevelState::FirstItem };
    }

    pub(crate) fn close(&mut self, object: bool) {
        let first = if object { LevelState::FirstKey } else { LevelState::FirstItem };
        let here = self.depth > 0 && (self.objects & 1 == 1) == object;
        if !here || (self.state != first && self.state != LevelState::After) {
            self.state = LevelState::Dead;
            return;
        }
        self.depth -= 1;
        self.objects >>= 1;
        self.value_ended();
    }

    pub(crate) fn value_ended(&mut self) {
        self.state = if self.depth == 0 { LevelState::Done } else { LevelState::After };
    }

    pub(crate) fn quote(&mut self) {
        self.state = match self.state {
            LevelState::Key | LevelState::FirstKey => LevelState::Name,
            _ if self.accepts(false) => LevelState::Text,
            _ => LevelState::Dead,
        };
    }

    /// One byte outside of strings.
    pub(crate) fn structure(&mut self, byte: u8) {
        if self.state == LevelState::Scalar {
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
            b':' if self.state == LevelState::Colon => self.state = LevelState::Value,
            b',' if self.state == LevelState::After => {
                self.state = if self.objects & 1 == 1 { LevelState::Key } else { LevelState::Value };
            }
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' if self.accepts(false) => self.state = LevelState::Scalar,
            0xef | 0xbb | 0xbf if self.state == LevelState::Start && self.any => {}
            _ => self.state = LevelState::Dead,
        }
    }
}
