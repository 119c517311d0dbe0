//! The open channels of one stream.

use crate::reply::address::AddressWatch;
use crate::reply::event::handling::Handling;
use crate::reply::event::plan::{ChannelId, ChannelPiece, Close, EventPlan, NamedCall};
use crate::reply::event::template::Template;
use crate::reply::event::text_kind::tool_name;
use crate::reply::policy::TextKind;
use crate::reply::text::context::ReplyContext;
use crate::reply::text::nesting::NestingTracker;
use crate::reply::text::output::RestoredText;
use crate::reply::text::position_tracker::PositionTracker;
use crate::reply::text::restorer::TextRestorer;

/// Channels that are open at once. The pieces of any further one pass as they are, and are counted.
pub(crate) const MAX_CHANNELS: usize = 256;
/// Bytes of a tool's name that are kept for the policy.
const MAX_TOOL_NAME: usize = 128;
/// Texts whose measure is kept after they ended, since an annotation may come late. The oldest goes.
const MAX_KEPT_TRACKERS: usize = 16;

/// One channel.
pub(crate) struct Channel {
    id: ChannelId,
    group: u64,
    /// It is what the user reads.
    is_text: bool,
    pub(crate) restorer: TextRestorer,
    /// Makes the event that lets out what the restorer holds. Means something only while it holds something.
    pub(crate) template: Template,
}

/// The places in the stream that its events claim, of which none may come twice once events are put between them.
#[derive(Default)]
pub(crate) struct Numbering {
    /// The last that the client saw.
    sent: u64,
    /// Events that are not the provider's.
    inserted: u64,
}

impl Numbering {
    /// The number of an event that the provider numbered so.
    pub(crate) fn of(&mut self, number: u64) -> u64 {
        self.sent = number.saturating_add(self.inserted);
        self.sent
    }

    /// The number of one more event.
    fn next(&mut self) -> u64 {
        self.sent = self.sent.saturating_add(1);
        self.inserted += 1;
        self.sent
    }
}

/// All of them. Few are open at once, so they are searched in a row.
#[derive(Default)]
pub(crate) struct Channels {
    open: Vec<Channel>,
    /// Names of the tools that are being called, by group or channel; kept only for a policy that asks.
    tools: Vec<(u64, Box<str>)>,
    /// Which call a channel belongs to, where the stream has said so.
    calls: Vec<NamedCall>,
    ended: Vec<(ChannelId, Box<PositionTracker>)>,
    /// The addresses of the last text that ended: clients put the blocks of an answer together.
    last_text: Option<Box<AddressWatch>>,
    pub(crate) numbering: Numbering,
}

impl Channels {
    /// The channel that `piece` belongs to, opened if need be. `None` if there are too many. `handling` says what may
    /// be done with its text.
    pub(crate) fn of(
        &mut self,
        piece: &ChannelPiece,
        context: &mut ReplyContext,
        handling: impl FnOnce() -> Handling,
    ) -> Option<&mut Channel> {
        if let Some(at) = self.open.iter().position(|channel| channel.id == piece.channel) {
            return self.open.get_mut(at);
        }
        if self.open.len() == MAX_CHANNELS {
            return None;
        }
        let is_text = piece.text_kind == TextKind::Text;
        let nesting = if piece.channel == ChannelId::PLAIN {
            NestingTracker::plain()
        } else {
            NestingTracker::literal(piece.json)
        };
        let restorer = match handling() {
            Handling::Restore => {
                let decision = context.decide(piece.text_kind, self.tool(piece));
                let before = self.last_text.take_if(|_| is_text && decision.is_guarded());
                let restorer = match before {
                    Some(watch) => TextRestorer::watched(nesting, watch),
                    None => TextRestorer::new(nesting, decision),
                };
                if let Some(unit) = piece.unit {
                    restorer.measured(PositionTracker::new(unit))
                } else {
                    restorer
                }
            }
            Handling::Keep => TextRestorer::kept(),
            Handling::Opaque => TextRestorer::ignored(),
        };
        self.ended.retain(|(id, _)| *id != piece.channel);
        self.open.push(Channel {
            id: piece.channel,
            group: piece.group,
            is_text,
            restorer,
            template: Template::default(),
        });
        self.open.last_mut()
    }

    /// Remembers the name of a tool.
    pub(crate) fn name_tool(&mut self, key: u64, name: &[u8]) {
        self.tools.retain(|(known, _)| *known != key);
        if self.tools.len() < MAX_CHANNELS
            && name.len() <= MAX_TOOL_NAME
            && let Some(name) = tool_name(name)
        {
            self.tools.push((key, name.into()));
        }
    }

    fn tool(&self, piece: &ChannelPiece) -> Option<&str> {
        if !matches!(piece.text_kind, TextKind::ToolArguments | TextKind::ToolInput) {
            return None;
        }
        let known = |key: u64| self.tools.iter().find(|(known, _)| *known == key);
        known(piece.channel.number()).or_else(|| known(piece.group)).map(|(_, name)| &**name)
    }

    /// What measured the text of a channel, unless nothing in it was replaced.
    pub(crate) fn positions(&self, id: ChannelId) -> Option<&PositionTracker> {
        let open = self
            .open
            .iter()
            .find(|channel| channel.id == id)
            .and_then(|channel| channel.restorer.positions());
        let ended = || self.ended.iter().find(|(ended, _)| *ended == id).map(|(_, positions)| &**positions);
        open.or_else(ended).filter(|positions| !positions.is_idle())
    }

