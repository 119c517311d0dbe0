//! Follows one text byte by byte, and knows at each place whether it is in an address, and whose.
//!
//! ```text
//!           a scheme and its colon, a slash                no slash       (no address after all)
//!   Text ------------------------------------> Slashes ----------------> Text
//!    |  ^                                         |
//!    |  |        / ? # or the end of the zone     v
//!    |  `------------------------------------- Authority       the host is compared
//!    `-- a scheme without a host (`data:`): its zone leads somewhere unknown
//! ```
//!
//! A *zone* is an address with all that a client may take for part of it. Addresses inside of an address share its zone:
//! it leads to a named host only if each of them does.

use crate::reply::address::history::History;
use crate::reply::address::hosts::{HostNames, MAX_HOST};
use crate::reply::address::reference::{Reference, ReferenceStep};
use crate::reply::address::skip::plain_len;
use crate::reply::address::tag::TagReader;

/// Schemes that browsers give a host, however many slashes follow, beside those of HTTP.
const WITH_HOST: [&[u8]; 5] = [b"ws", b"wss", b"ftp", b"file", b"smb"];
/// Schemes of addresses that have no host to name.
const WITHOUT_HOST: [&[u8]; 7] =
    [b"data", b"blob", b"javascript", b"vbscript", b"filesystem", b"view-source", b"jar"];
/// Bytes of the longest of them.
const MAX_SCHEME: usize = 11;
/// How the tags of forums begin whose content clients fetch.
const IMAGE: &[u8] = b"img";

/// What ends a zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Closer {
    /// White space, or a tag.
    Space,
    /// The quote that it began with; `escaped` says that a backslash stood before that.
    Quote { quote: u8, escaped: bool },
    /// That quote was just read. Some clients take a quoted word for part of an address: with a letter behind it the
    /// zone goes on to white space.
    Quoted,
    /// The parenthesis that closes as many as are open, or an empty line.
    Parenthesis { open: u16 },
    /// A `>`, or an empty line.
    Angle,
}

/// An address with all that may be part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Zone {
    closer: Closer,
    /// It leads to a host that is not named.
    leads_elsewhere: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum AddressPhase {
    #[default]
    Text,
    /// Behind three `w`.
    Www,
    /// Before the host.
    Slashes {
        seen: u8,
        /// With fewer it is no address.
        needed: u8,
        /// The zone began with this address.
        opened: bool,
    },
    Authority,
}

/// What stands around the beginning of an address.
struct AddressContext {
    closer: Closer,
    /// A client fetches what stands here, whatever its scheme, and also without one.
    is_fetched: bool,
    /// A quote stands right before it.
    is_quoted: bool,
}

/// See the module's documentation.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is set by another part of an address")]
pub(crate) struct AddressReader {
    phase: AddressPhase,
    zone: Option<Zone>,
    tag: TagReader,
    reference: Reference,
    history: History,
    /// The host so far, in lower case and with its port.
    host: Vec<u8>,
    /// The host has characters that none has, unless it is a user name.
    is_strange: bool,
    /// The host ended in punctuation, which is the sentence's own if the address ends here.
    ends_in_punctuation: bool,
    /// Clients may read the address differently, so that its host cannot be compared.
    is_ambiguous: bool,
    /// An address in this text led to a host that is not named.
    has_led_elsewhere: bool,
}

impl AddressReader {
    /// Whether a token at this place is in an address that leads, or may lead, to a host that is not named. `first`
    /// is the first byte that would stand in its place.
    pub(crate) fn leads_elsewhere(&self, first: u8) -> bool {
        let in_host = match self.phase {
            AddressPhase::Text | AddressPhase::Www => false,
            AddressPhase::Slashes { seen, needed, .. } => seen >= needed || matches!(first, b'/' | b'\\'),
            AddressPhase::Authority => true,
        };
        in_host
            || self.zone.is_some_and(|zone| zone.leads_elsewhere)
            || self.reference.is_number()
            || self.tag.is_tainted()
    }

    /// Whether any address in the text so far did, as far as its host has been read.
    pub(crate) fn has_led_elsewhere(&self) -> bool {
        self.has_led_elsewhere
    }

    /// The text has ended. Answers whether any address in it led to a host that is not named.
    pub(crate) fn end(&mut self, hosts: &HostNames) -> bool {
        self.end_authority(hosts);
        self.has_led_elsewhere
    }

    /// Another text begins.
    pub(crate) fn reset(&mut self) {
        *self = Self { host: std::mem::take(&mut self.host), ..Self::default() };
        self.host.clear();
    }

