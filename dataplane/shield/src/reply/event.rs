//! One event of a stream, whatever frames it: restores its strings in place, and keeps the channels' order.

use std::ops::Range;

use memchr::memchr2;

use super::LaneKind;
use super::channels::Channels;
use super::dialect::{self, ChannelId, Close, Event, Framing, Plan, Slot};
use super::keys::{KeyKind, is_blob_type};
use super::lane::{Kit, Lane};
use super::nest::Nest;
use super::sse::KEPT_CAPACITY;
use super::tape::{Kind, Tape};
use super::template::Wrap;
use super::text::{Mark, Text};
use crate::token::MIN_TOKEN_LEN;

/// An event as its framing hands it over.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    /// What came, from the first byte to the last.
    pub(super) raw: &'a [u8],
    /// The event's text: its one data line, or all of them joined by line feeds.
    pub(super) text: &'a [u8],
    /// Where in `raw` each line of `text` stands.
    pub(super) lines: &'a [Range<usize>],
    /// The value of its `event:` line.
    pub(super) name: &'a [u8],
    pub(super) wrap: Wrap<'a>,
    /// Nothing comes after it.
    pub(super) last: bool,
}

/// A replacement of a range of an event's text by a range of `Edits::text`.
struct Edit {
    from: Range<usize>,
    to: Range<Mark>,
}

/// The replacements in one event, in order.
#[derive(Default)]
struct Edits {
    list: Vec<Edit>,
    text: Text,
}

impl Edits {
    /// Feeds a part of `text` to `lane`, and notes what goes out instead.
    fn feed(&mut self, kit: &mut Kit, lane: &mut Lane, text: &[u8], range: Range<usize>, last: bool) {
        let start = self.text.mark();
        if lane.feed(kit, &text[range.clone()], last, &mut self.text) {
            self.list.push(Edit { from: range, to: start..self.text.mark() });
        }
    }

    /// Feeds all of an event's text to `lane`, line by line: an edit stays within its line, as does a token.
    fn feed_lines(&mut self, kit: &mut Kit, lane: &mut Lane, frame: &Frame<'_>, last: bool) {
        let mut start = 0;
        for (index, line) in frame.lines.iter().enumerate() {
            let end = start + line.len();
            self.feed(kit, lane, frame.text, start..end, last || index + 1 < frame.lines.len());
            start = end + 1;
        }
    }

    /// Appends the event to `out`, edited.
    fn write(&mut self, frame: &Frame<'_>, out: &mut Text) {
        let (mut written, mut base) = (0, 0);
        let mut edits = self.list.iter().peekable();
        for line in frame.lines {
            // Offset of the line in the text is `base`, in the frame `line.start`.
            while let Some(edit) = edits.next_if(|edit| edit.from.end <= base + line.len()) {
                out.extend_from_slice(&frame.raw[written..line.start + edit.from.start - base]);
                out.append(&self.text, edit.to.start, edit.to.end);
                written = line.start + edit.from.end - base;
            }
            base += line.len() + 1;
        }
        out.extend_from_slice(&frame.raw[written..]);
        self.list.clear();
        self.text.clear(KEPT_CAPACITY);
    }
}

/// See the module's documentation.
pub(super) struct EventRewriter {
    framing: Framing,
    tape: Tape,
    plan: Plan,
    channels: Channels,
    edits: Edits,
    speech: Speech,
}

/// What the events of a stream are, as far as is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Speech {
    Unknown,
    /// JSON, so an event that is none is no piece of a text.
    Json,
    /// Pieces of one text, whatever one of them looks like alone: a word of digits is no number, `[]` no array.
    Plain,
}

impl EventRewriter {
    pub(super) fn new(framing: Framing) -> Self {
        Self {
            framing,
            tape: Tape::default(),
            plan: Plan::default(),
            channels: Channels::default(),
            edits: Edits::default(),
            speech: Speech::Unknown,
        }
    }

    /// Bytes of memory held for edits.
    pub(super) fn held_bytes(&self) -> usize {
        self.edits.text.capacity() + self.edits.list.capacity() * size_of::<Edit>()
    }

    /// Appends to `out` what goes to the client for `frame`: the tails of channels that end with it, then the
    /// event itself.
    pub(super) fn event(&mut self, kit: &mut Kit, frame: &Frame<'_>, out: &mut Text) {
        let data = frame.text.trim_ascii();
        let blank = data.is_empty() && (frame.text.is_empty() || self.speech != Speech::Plain);
        if blank || data == b"[DONE]" {
            if !blank || frame.last {
                self.flush_all(kit, out);
            }
            out.extend_from_slice(frame.raw);
        } else if self.reads_json(frame.text) {
            if self.speech == Speech::Plain {
                self.flush_held(kit, out);
            }
            if self.speech != Speech::Unknown || self.tape.node(0).kind == Kind::Object {
                self.speech = Speech::Json;
            }
            self.json(kit, frame, out);
        } else {
            self.other(kit, frame, out);
        }
    }

    /// Whether `text` is JSON, and no piece of a plain text that would do as some.
    fn reads_json(&mut self, text: &[u8]) -> bool {
        let plain = self.speech == Speech::Plain;
        let object = text.trim_ascii_start().starts_with(b"{");
        if (plain && !object) || !self.tape.read(text) {
            return false;
        }
        let nodes = self.tape.nodes();
        nodes[0].kind != Kind::Scalar && (!plain || nodes.len() > 1)
    }

    /// Lets out all that is held, each in an event of its own, and closes all channels.
    pub(super) fn flush_all(&mut self, kit: &mut Kit, out: &mut Text) {
        self.channels.flush_closed(&[Close::All], &[], kit, out);
        self.channels.forget(&[Close::All]);
    }

