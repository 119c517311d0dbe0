//! Listings: lines with a number, a sign or a time before each are scanned once more without that, where a name asks for
//! what stands on another line. What is found is reported where it stands, never with a prefix.

use super::{CONTEXT, DecodedPiece, PIECE, ReportedExtent, Rest, Search, SearchScope};
use crate::encodings::decoded::DecodedText;
use crate::text::{Span, lines, listing};

/// How far before a name its value may stand, in bytes; less than the part of a window that is not settled.
const BEFORE: usize = 256;
/// How far behind it.
const AHEAD: usize = 512;
/// No site is reported later than so many bytes behind its beginning.
const SIGHT: usize = 128;

impl Search<'_> {
    /// Scans what is around the sites as people see it.
    pub(super) fn listings(&mut self) {
        let mut sites = std::mem::take(&mut self.level.work.listing_sites);
        sites.sort_unstable();
        let mut index = 0;
        while let Some(first) = sites.get(index) {
            let mut last = first.end;
            while let Some(next) = sites.get(index).filter(|next| next.start <= last + AHEAD) {
                last = last.max(next.end);
                index += 1;
            }
            let region = Span::new(first.start.saturating_sub(BEFORE), last + AHEAD);
            if region.end > self.fresh {
                self.listing(region);
            }
        }
        self.level.work.listing_sites = sites;
    }

    /// Scans a part of a listing, piece by piece.
    fn listing(&mut self, region: Span) {
        let text = self.view.text;
        // Another name could still make it longer.
        let closed = self.view.last || region.end + SIGHT <= text.len();
        let region_end = region.end.min(text.len());
        let mut start = region.start.max(self.fresh);
        while start < region_end {
            let end = region_end.min(start + PIECE);
            self.level.work.candidates.atomic_spans.push(Span::new(start, end));
            let to = region_end.min(end + AHEAD);
            if to == region_end && !closed {
                return self.level.work.candidates.open(start);
            }
            let from = start.saturating_sub(CONTEXT);
            if strip(text, from, whole_lines(text, end, to), &mut self.deeper[0].decoded) {
                let piece = DecodedPiece {
                    span: Span::new(start, end),
                    wanted: SearchScope::Everything,
                    extent: ReportedExtent::Line,
                };
                self.scan_decoded(piece, (Rest::Nothing, to < text.len()), |rank| rank + 2);
            }
            start = end;
        }
    }
}

/// The end of the last whole line before `to`; `to` itself if none ends in the part's last bytes.
fn whole_lines(text: &[u8], end: usize, to: usize) -> usize {
    if to == text.len() {
        return to;
    }
    let floor = end.saturating_sub(AHEAD / 2);
    lines::line_start(text, to, floor).filter(|start| *start > floor).unwrap_or(to)
}

/// Takes `text[from..to]` without the prefixes of its lines; false if there are none.
fn strip(text: &[u8], from: usize, to: usize, decoded: &mut DecodedText) -> bool {
    decoded.begin();
    let part = &text[..to];
    let begins = from == 0 || lines::before_line_end(text, from) != from;
    let mut at = if begins { Some(from) } else { push_line(part, from, decoded) };
    let mut changed = false;
    while let Some(start) = at {
        let prefix = listing::prefix(part, start, from);
        if prefix > 0 {
            decoded.pass(Span::new(start, start + prefix));
            changed = true;
        }
        at = push_line(part, start + prefix, decoded);
    }
    decoded.finish(to);
    changed
}

/// Adds what follows up to the next line, and returns where that begins.
fn push_line(text: &[u8], from: usize, decoded: &mut DecodedText) -> Option<usize> {
    let next = listing::next_line(text, from);
    let end = next.unwrap_or(text.len());
    for (ahead, byte) in text[from..end].iter().enumerate() {
        decoded.push(*byte, from + ahead);
    }
    next
}