    /// Ends the channels whose place another call takes with this event: what they held goes out in an event of
    /// its own. Those that may go on wait instead.
    pub(crate) fn change_calls(
        &mut self,
        plan: &EventPlan,
        context: &mut ReplyContext,
        out: &mut RestoredText,
    ) {
        for (at, named) in plan.calls.iter().enumerate() {
            if plan.calls[..at].iter().any(|earlier| earlier.channel == named.channel) {
                continue;
            }
            match self.known(named.channel) {
                Some(known) if known.call.differs(named.call) => {
                    self.leave(known, context, out);
                    self.come_back(named);
                }
                None => self.come_back(named),
                Some(_) => {}
            }
        }
        for named in &plan.calls {
            let known = self.known(named.channel).filter(|known| !known.call.differs(named.call));
            let call = known.map_or(named.call, |known| known.call.with(named.call));
            self.calls.retain(|known| known.channel != named.channel);
            if self.calls.len() < MAX_CHANNELS {
                self.calls.push(NamedCall { call, ..*named });
            }
        }
    }

    fn known(&self, id: ChannelId) -> Option<NamedCall> {
        self.calls.iter().find(|known| known.channel == id).copied()
    }

    /// Frees the place of a call for another. One without an index whose pieces all bring its id may go on: it waits
    /// under a name of its own.
    fn leave(&mut self, call: NamedCall, context: &mut ReplyContext, out: &mut RestoredText) {
        if call.loose && call.steady {
            return self.rename(call.channel, ChannelId::new(b"waiting", call.group, call.call.id));
        }
        if let Some(channel) = self.open.iter_mut().find(|channel| channel.id == call.channel) {
            channel.flush(context, &mut self.numbering, None, out);
        }
        self.calls.retain(|known| known.channel != call.channel);
        self.end(call.channel);
    }

    /// Gives a call without an index, which was seen elsewhere, the place where it is now.
    fn come_back(&mut self, named: &NamedCall) {
        let same = |known: &&NamedCall| {
            known.loose && known.group == named.group && known.call.id == named.call.id && named.steady
        };
        let free = self.open.iter().all(|channel| channel.id != named.channel);
        if let Some(from) = self.calls.iter().find(same).map(|known| known.channel).filter(|_| free) {
            self.rename(from, named.channel);
        }
    }

    fn rename(&mut self, from: ChannelId, to: ChannelId) {
        self.open.iter_mut().filter(|channel| channel.id == from).for_each(|channel| channel.id = to);
        self.calls.iter_mut().filter(|known| known.channel == from).for_each(|known| known.channel = to);
    }

    /// Forgets one channel.
    pub(crate) fn end(&mut self, id: ChannelId) {
        self.open.retain(|channel| channel.id != id);
    }

    /// Flushes each channel that ends and has no string in this event (`pieces`): what it held goes out in an
    /// event of its own.
    pub(crate) fn flush_closed(
        &mut self,
        closes: &[Close],
        pieces: &[ChannelPiece],
        context: &mut ReplyContext,
        out: &mut RestoredText,
    ) {
        for channel in &mut self.open {
            let ends = closes.iter().any(|close| close.covers(channel.id, channel.group));
            if ends && !pieces.iter().any(|piece| piece.channel == channel.id) {
                channel.flush(context, &mut self.numbering, None, out);
            }
        }
    }

    /// Lets out all that is held behind the last event, each with `separator` before it and nothing after.
    pub(crate) fn flush_behind(
        &mut self,
        context: &mut ReplyContext,
        separator: &[u8],
        out: &mut RestoredText,
    ) {
        for channel in &mut self.open {
            channel.flush(context, &mut self.numbering, Some(separator), out);
        }
        self.forget(&[Close::All]);
    }

    /// Forgets the channels that ended.
    pub(crate) fn forget(&mut self, closes: &[Close]) {
        let ends = |id, group| closes.iter().any(|close| close.covers(id, group));
        self.calls.retain(|known| !ends(known.channel, known.group));
        for channel in self.open.extract_if(.., |channel| ends(channel.id, channel.group)) {
            let Channel { id, is_text, mut restorer, .. } = channel;
            if is_text {
                self.last_text = restorer.take_watch();
            }
            if let Some(positions) = restorer.take_ruler().filter(|positions| !positions.is_idle()) {
                if self.ended.len() == MAX_KEPT_TRACKERS {
                    self.ended.remove(0);
                }
                self.ended.push((id, positions));
            }
        }
    }
}

impl Channel {
    /// Lets out what is held in an event of its own: with its framing, or with `separator` before it instead.
    fn flush(
        &mut self,
        context: &mut ReplyContext,
        numbering: &mut Numbering,
        separator: Option<&[u8]>,
        out: &mut RestoredText,
    ) {
        if self.restorer.is_holding() {
            let number = if self.template.is_numbered() { numbering.next() } else { 0 };
            out.extend_from_slice(separator.unwrap_or_default());
            self.template.write_before(number, out);
            self.restorer.flush(context, out);
            self.template.write_after(number, separator.is_none(), out);
        } else {
            self.restorer.flush(context, out);
        }
    }
}