    /// Follows a piece of the text.
    pub(crate) fn run(&mut self, text: &[u8], hosts: &HostNames) {
        let mut at = 0;
        while at < text.len() {
            if self.is_idle() {
                let plain = plain_len(&text[at..], self.history.back(0));
                self.history.extend(&text[at..at + plain]);
                at += plain;
            }
            if let Some(&byte) = text.get(at) {
                self.byte(byte, hosts);
                at += 1;
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.phase == AddressPhase::Text
            && self.zone.is_none()
            && self.reference.is_empty()
            && self.tag.is_outside()
    }

    /// Follows one byte of the text.
    pub(crate) fn byte(&mut self, byte: u8, hosts: &HostNames) {
        self.tag.byte(byte);
        if !self.reference.is_empty() {
            match self.reference.push(byte) {
                ReferenceStep::More => return,
                ReferenceStep::Decoded(character, used) => {
                    self.decoded(character);
                    if used {
                        return;
                    }
                }
                ReferenceStep::Text => {
                    let (bytes, len) = self.reference.take();
                    bytes[..len].iter().for_each(|&byte| self.plain(byte, hosts));
                }
            }
        }
        if matches!(byte, b'&' | b'%') {
            self.reference.begin(byte);
        } else {
            self.plain(byte, hosts);
        }
    }

    /// A character that was written otherwise: it ends nothing.
    fn decoded(&mut self, character: u8) {
        match self.phase {
            AddressPhase::Text | AddressPhase::Www => {
                self.phase = AddressPhase::Text;
                match character {
                    b':' => self.colon(),
                    b'/' | b'\\' => self.slash(character),
                    _ => {}
                }
                self.is_ambiguous |= self.phase != AddressPhase::Text;
            }
            AddressPhase::Slashes { seen, needed, opened } => {
                self.is_ambiguous = true;
                match character {
                    b'/' | b'\\' => {
                        self.phase = AddressPhase::Slashes { seen: seen.saturating_add(1), needed, opened }
                    }
                    b'\t' | b'\n' | b'\r' => {}
                    _ if seen < needed => self.no_address(opened),
                    _ => self.phase = AddressPhase::Authority,
                }
            }
            AddressPhase::Authority => self.is_ambiguous = true,
        }
        self.history.push(character);
    }

    /// A character as it stands.
    fn plain(&mut self, byte: u8, hosts: &HostNames) {
        if let Some(zone) = &mut self.zone
            && zone.closer.closes(byte, &self.history)
        {
            match zone.closer {
                Closer::Quote { .. } if !matches!(self.phase, AddressPhase::Slashes { opened: true, .. }) => {
                    zone.closer = Closer::Quoted;
                    self.end_authority(hosts);
                }
                _ => self.end_zone(hosts),
            }
        }
        match self.phase {
            AddressPhase::Text => self.text(byte),
            AddressPhase::Www => {
                self.phase = AddressPhase::Text;
                if byte == b'.' {
                    self.open_zone(3);
                    self.phase = AddressPhase::Authority;
                    self.host.extend_from_slice(b"www.");
                } else {
                    self.text(byte);
                }
            }
            AddressPhase::Slashes { seen, needed, opened } => {
                self.slashes(byte, hosts, (seen, needed, opened));
            }
            AddressPhase::Authority => self.authority(byte, hosts),
        }
        self.history.push(byte);
    }

    fn text(&mut self, byte: u8) {
        match byte {
            b':' => self.colon(),
            b'/' | b'\\' => self.slash(byte),
            b'w' | b'W'
                if self.history.ends_with(0, b"ww") && !self.history.back(2).is_ascii_alphanumeric() =>
            {
                self.phase = AddressPhase::Www;
            }
            _ => {}
        }
    }

    /// What a colon stands behind may be the scheme of an address.
    fn colon(&mut self) {
        let mut scheme = [0; MAX_SCHEME];
        let (mut letters, mut back) = (0, 0);
        // By letters from the end: how far back each of them begins.
        let mut starts = [0; MAX_SCHEME];
        while letters < MAX_SCHEME {
            let byte = self.history.back(back);
            back += 1;
            match byte {
                b'\t' | b'\n' | b'\r' | b'\\' => {}
                _ if byte.is_ascii_alphanumeric() || byte == b'-' => {
                    scheme[MAX_SCHEME - 1 - letters] = byte.to_ascii_lowercase();
                    starts[letters] = back;
                    letters += 1;
                }
                _ => break,
            }
        }
        let scheme = &scheme[MAX_SCHEME - letters..];
        let start_of = |name: &[u8]| scheme.ends_with(name).then(|| starts[name.len() - 1]);
        if let Some(start) = start_of(b"https").or_else(|| start_of(b"http")) {
            let around = self.surroundings(start);
            let needed = u8::from(around.closer == Closer::Space && !around.is_fetched);
            self.begin(&around, 0, needed);
            return;
        }
        let whole =
            |name: &&[u8]| start_of(name).filter(|&start| !self.history.back(start).is_ascii_alphanumeric());
        if let Some(start) = WITH_HOST.iter().find_map(whole) {
            let around = self.surroundings(start);
            if around.is_fetched {
                self.begin(&around, 0, 0);
            }
        } else if let Some(start) = WITHOUT_HOST.iter().find_map(whole) {
            let around = self.surroundings(start);
            if around.is_fetched {
                self.begin(&around, 0, 0);
                self.lead_elsewhere();
            }
        }
    }

    /// A slash may begin an address without a scheme.
    fn slash(&mut self, byte: u8) {
        let opens = |byte| {
            is_blank(byte)
                || matches!(byte, b'"' | b'\'' | b'`' | b'=' | b'(' | b',' | b';' | b'<' | b':' | b']')
        };
        if !opens(self.history.back(0)) {
            return;
        }
        let around = self.surroundings(0);
        if around.is_fetched || (around.is_quoted && byte == b'/') {
            self.begin(&around, 1, 2);
        }
    }

    /// An address may begin here, or its scheme has just ended.
    fn begin(&mut self, around: &AddressContext, seen: u8, needed: u8) {
        let opened = self.zone.is_none();
        if opened {
            self.zone = Some(Zone { closer: around.closer, leads_elsewhere: false });
        }
        self.forget_host();
        self.phase = AddressPhase::Slashes { seen, needed, opened };
    }

    fn open_zone(&mut self, start: usize) {
        let around = self.surroundings(start);
        self.begin(&around, 0, 0);
    }

    fn no_address(&mut self, opened: bool) {
        self.phase = AddressPhase::Text;
        if opened {
            self.zone = None;
        }
    }

    fn slashes(&mut self, byte: u8, hosts: &HostNames, (seen, needed, opened): (u8, u8, bool)) {
        match byte {
            b'/' | b'\\' => {
                self.is_ambiguous |= byte == b'\\';
                self.phase = AddressPhase::Slashes { seen: seen.saturating_add(1), needed, opened };
            }
            // Clients take these out of an address. Where white space ends it, it has ended.
            b'\t' | b'\n' | b'\r' if self.zone.is_some() => self.is_ambiguous = true,
            b' ' => self.no_address(opened),
            _ if self.zone.is_none() || seen < needed => {
                self.no_address(opened);
                self.text(byte);
            }
            _ => {
                self.phase = AddressPhase::Authority;
                self.authority(byte, hosts);
            }
        }
    }

    fn authority(&mut self, byte: u8, hosts: &HostNames) {
        let is_punctuation =
            matches!(byte, b',' | b';' | b'!' | b')' | b'"' | b'\'' | b'`' | b'*' | b'>' | b'}');
        self.is_strange |= self.ends_in_punctuation && !is_punctuation && byte != b' ';
        self.ends_in_punctuation = is_punctuation;
        match byte {
            b'/' | b'?' | b'#' | b' ' => self.evaluate(hosts),
            b'\\' => {
                self.is_ambiguous = true;
                self.evaluate(hosts);
            }
            b'@' => {
                self.host.clear();
                self.is_strange = false;
            }
            0..0x20 | 0x7f => self.is_ambiguous = true,
            b'-' | b'.' | b'_' | b':' | b'[' | b']' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                if self.host.len() < MAX_HOST + ":65535.".len() {
                    self.host.push(byte.to_ascii_lowercase());
                } else {
                    self.is_strange = true;
                }
            }
            _ => self.is_strange |= !is_punctuation,
        }
    }

    /// The host has been read.
    fn evaluate(&mut self, hosts: &HostNames) {
        self.phase = AddressPhase::Text;
        let host = without_port(&self.host);
        let is_named = !self.is_ambiguous && !self.is_strange && is_plain(host) && hosts.contains(host);
        if !is_named {
            self.lead_elsewhere();
        }
        self.forget_host();
    }

    fn lead_elsewhere(&mut self) {
        self.phase = AddressPhase::Text;
        self.has_led_elsewhere = true;
        self.tag.taint();
        if let Some(zone) = &mut self.zone {
            zone.leads_elsewhere = true;
        }
    }

    fn forget_host(&mut self) {
        self.host.clear();
        (self.is_strange, self.ends_in_punctuation, self.is_ambiguous) = (false, false, false);
    }

    fn end_zone(&mut self, hosts: &HostNames) {
        self.end_authority(hosts);
        self.zone = None;
    }

    fn end_authority(&mut self, hosts: &HostNames) {
        match self.phase {
            AddressPhase::Authority => self.evaluate(hosts),
            _ => self.phase = AddressPhase::Text,
        }
    }

    /// What stands around a place `start` bytes back.
    fn surroundings(&self, start: usize) -> AddressContext {
        let in_tag = self.tag.is_inside();
        let blanks = self.history.run(start, is_blank);
        let before = self.history.back(start + blanks);
        let behind = |back: usize| {
            let back = back + self.history.run(back, is_blank);
            self.is_link_opened(back)
        };
        match before {
            b'"' | b'\'' | b'`' if blanks == 0 || self.is_value(start + blanks + 1) => AddressContext {
                closer: Closer::Quote {
                    quote: before,
                    escaped: self.history.back(start + blanks + 1) == b'\\',
                },
                is_fetched: in_tag || behind(start + blanks + 1),
                is_quoted: blanks == 0,
            },
            b'<' if blanks == 0 => AddressContext {
                closer: Closer::Angle,
                is_fetched: in_tag || behind(start + 1),
                is_quoted: false,
            },
            _ => {
                let is_fetched = self.is_link_opened(start + blanks);
                let closer = if is_fetched && before == b'(' {
                    Closer::Parenthesis { open: 1 }
                } else {
                    Closer::Space
                };
                AddressContext { closer, is_fetched: in_tag || is_fetched, is_quoted: false }
            }
        }
    }

    /// Whether what stands `back` bytes back opens an address by itself: `](`, `]:`, `url(`, `[img]`.
    fn is_link_opened(&self, back: usize) -> bool {
        match self.history.back(back) {
            b'(' => {
                self.history.back(back + 1) == b']'
                    || self.history.ends_with(back + 1, b"url")
                    || self.is_escaped_word(back + 1)
            }
            b':' => self.history.back(back + 1) == b']',
            b']' => {
                let inside = self.history.run(back + 1, |byte| !matches!(byte, 0 | b'[' | b']'));
                self.history.back(back + 1 + inside) == b'['
                    && inside >= IMAGE.len()
                    && self.history.ends_with(back + 1 + inside - IMAGE.len(), IMAGE)
            }
            _ => false,
        }
    }

    /// Whether a word with an escape of CSS in it, which may be `url`, ends `back` bytes back: `u\72l`, `\000075 rl`.
    fn is_escaped_word(&self, back: usize) -> bool {
        let len =
            self.history.run(back, |byte| is_blank(byte) || byte.is_ascii_alphanumeric() || byte == b'\\');
        (back..back + len).any(|back| self.history.back(back) == b'\\')
    }

    /// Whether an equals sign stands there, perhaps before blanks.
    fn is_value(&self, back: usize) -> bool {
        self.history.back(back + self.history.run(back, is_blank)) == b'='
    }
}

impl Closer {
    /// Whether `byte`, behind `history`, ends the zone.
    fn closes(&mut self, byte: u8, history: &History) -> bool {
        let is_escaped = history.back(0) == b'\\';
        let is_empty_line =
            || byte == b'\n' && history.back(history.run(0, |byte| byte != b'\n' && is_blank(byte))) == b'\n';
        match self {
            Self::Space => is_blank(byte) || byte == b'<',
            Self::Quote { quote, escaped } => byte == *quote && (*escaped || !is_escaped),
            Self::Quoted => {
                let goes_on = byte.is_ascii_alphanumeric();
                if goes_on {
                    *self = Self::Space;
                }
                !goes_on
            }
            Self::Parenthesis { open } => {
                match byte {
                    b'(' => *open = open.saturating_add(1),
                    b')' if !is_escaped => *open -= 1,
                    _ => {}
                }
                *open == 0 || is_empty_line()
            }
            Self::Angle => (byte == b'>' && !is_escaped) || is_empty_line(),
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// A host as it was written, without its port and the dot of the root.
fn without_port(host: &[u8]) -> &[u8] {
    let port = host.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let host = match host.split_at(host.len() - port) {
        ([host @ .., b':'], _) => host,
        _ => host,
    };
    host.strip_suffix(b".").unwrap_or(host)
}

/// Whether a host is written as one: an IPv6 address in brackets, or without what only those have.
fn is_plain(host: &[u8]) -> bool {
    let inside = host.strip_prefix(b"[").and_then(|rest| rest.strip_suffix(b"]")).unwrap_or(host);
    let is_address = inside.len() < host.len();
    inside.iter().all(|byte| !matches!(byte, b'[' | b']') && (is_address || *byte != b':'))
}