    /// Lets out all that is held but keeps the channels, before an event that is too large to be looked into.
    pub(super) fn flush_held(&mut self, kit: &mut Kit, out: &mut Text) {
        self.channels.flush_closed(&[Close::All], &[], kit, out);
    }

    fn json(&mut self, kit: &mut Kit, frame: &Frame<'_>, out: &mut Text) {
        let event = Event { tape: &self.tape, text: frame.text, name: frame.name, framing: self.framing };
        let plan = &mut self.plan;
        dialect::plan(event, plan);
        if frame.last {
            plan.closes.push(Close::All);
        }
        if kit.gate.is_some() {
            for &(key, name) in &plan.tools {
                self.channels.name_tool(key, &frame.text[self.tape.node(name).span()]);
            }
        }
        if !plan.closes.is_empty() {
            self.channels.flush_closed(&plan.closes, &plan.slots, kit, out);
        }
        strings(event, plan, &mut self.channels, &mut self.edits, kit, frame.wrap);
        if !plan.closes.is_empty() {
            self.channels.forget(&plan.closes);
        }
        if self.edits.list.is_empty() {
            out.extend_from_slice(frame.raw);
        } else {
            self.edits.write(frame, out);
        }
    }

    /// Data that is no JSON: a piece of a text, as the streams of simple servers are, or, among JSON events or
    /// when it only looks like JSON, a text of its own.
    fn other(&mut self, kit: &mut Kit, frame: &Frame<'_>, out: &mut Text) {
        let broken_json = matches!(frame.text.trim_ascii_start().first(), Some(b'{' | b'['));
        let of_its_own = broken_json && self.speech == Speech::Unknown;
        if of_its_own || self.speech == Speech::Json || self.framing == Framing::Lines {
            let allowed = kit.allows(LaneKind::Document, None);
            let mut lane = Lane::new(Nest::document(), allowed);
            if frame.last {
                self.flush_all(kit, out);
            }
            self.edits.feed_lines(kit, &mut lane, frame, true);
        } else {
            self.speech = Speech::Plain;
            let slot =
                Slot { node: 0, channel: ChannelId::PLAIN, group: 0, lane: LaneKind::Text, json: false };
            if let Some(channel) = self.channels.of(&slot, kit) {
                let fits = channel.lane.holds() || channel.template.plain(frame.wrap);
                self.edits.feed_lines(kit, &mut channel.lane, frame, !fits || frame.last);
            }
        }
        self.edits.write(frame, out);
    }
}

/// Restores the strings of one event.
fn strings(
    event: Event<'_>,
    plan: &Plan,
    channels: &mut Channels,
    edits: &mut Edits,
    kit: &mut Kit,
    wrap: Wrap<'_>,
) {
    let mut slots = plan.slots.iter().enumerate().peekable();
    for (index, node) in event.tape.nodes().iter().enumerate() {
        if node.key().len() >= MIN_TOKEN_LEN {
            whole(event, index, node.key(), edits, kit);
        }
        if let Some((at, slot)) = slots.next_if(|(_, slot)| slot.node == index) {
            let ends = plan.closes.iter().any(|close| close.covers(slot.channel, slot.group));
            let again = plan.slots[at + 1..].iter().any(|later| later.channel == slot.channel);
            let Some(channel) = channels.of(slot, kit) else {
                kit.tally.skipped += 1;
                continue;
            };
            let held = channel.lane.holds();
            edits.feed(kit, &mut channel.lane, event.text, node.span(), ends && !again);
            if channel.lane.holds() && !held && !channel.template.cut(event, &plan.slots, slot, wrap) {
                // No event can be made for what is held, so nothing is.
                edits.let_out(kit, &mut channel.lane);
            }
        } else if node.kind == Kind::Text
            && node.span().len() >= MIN_TOKEN_LEN
            && plan.opaque != Some(index)
            && !is_opaque(event, index)
        {
            whole(event, index, node.span(), edits, kit);
        }
    }
}

/// Restores a string that is complete: the value `index`, or its key.
fn whole(event: Event<'_>, index: usize, range: Range<usize>, edits: &mut Edits, kit: &mut Kit) {
    let text = &event.text[range.clone()];
    if memchr2(b'-', b'\\', text).is_none() {
        return;
    }
    let json = KeyKind::of(&event.text[event.tape.node(index).key()]) == KeyKind::Arguments;
    let allowed = kit.gate.is_none() || {
        let (lane, tool) = dialect::purpose(event, index);
        kit.allows(lane, tool)
    };
    let mut lane = Lane::new(Nest::literal(json), allowed);
    edits.feed(kit, &mut lane, event.text, range, true);
}

fn is_opaque(event: Event<'_>, index: usize) -> bool {
    let node = event.tape.node(index);
    match KeyKind::of(&event.text[node.key()]) {
        KeyKind::Opaque => true,
        KeyKind::Data => event.tape.parent(index).is_some_and(|object| {
            let under = &event.text[event.tape.node(object).key()];
            KeyKind::of(under) == KeyKind::Blob
                || event.tape.string(event.text, object, b"type").is_some_and(is_blob_type)
        }),
        _ => false,
    }
}

impl Edits {
    /// Appends what `lane` holds to the edit just made.
    fn let_out(&mut self, kit: &mut Kit, lane: &mut Lane) {
        lane.flush(kit, &mut self.text);
        if let Some(edit) = self.list.last_mut() {
            edit.to.end = self.text.mark();
        }
    }
}
