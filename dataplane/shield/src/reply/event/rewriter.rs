//! One event of a stream, whatever frames it: restores its strings in place, and keeps the channels' order.

use crate::reply::event::edits::{Edits, EventEdit};
use crate::reply::event::frame::FramedEvent;
use crate::reply::event::text_kind;
use std::ops::Range;

use memchr::memchr2;

use crate::reply::event::channels::Channels;
use crate::reply::event::citations::CitedEvent;
use crate::reply::event::frame::EventEnvelope;
use crate::reply::event::handling::{self, Handling};
use crate::reply::event::joined_texts::JoinedTexts;
use crate::reply::event::json_index::{JsonIndex, JsonKind, string_end};
use crate::reply::event::plan::{ChannelId, ChannelPiece, Close, EventPlan};
use crate::reply::event::view::{EventFraming, ReplyEvent};
use crate::reply::event::{citations, dialect};
use crate::reply::policy::{RestoreDecision, TextKind};
use crate::reply::text::context::ReplyContext;
use crate::reply::text::keys::KeyKind;
use crate::reply::text::matcher;
use crate::reply::text::nesting::NestingTracker;
use crate::reply::text::output::RestoredText;
use crate::reply::text::restorer::TextRestorer;
use crate::token::MIN_TOKEN_LEN;

/// See the module's documentation.
pub(crate) struct EventRewriter {
    framing: EventFraming,
    values: JsonIndex,
    plan: EventPlan,
    channels: Channels,
    edits: Edits,
    /// Containers of the event with numbers that point into a text.
    cited: Vec<usize>,
    stream_kind: StreamKind,
}

/// What the events of a stream are, as far as is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StreamKind {
    Unknown,
    /// JSON, so an event that is none is no piece of a text.
    Json,
    /// Pieces of one text, whatever one of them looks like alone: a word of digits is no number, `[]` no array.
    Plain,
}

impl EventRewriter {
    pub(crate) fn new(framing: EventFraming) -> Self {
        Self {
            framing,
            values: JsonIndex::default(),
            plan: EventPlan::default(),
            channels: Channels::default(),
            edits: Edits::default(),
            cited: Vec::new(),
            stream_kind: StreamKind::Unknown,
        }
    }

    /// Bytes of memory held for edits.
    pub(crate) fn held_bytes(&self) -> usize {
        self.edits.text.capacity() + self.edits.list.capacity() * size_of::<EventEdit>()
    }

    /// Appends to `out` what goes to the client for `frame`: the tails of channels that end with it, then the
    /// event itself.
    pub(crate) fn event(
        &mut self,
        context: &mut ReplyContext,
        frame: &FramedEvent<'_>,
        out: &mut RestoredText,
    ) {
        let data = frame.text.trim_ascii();
        let blank = data.is_empty() && (frame.text.is_empty() || self.stream_kind != StreamKind::Plain);
        if blank || data == b"[DONE]" {
            if !blank || frame.last {
                self.flush_all(context, out);
            }
            out.extend_from_slice(frame.raw);
        } else if self.reads_json(frame.text) {
            if self.stream_kind == StreamKind::Plain {
                self.flush_held(context, out);
            }
            if self.stream_kind != StreamKind::Unknown || self.values.node(0).kind == JsonKind::Object {
                self.stream_kind = StreamKind::Json;
            }
            self.json(context, frame, out);
        } else {
            self.other(context, frame, out);
        }
    }

    /// Whether `text` is JSON, and no piece of a plain text that would do as some.
    fn reads_json(&mut self, text: &[u8]) -> bool {
        let plain = self.stream_kind == StreamKind::Plain;
        let object = text.trim_ascii_start().starts_with(b"{");
        if (plain && !object) || !self.values.read(text) {
            return false;
        }
        let nodes = self.values.nodes();
        nodes[0].kind != JsonKind::Scalar && (!plain || nodes.len() > 1)
    }

    /// Lets out all that is held, each in an event of its own, and closes all channels.
    pub(crate) fn flush_all(&mut self, context: &mut ReplyContext, out: &mut RestoredText) {
        self.channels.flush_closed(&[Close::All], &[], context, out);
        self.channels.forget(&[Close::All]);
    }

    /// Lets out all that is held behind the last event, each with `separator` before it, and closes all channels.
    pub(crate) fn flush_behind(
        &mut self,
        context: &mut ReplyContext,
        separator: &[u8],
        out: &mut RestoredText,
    ) {
        self.channels.flush_behind(context, separator, out);
    }

    /// Lets out all that is held but keeps the channels, before an event that is too large to be looked into.
    pub(crate) fn flush_held(&mut self, context: &mut ReplyContext, out: &mut RestoredText) {
        self.channels.flush_closed(&[Close::All], &[], context, out);
    }

