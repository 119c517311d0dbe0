//! What is to be done with one event: which of its strings are pieces of a channel, and which channels end with it.

use crate::reply::policy::TextKind;
use crate::reply::text::position_tracker::PositionUnit;

/// The name of a channel within one stream.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct ChannelId(u64);

impl ChannelId {
    /// Names a channel by its kind of text and its place. The parts are mixed, not packed: a collision of 64
    /// bits would be the provider's own doing, to its own stream.
    pub(crate) fn new(text_kind: &[u8], place: u64, part: u64) -> Self {
        let seed = hash(0xcbf2_9ce4_8422_2325, text_kind);
        Self(mix(mix(seed, place), part))
    }

    /// The name as a number.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// The channel of data that is no JSON.
    pub(crate) const PLAIN: Self = Self(0);
}

pub(crate) fn mix(state: u64, value: u64) -> u64 {
    let state = (state ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state ^ state >> 29
}

pub(crate) fn hash(seed: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(seed, |state, &byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A string that is a piece of a channel's text.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct ChannelPiece {
    /// Index of the string among the event's values.
    pub(crate) node: usize,
    pub(crate) channel: ChannelId,
    /// What closes together: a choice, a block, an output item.
    pub(crate) group: u64,
    pub(crate) text_kind: TextKind,
    /// The channel's text is JSON by contract.
    pub(crate) json: bool,
    /// What numbers that point into the text count, if there may be any.
    pub(crate) unit: Option<PositionUnit>,
    /// What the event says of the call that the text belongs to. Another call makes it another text.
    pub(crate) call: Call,
}

/// What distinguishes a tool call from others in its place: numbers for its id and its tool's name, each 0 where not
/// said.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Call {
    pub(crate) id: u64,
    pub(crate) name: u64,
}

impl Call {
    pub(crate) fn new(id: &[u8], name: &[u8]) -> Self {
        let number = |text: &[u8]| if text.is_empty() { 0 } else { hash(0, text) | 1 };
        Self { id: number(id), name: number(name) }
    }

    /// Whether the two are different calls. Some servers repeat the name with every piece, so the same name says
    /// nothing; ids count before names.
    pub(crate) fn differs(self, other: Self) -> bool {
        let differ = |one: u64, other: u64| one != 0 && other != 0 && one != other;
        let by_id = self.id != 0 && other.id != 0;
        if by_id { self.id != other.id } else { differ(self.name, other.name) }
    }

    /// What is known of this call once `more` is said of it.
    pub(crate) fn with(self, more: Self) -> Self {
        let known = |one: u64, other: u64| if one == 0 { other } else { one };
        Self { id: known(self.id, more.id), name: known(self.name, more.name) }
    }
}

/// A call that an event names, and the channel that is its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NamedCall {
    pub(crate) channel: ChannelId,
    pub(crate) group: u64,
    pub(crate) call: Call,
    /// The event gives the call no index: where it stands says little, and its id distinguishes it.
    pub(crate) loose: bool,
    /// The event gives its id.
    pub(crate) steady: bool,
}

/// A channel or channels that end with an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Close {
    All,
    Group(u64),
    Channel(ChannelId),
}

impl Close {
    pub(crate) fn covers(self, channel: ChannelId, group: u64) -> bool {
        match self {
            Self::All => true,
            Self::Group(closed) => closed == group,
            Self::Channel(closed) => closed == channel,
        }
    }
}

/// What is to be done with one event. Reused from event to event.
#[derive(Default)]
pub(crate) struct EventPlan {
    /// In the order of the text.
    pub(crate) pieces: Vec<ChannelPiece>,
    pub(crate) closes: Vec<Close>,
    /// Groups that begin anew with this event: what was open in them has ended before its pieces.
    pub(crate) begins: Vec<u64>,
    /// A tool call begins: its group or channel, and the string with the tool's name.
    pub(crate) tools: Vec<(u64, usize)>,
    /// This string is opaque although its key does not say so.
    pub(crate) opaque: Option<usize>,
    /// The number that says where in the stream the event stands.
    pub(crate) sequence: Option<usize>,
    /// Calls that the event names. A channel that changes its call ends, or waits for its call to come again.
    pub(crate) calls: Vec<NamedCall>,
    /// The channel that places in this event point into, where its text is not beside them.
    pub(crate) cited: Option<ChannelId>,
}

impl EventPlan {
    pub(crate) fn clear(&mut self) {
        self.pieces.clear();
        self.closes.clear();
        self.begins.clear();
        self.tools.clear();
        self.calls.clear();
        (self.opaque, self.sequence, self.cited) = (None, None, None);
    }

    pub(crate) fn piece(&mut self, node: usize, channel: ChannelId, group: u64, text_kind: TextKind) {
        let json = text_kind == TextKind::ToolArguments;
        self.pieces.push(ChannelPiece {
            node,
            channel,
            group,
            text_kind,
            json,
            unit: None,
            call: Call::default(),
        });
    }

    /// As [`piece`](Self::piece), for a text that numbers point into.
    pub(crate) fn cited_piece(&mut self, node: usize, channel: ChannelId, group: u64, unit: PositionUnit) {
        self.piece(node, channel, group, TextKind::Text);
        if let Some(piece) = self.pieces.last_mut() {
            piece.unit = Some(unit);
        }
    }
}
