//! The open channels of one stream.

use super::LaneKind;
use super::dialect::{ChannelId, Close, Slot};
use super::lane::{Kit, Lane};
use super::nest::Nest;
use super::template::Template;
use super::text::Text;

/// Channels that are open at once. The pieces of any further one pass as they are, and are counted.
pub(super) const MAX_CHANNELS: usize = 256;
/// Bytes of a tool's name that are kept for the gate.
const MAX_TOOL_NAME: usize = 128;

/// One channel.
pub(super) struct Channel {
    id: ChannelId,
    group: u64,
    pub(super) lane: Lane,
    /// Makes the event that lets out what the lane holds. Means something only while it holds something.
    pub(super) template: Template,
}

/// All of them. Few are open at once, so they are searched in a row.
#[derive(Default)]
pub(super) struct Channels {
    open: Vec<Channel>,
    /// Names of the tools that are being called, by group or channel; kept only for a gate.
    tools: Vec<(u64, Box<str>)>,
}

impl Channels {
    /// The channel that `slot` belongs to, opened if need be. `None` if there are too many.
    pub(super) fn of(&mut self, slot: &Slot, kit: &mut Kit) -> Option<&mut Channel> {
        if let Some(at) = self.open.iter().position(|channel| channel.id == slot.channel) {
            return self.open.get_mut(at);
        }
        if self.open.len() == MAX_CHANNELS {
            return None;
        }
        let nest = if slot.channel == ChannelId::PLAIN { Nest::plain() } else { Nest::literal(slot.json) };
        let restore = kit.allows(slot.lane, self.tool(slot));
        let lane = Lane::new(nest, restore);
        self.open.push(Channel { id: slot.channel, group: slot.group, lane, template: Template::default() });
        self.open.last_mut()
    }

    /// Remembers the name of a tool.
    pub(super) fn name_tool(&mut self, key: u64, name: &[u8]) {
        self.tools.retain(|(known, _)| *known != key);
        if self.tools.len() < MAX_CHANNELS && name.len() <= MAX_TOOL_NAME {
            self.tools.push((key, String::from_utf8_lossy(name).into()));
        }
    }

    fn tool(&self, slot: &Slot) -> Option<&str> {
        if !matches!(slot.lane, LaneKind::ToolArguments | LaneKind::ToolInput) {
            return None;
        }
        let known = |key: u64| self.tools.iter().find(|(known, _)| *known == key);
        known(slot.channel.number()).or_else(|| known(slot.group)).map(|(_, name)| &**name)
    }

    /// Flushes each channel that ends and has no string in this event (`slots`): what it held goes out in an
    /// event of its own.
    pub(super) fn flush_closed(&mut self, closes: &[Close], slots: &[Slot], kit: &mut Kit, out: &mut Text) {
        for channel in &mut self.open {
            let ends = closes.iter().any(|close| close.covers(channel.id, channel.group));
            if ends && !slots.iter().any(|slot| slot.channel == channel.id) {
                channel.flush(kit, out);
            }
        }
    }

    /// Forgets the channels that ended.
    pub(super) fn forget(&mut self, closes: &[Close]) {
        self.open.retain(|channel| !closes.iter().any(|close| close.covers(channel.id, channel.group)));
    }
}

impl Channel {
    fn flush(&mut self, kit: &mut Kit, out: &mut Text) {
        if self.lane.holds() {
            out.extend_from_slice(self.template.before());
            self.lane.flush(kit, out);
            out.extend_from_slice(self.template.after());
        } else {
            self.lane.flush(kit, out);
        }
    }
}