    fn json(&mut self, context: &mut ReplyContext, frame: &FramedEvent<'_>, out: &mut RestoredText) {
        let event =
            ReplyEvent { values: &self.values, text: frame.text, name: frame.name, framing: self.framing };
        let plan = &mut self.plan;
        dialect::plan(event, plan);
        if frame.last {
            plan.closes.push(Close::All);
        }
        if context.asks_for_tools() {
            for &(key, name) in &plan.tools {
                self.channels.name_tool(key, &frame.text[self.values.node(name).span()]);
            }
        }
        if !plan.calls.is_empty() {
            self.channels.change_calls(plan, context, out);
        }
        for &group in &plan.begins {
            self.channels.flush_closed(&[Close::Group(group)], &[], context, out);
            self.channels.forget(&[Close::Group(group)]);
        }
        if !plan.closes.is_empty() {
            self.channels.flush_closed(&plan.closes, &plan.pieces, context, out);
        }
        self.cited.clear();
        EventStrings {
            event,
            plan,
            envelope: frame.envelope,
            channels: &mut self.channels,
            edits: &mut self.edits,
            context,
            call_hosts: CallHosts::default(),
            texts: JoinedTexts::default(),
        }
        .restore(&mut self.cited);
        for &root in &self.cited {
            let cited = CitedEvent { event, plan, channels: &self.channels };
            citations::restore(cited, &mut self.edits, context, root);
        }
        let unordered = !self.cited.is_empty() | number(event, plan, &mut self.channels, &mut self.edits);
        if !plan.closes.is_empty() {
            self.channels.forget(&plan.closes);
        }
        if self.edits.list.is_empty() {
            out.extend_from_slice(frame.raw);
        } else {
            if unordered {
                self.edits.sort();
            }
            self.edits.write(frame, out);
        }
    }

    /// Answers with the number that the head of a too large event has, and what it must be for the client. `None`
    /// if it has none, or keeps it.
    pub(crate) fn renumber(&mut self, head: &[u8]) -> Option<(Range<usize>, u64)> {
        let digits = root_number(head, b"sequence_number")?;
        let number = std::str::from_utf8(&head[digits.clone()]).ok()?.parse().ok()?;
        let sent = self.channels.numbering.of(number);
        (sent != number).then_some((digits, sent))
    }

    /// Data that is no JSON: a piece of a text, as the streams of simple servers are, or, among JSON events or
    /// when it only looks like JSON, a text of its own.
    fn other(&mut self, context: &mut ReplyContext, frame: &FramedEvent<'_>, out: &mut RestoredText) {
        let broken_json = matches!(frame.text.trim_ascii_start().first(), Some(b'{' | b'['));
        let of_its_own = broken_json && self.stream_kind == StreamKind::Unknown;
        if of_its_own || self.stream_kind == StreamKind::Json || self.framing == EventFraming::Lines {
            let allowed = context.decide(TextKind::Document, None);
            let mut restorer = TextRestorer::new(NestingTracker::document(), allowed);
            if frame.last {
                self.flush_all(context, out);
            }
            self.edits.feed_lines(context, &mut restorer, frame, true);
        } else {
            self.stream_kind = StreamKind::Plain;
            let piece = ChannelPiece {
                channel: ChannelId::PLAIN,
                text_kind: TextKind::Text,
                ..ChannelPiece::default()
            };
            if let Some(channel) = self.channels.of(&piece, context, || Handling::Restore) {
                let fits = channel.restorer.is_holding() || channel.template.plain(frame.envelope);
                self.edits.feed_lines(context, &mut channel.restorer, frame, !fits || frame.last);
            }
        }
        self.edits.write(frame, out);
    }
}

/// The strings of one event, and what their restoration reads and changes.
struct EventStrings<'a> {
    event: ReplyEvent<'a>,
    plan: &'a EventPlan,
    envelope: EventEnvelope<'a>,
    channels: &'a mut Channels,
    edits: &'a mut Edits,
    context: &'a mut ReplyContext,
    call_hosts: CallHosts,
    texts: JoinedTexts,
}

