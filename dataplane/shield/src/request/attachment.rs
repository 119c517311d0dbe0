//! Text in base64 inside a JSON string: scanned decoded, written back in base64.
//!
//! As long as nothing was replaced, the raw bytes pass as they are. Behind a replacement the groups of three bytes
//! are shifted, so everything to the end of the value is encoded anew; its decoded bytes stay the same.

use base64::Engine;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroize;

use super::desk::Desk;
use super::gather::Gather;
use super::opaque::{Unit, base64_unit, standard};
use super::refusal::Refusal;
use super::scratch::ShardScratch;
use super::view::{Context, View};

/// The state between two windows of a value.
pub(super) struct Attachment {
    context: Context,
    /// Decoded bytes that wait for a third one to be encoded.
    carry: [u8; 2],
    carry_len: u8,
    url_alphabet: bool,
    padded: bool,
}

/// How far a window of base64 goes.
struct Extent {
    /// Where the last complete group ends.
    end: usize,
    /// Whether the value ends there too.
    ended: bool,
}

impl Attachment {
    pub(super) fn new() -> Self {
        Self { context: Context::new(), carry: [0; 2], carry_len: 0, url_alphabet: false, padded: true }
    }

    /// Takes base64 from the start of `window`. Says how many bytes are consumed and whether the value has ended.
    pub(super) fn process(
        &mut self,
        desk: &mut Desk,
        scratch: &mut ShardScratch,
        window: &[u8],
        place: impl Fn() -> String,
        out: &mut Gather,
    ) -> Result<(usize, bool), Refusal> {
        scratch.view.begin(&self.context);
        let extent = self.decode(&mut scratch.view, window);
        let raw = &window[..extent.end];
        scratch.view.finish(raw);
        let settled = scratch.scan(raw, extent.ended, true);
        let ShardScratch { view, findings, value, .. } = scratch;
        let text = view.text(raw);
        let mut consumed = if settled == text.len() { extent.end } else { view.raw_start(settled) };
        if let Some(finding) = findings.last() {
            consumed = consumed.max(view.raw_end(finding.end));
        }
        let ended = extent.ended && consumed == extent.end;
        // From here on the bytes are encoded anew.
        let mut shifted = (self.carry_len > 0).then(|| view.fresh());
        value.extend_from_slice(&self.carry[..usize::from(self.carry_len)]);
        for finding in findings.iter() {
            let Some(decision) = desk.decide(finding, text) else { continue };
            let mut token = None;
            if decision.replaces() {
                let replacement = desk.replacement(decision, &text[finding.start..finding.end])?;
                let from = shifted.unwrap_or_else(|| {
                    let group = view.raw_start(finding.start);
                    out.pass(0..group);
                    view.view_of(group)
                });
                value.extend_from_slice(&text[from..finding.start]);
                value.extend_from_slice(replacement.as_bytes());
                shifted = Some(finding.end);
                token = replacement.token();
            }
            desk.record(decision, token, &place)?;
        }
        let view_end = view.view_of(consumed);
        match shifted {
            None => out.pass(0..consumed),
            Some(from) => {
                value.extend_from_slice(&text[from..view_end]);
                self.encode(value, ended, out);
            }
        }
        value.zeroize();
        self.context.keep(view, raw, view_end);
        Ok((consumed, ended))
    }

    /// Decodes the groups at the start of `window` into the view.
    fn decode(&mut self, view: &mut View, window: &[u8]) -> Extent {
        let mut group = [0u8; 4];
        let (mut len, mut at, mut end) = (0, 0, 0);
        loop {
            match base64_unit(window, at) {
                Unit::Char(b'=', _) | Unit::Other => break,
                Unit::Char(byte, next) => {
                    self.url_alphabet |= matches!(byte, b'-' | b'_');
                    group[len] = sextet(byte);
                    len += 1;
                    at = next;
                    if len == 4 {
                        view.unit(window, &bytes_of(group), end, at);
                        (len, end) = (0, at);
                    }
                }
                Unit::Break(next) => at = next,
                Unit::Cut => return Extent { end, ended: false },
            }
        }
        let padding = at;
        while let Unit::Char(b'=', next) | Unit::Break(next) = base64_unit(window, at) {
            at = next;
        }
        if matches!(base64_unit(window, at), Unit::Cut) {
            return Extent { end, ended: false };
        }
        self.padded = if len == 0 { !self.url_alphabet } else { at > padding };
        group[len..].fill(0);
        view.unit(window, &bytes_of(group)[..len.saturating_sub(1)], end, at);
        Extent { end: at, ended: true }
    }

    /// Writes `bytes` in whole groups and keeps the rest, or all of them if the value has `ended`.
    fn encode(&mut self, bytes: &[u8], ended: bool, out: &mut Gather) {
        let whole = if ended { bytes.len() } else { bytes.len() - bytes.len() % 3 };
        out.put(self.engine().encode(&bytes[..whole]).as_bytes());
        let rest = &bytes[whole..];
        self.carry[..rest.len()].copy_from_slice(rest);
        self.carry_len = rest.len() as u8;
    }

    fn engine(&self) -> GeneralPurpose {
        match (self.url_alphabet, self.padded) {
            (false, true) => STANDARD,
            (false, false) => STANDARD_NO_PAD,
            (true, true) => URL_SAFE,
            (true, false) => URL_SAFE_NO_PAD,
        }
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.carry.zeroize();
    }
}

/// The six bits of a character of base64.
fn sextet(byte: u8) -> u8 {
    match standard(byte) {
        upper @ b'A'..=b'Z' => upper - b'A',
        lower @ b'a'..=b'z' => lower - b'a' + 26,
        digit @ b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        _ => 63,
    }
}

fn bytes_of([a, b, c, d]: [u8; 4]) -> [u8; 3] {
    [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]
}
