//! The shape of one more delta event, for text that was held back when its channel closes.
//!
//! It is cut out of the last delta event of the channel: the members that say where the text belongs stay
//! (numbers, `type`, what stands at the root), and all that would count twice goes (other texts, names and ids of
//! a tool call, usage). A number that says where in the stream an event stands is written anew.

use crate::reply::event::frame::EventEnvelope;
use std::ops::Range;

use crate::reply::event::json_index::JsonKind;
use crate::reply::event::plan::{ChannelPiece, EventPlan};
use crate::reply::event::view::ReplyEvent;
use crate::reply::text::output::RestoredText;

/// Bytes of one template. A channel whose events are larger holds nothing back.
pub(crate) const MAX_TEMPLATE: usize = 4096;
/// Bytes of a string that is kept at the root.
const MAX_KEPT_STRING: usize = 256;

/// What stands before and after the held text.
#[derive(Default)]
pub(crate) struct Template {
    bytes: Vec<u8>,
    split: usize,
    /// Where the text of the event ends and its framing begins again.
    end: usize,
    /// Where the event's place in the stream stands.
    number: Option<Range<usize>>,
}

impl Template {
    /// Whether the event says where in the stream it stands.
    pub(crate) fn is_numbered(&self) -> bool {
        self.number.is_some()
    }

    /// Appends what stands before the held text to `out`.
    pub(crate) fn write_before(&self, number: u64, out: &mut RestoredText) {
        self.write(0..self.split, number, out);
    }

    /// Appends what stands after it, with the end of its framing or without.
    pub(crate) fn write_after(&self, number: u64, framed: bool, out: &mut RestoredText) {
        let end = if framed { self.bytes.len() } else { self.end };
        self.write(self.split..end, number, out);
    }

    fn write(&self, part: Range<usize>, number: u64, out: &mut RestoredText) {
        match &self.number {
            Some(digits) if part.contains(&digits.start) => {
                out.extend_from_slice(&self.bytes[part.start..digits.start]);
                write_number(number, out);
                out.extend_from_slice(&self.bytes[digits.end..part.end]);
            }
            _ => out.extend_from_slice(&self.bytes[part]),
        }
    }

    /// Becomes the template of the channel of `piece`, whose string is in `event`. `false` if it is too large.
    pub(crate) fn cut(
        &mut self,
        event: ReplyEvent<'_>,
        plan: &EventPlan,
        piece: &ChannelPiece,
        envelope: EventEnvelope<'_>,
    ) -> bool {
        self.start(envelope);
        self.value(event, plan, piece.node, 0);
        self.end(envelope)
    }

    /// Becomes the template of data that is no JSON.
    pub(crate) fn plain(&mut self, envelope: EventEnvelope<'_>) -> bool {
        self.start(envelope);
        self.split = self.bytes.len();
        self.end(envelope)
    }

    fn start(&mut self, envelope: EventEnvelope<'_>) {
        self.bytes.clear();
        self.number = None;
        self.bytes.extend_from_slice(envelope.head);
        self.bytes.extend_from_slice(envelope.prefix);
    }

    fn end(&mut self, envelope: EventEnvelope<'_>) -> bool {
        self.end = self.bytes.len();
        self.bytes.extend_from_slice(envelope.eol);
        self.bytes.extend_from_slice(envelope.blank);
        self.bytes.len() <= MAX_TEMPLATE
    }

    /// Writes the value `node`, which is the target string or contains it.
    fn value(&mut self, event: ReplyEvent<'_>, plan: &EventPlan, target: usize, node: usize) {
        let (open, close) = match event.values.node(node).kind {
            JsonKind::Object => (b'{', b'}'),
            JsonKind::Array => (b'[', b']'),
            JsonKind::Text | JsonKind::Scalar => {
                self.bytes.push(b'"');
                self.split = self.bytes.len();
                self.bytes.push(b'"');
                return;
            }
        };
        let place = event.values.node(target).span().start;
        self.bytes.push(open);
        let mut first = true;
        for child in event.values.children(node) {
            let item = event.values.node(child);
            let on_the_way = child == target || item.span().contains(&place);
            if !on_the_way && !is_repeated(event, plan, node, child) {
                continue;
            }
            if !std::mem::take(&mut first) {
                self.bytes.push(b',');
            }
            if on_the_way {
                let start = item.span().start - usize::from(item.kind == JsonKind::Text);
                self.bytes.extend_from_slice(&event.text[item.member().start..start]);
                self.value(event, plan, target, child);
            } else if item.kind == JsonKind::Array {
                // Only its being there counts.
                self.bytes.extend_from_slice(&event.text[item.member().start..item.span().start]);
                self.bytes.extend_from_slice(b"[]");
            } else {
                let member = item.member();
                if plan.sequence == Some(child) {
                    let start = self.bytes.len() + item.span().start - member.start;
                    self.number = Some(start..start + item.span().len());
                }
                self.bytes.extend_from_slice(&event.text[member]);
            }
        }
        self.bytes.push(close);
    }
}

/// Whether the member or item `child` of `container`, which is not on the way to the text, is repeated.
fn is_repeated(event: ReplyEvent<'_>, plan: &EventPlan, container: usize, child: usize) -> bool {
    let (node, parent) = (event.values.node(child), event.values.node(container));
    if parent.kind == JsonKind::Array || plan.pieces.iter().any(|piece| piece.node == child) {
        return false;
    }
    let key = &event.text[node.key()];
    match node.kind {
        JsonKind::Scalar => true,
        // An event of Responses must have them.
        JsonKind::Array if key == b"logprobs" && container == 0 => true,
        JsonKind::Object | JsonKind::Array => event.values.children(child).next().is_none(),
        // Padding that made another event as long as the next.
        JsonKind::Text if key == b"obfuscation" => false,
        JsonKind::Text if container == 0 => node.span().len() <= MAX_KEPT_STRING,
        // Gemini's `content` says whose it is in every event; elsewhere a role comes once.
        JsonKind::Text if key == b"role" => &event.text[parent.key()] == b"content",
        // What distinguishes a call from the others must stay; elsewhere an id would begin another.
        JsonKind::Text if key == b"id" => {
            let list = event.values.parent(container).map(|list| event.key(list));
            list == Some(&b"tool_calls"[..]) && event.index(container, b"index").is_none()
        }
        JsonKind::Text => matches!(key, b"type" | b"jsonPath" | b"language" | b"outcome"),
    }
}

/// Appends `number` in decimal digits.
pub(crate) fn write_number(mut number: u64, out: &mut RestoredText) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reply::text::output::WritePosition;
    use crate::vault::Vault;

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 7, 10, 4096, u64::MAX] {
            let (mut text, mut out) = (RestoredText::default(), Vec::new());
            write_number(number, &mut text);
            assert!(WritePosition::default().write(&text, &Vault::new(), &mut out, usize::MAX));
            assert_eq!(out, number.to_string().as_bytes());
        }
    }
}