impl EventStrings<'_> {
    /// Restores the strings, and notes in `cited` what holds numbers that point into them.
    fn restore(mut self, cited: &mut Vec<usize>) {
        let (event, plan) = (self.event, self.plan);
        let mut pieces = plan.pieces.iter().enumerate().peekable();
        for (index, node) in event.values.nodes().iter().enumerate() {
            if node.key().len() >= MIN_TOKEN_LEN {
                self.restore_whole(index, node.key());
            }
            if let Some((at, piece)) = pieces.next_if(|(_, piece)| piece.node == index) {
                self.restore_piece(at, piece);
            } else if node.kind == JsonKind::Text {
                if node.span().len() >= MIN_TOKEN_LEN && plan.opaque != Some(index) {
                    self.restore_whole(index, node.span());
                }
            } else if node.kind != JsonKind::Scalar && citations::is_root(event, index) {
                cited.push(index);
            }
        }
    }

    /// Restores a string that is complete: the value `index`, or its key.
    fn restore_whole(&mut self, index: usize, range: Range<usize>) {
        let Self { event, ref mut context, .. } = *self;
        let text = &event.text[range.clone()];
        if memchr2(b'-', b'\\', text).is_none() {
            return;
        }
        // Most strings hold no token, and then nothing else needs to be known of them.
        let Some(first) = matcher::next(text, 0, true) else { return };
        let mut restorer = match Handling::of(event, index) {
            Handling::Restore if handling::may_be_media(event, index, &text[..first.start]) => {
                TextRestorer::kept()
            }
            Handling::Restore => {
                let json = KeyKind::of(event.key(index)) == KeyKind::Arguments;
                let mut decision = text_kind::decide(event, index, context);
                if decision.withholds_beside() && self.call_hosts.are_unnamed(event, index, context) {
                    decision = RestoreDecision::Withhold;
                }
                self.texts.restorer(event, index, NestingTracker::literal(json), decision)
            }
            Handling::Keep => TextRestorer::kept(),
            Handling::Opaque => return,
        };
        let before = context.stats;
        self.edits.feed(context, &mut restorer, event.text, range, true);
        self.texts.take_back(event, index, &mut restorer);
        let added = context.stats.restored - before.restored;
        let is_told = context.stats.beside_unnamed_hosts != before.beside_unnamed_hosts;
        if added > 0 && !is_told && self.call_hosts.are_unnamed(event, index, context) {
            context.stats.beside_unnamed_hosts += added;
        }
    }

    /// Restores the string of `piece`, which is number `at` of the plan, as a piece of its channel's text.
    fn restore_piece(&mut self, at: usize, piece: &ChannelPiece) {
        let Self { event, plan, envelope, .. } = *self;
        let of_another_call = |other: &ChannelPiece| piece.call.differs(other.call);
        let same = |other: &&ChannelPiece| other.channel == piece.channel;
        if plan.pieces[..at].iter().rev().find(same).is_some_and(of_another_call) {
            self.channels.end(piece.channel);
        }
        let closes = plan.closes.iter().any(|close| close.covers(piece.channel, piece.group));
        let last = match plan.pieces[at + 1..].iter().find(same) {
            None => closes,
            Some(next) => of_another_call(next),
        };
        let handling = || Handling::of(event, piece.node);
        let Some(channel) = self.channels.of(piece, self.context, handling) else {
            self.context.stats.skipped += 1;
            return;
        };
        let held = channel.restorer.is_holding();
        let span = event.values.node(piece.node).span();
        self.edits.feed(self.context, &mut channel.restorer, event.text, span, last);
        if channel.restorer.is_holding() && !held && !channel.template.cut(event, plan, piece, envelope) {
            // No event can be made for what is held, so nothing is.
            self.edits.let_out(self.context, &mut channel.restorer);
        }
    }
}

/// Gives the event a number that none before it had. Answers whether it changed.
fn number(event: ReplyEvent<'_>, plan: &EventPlan, channels: &mut Channels, edits: &mut Edits) -> bool {
    let Some(node) = plan.sequence else { return false };
    let digits = event.values.node(node).span();
    let Some(number) = event.index(0, b"sequence_number") else { return false };
    let sent = channels.numbering.of(number);
    if sent != number {
        edits.number(digits, sent);
    }
    sent != number
}

/// Whether the call that an event's strings belong to names hosts that the policy does not, as far as that was asked.
#[derive(Default)]
struct CallHosts {
    /// The object with the arguments, and the answer.
    last: Option<(usize, bool)>,
}

impl CallHosts {
    /// Whether another string of the same object of arguments as the string `index` holds the address of such a host.
    fn are_unnamed(&mut self, event: ReplyEvent<'_>, index: usize, context: &ReplyContext) -> bool {
        let Some(arguments) = text_kind::arguments_of(event, index) else { return false };
        if let Some((_, answer)) = self.last.filter(|(last, _)| *last == arguments) {
            return answer;
        }
        let decision = text_kind::decide(event, index, context);
        let is_unnamed = |node: usize| {
            let mut reader = TextRestorer::new(NestingTracker::literal(false), decision.clone());
            reader.skip(event.value(node));
            reader.has_led_elsewhere()
        };
        let answer = event.strings(arguments).any(is_unnamed);
        self.last = Some((arguments, answer));
        answer
    }
}

/// The digits of the number under `key` at the root of the object that `text` begins with. The text may end
/// anywhere.
fn root_number(text: &[u8], key: &[u8]) -> Option<Range<usize>> {
    let (mut at, mut depth) = (0, 0_u32);
    loop {
        match *text.get(at)? {
            b'"' => {
                let end = string_end(text, at)?;
                let value = text[end + 1..].iter().position(|byte| !byte.is_ascii_whitespace())? + end + 1;
                if depth == 1 && &text[at + 1..end] == key && text[value] == b':' {
                    let after = &text[value + 1..];
                    let start = value + 1 + after.iter().position(|byte| !byte.is_ascii_whitespace())?;
                    let len = text[start..].iter().position(|byte| !byte.is_ascii_digit())?;
                    return (len > 0).then_some(start..start + len);
                }
                at = end + 1;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
    }
}
