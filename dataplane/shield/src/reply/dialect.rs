//! Which strings of an event belong to which channel, by the shapes of the providers' streams.
//!
//! A channel is one text that the client puts together from many events: the content of a choice, the thinking
//! of a block, the arguments of one tool call. Everything else in an event is a string of its own and is
//! restored whole. The shapes:
//!
//! | Stream | Channel (lane) | Keyed by | Closed by |
//! |---|---|---|---|
//! | Chat completions, and all that speak like it | `choices[].delta.{content,refusal,reasoning,reasoning_content}`, other text below `delta` | `index` of the choice, path | `finish_reason` of the choice, `error`, `[DONE]` |
//! | | `delta.tool_calls[].{function.arguments,custom.input}`, `delta.function_call.arguments` | choice, `index` of the call, or its `id` without one | likewise, another `id` or, without one, another name |
//! | Completions | `choices[].text` | choice | likewise |
//! | Responses | `delta` of every `response.*.delta` (audio excepted) | kind, `output_index` or else `item_id`, `content_index` or `summary_index` | its `.done`, `content_part.done`, `output_item.done`, `response.completed` and its like, `error` |
//! | Messages | `delta.{text,thinking,partial_json,..}` of `content_block_delta` | `index` of the block | `content_block_stop`, `message_delta`, `message_stop`, `error` |
//! | Gemini | `candidates[].content.parts[].{text,executableCode.code,codeExecutionResult.output}`, thoughts apart; `functionCall.partialArgs[].stringValue` | `index` of the candidate, `jsonPath` | `finishReason` of the candidate, `error`; code and its output also by a part of another kind |
//! | Assistants | `delta` of `thread.message.delta` and `thread.run.step.delta` | `id` of the object, path | the message or step that is no longer in progress, the run that is done, `error` |
//! | Anything else | text below `delta`, or at the root, or in an event that says it is a piece | path | an event that says it is the last |
//!
//! The table must err towards strings of their own: these are never delayed, and no event is made up for them.

mod anthropic;
mod assistants;
mod chat;
mod gemini;
mod generic;
mod responses;

use super::LaneKind;
use super::ruler::Unit;
use super::tape::{Kind, Tape};

/// The name of a channel within one stream.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct ChannelId(u64);

impl ChannelId {
    /// Names a channel by its kind of text and its place. The parts are mixed, not packed: a collision of 64
    /// bits would be the provider's own doing, to its own stream.
    pub(super) fn new(lane: &[u8], place: u64, part: u64) -> Self {
        let seed = hash(0xcbf2_9ce4_8422_2325, lane);
        Self(mix(mix(seed, place), part))
    }

    /// The name as a number.
    pub(super) fn number(self) -> u64 {
        self.0
    }

    /// The channel of data that is no JSON.
    pub(super) const PLAIN: Self = Self(0);
}

fn mix(state: u64, value: u64) -> u64 {
    let state = (state ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state ^ state >> 29
}

fn hash(seed: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(seed, |state, &byte| (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A string that is a piece of a channel's text.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Slot {
    /// Index of the string on the tape.
    pub(super) node: usize,
    pub(super) channel: ChannelId,
    /// What closes together: a choice, a block, an output item.
    pub(super) group: u64,
    pub(super) lane: LaneKind,
    /// The channel's text is JSON by contract.
    pub(super) json: bool,
    /// What numbers that point into the text count, if there may be any.
    pub(super) unit: Option<Unit>,
    /// What the event says of the call that the text belongs to. Another call makes it another text.
    pub(super) call: Call,
}

/// What tells a tool call from others in its place: numbers for its id and its tool's name, each 0 where not said.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Call {
    pub(super) id: u64,
    name: u64,
}

impl Call {
    fn new(id: &[u8], name: &[u8]) -> Self {
        let number = |text: &[u8]| if text.is_empty() { 0 } else { hash(0, text) | 1 };
        Self { id: number(id), name: number(name) }
    }

    /// Whether the two are different calls. Some servers repeat the name with every piece, so the same name says
    /// nothing; ids count before names.
    pub(super) fn differs(self, other: Self) -> bool {
        let differ = |one: u64, other: u64| one != 0 && other != 0 && one != other;
        let by_id = self.id != 0 && other.id != 0;
        if by_id { self.id != other.id } else { differ(self.name, other.name) }
    }

    /// What is known of this call once `more` is said of it.
    pub(super) fn with(self, more: Self) -> Self {
        let known = |one: u64, other: u64| if one == 0 { other } else { one };
        Self { id: known(self.id, more.id), name: known(self.name, more.name) }
    }
}

/// A call that an event names, and the channel that is its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named {
    pub(super) channel: ChannelId,
    pub(super) group: u64,
    pub(super) call: Call,
    /// The event gives the call no index: where it stands says little, and its id tells it apart.
    pub(super) loose: bool,
    /// The event gives its id.
    pub(super) steady: bool,
}

/// A channel or channels that end with an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Close {
    All,
    Group(u64),
    Channel(ChannelId),
}

impl Close {
    pub(super) fn covers(self, channel: ChannelId, group: u64) -> bool {
        match self {
            Self::All => true,
            Self::Group(closed) => closed == group,
            Self::Channel(closed) => closed == channel,
        }
    }
}

/// How the events are framed: the generic shapes differ, since a file of JSON lines is no stream of pieces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Framing {
    Sse,
    Lines,
    /// Items of an array.
    Items,
    /// Documents, of which there is mostly one.
    Values,
}

/// What is to be done with one event. Reused from event to event.
#[derive(Default)]
pub(super) struct Plan {
    /// In the order of the text.
    pub(super) slots: Vec<Slot>,
    pub(super) closes: Vec<Close>,
    /// A tool call begins: its group or channel, and the string with the tool's name.
    pub(super) tools: Vec<(u64, usize)>,
    /// This string is opaque although its key does not say so.
    pub(super) opaque: Option<usize>,
    /// The number that says where in the stream the event stands.
    pub(super) sequence: Option<usize>,
    /// Calls that the event names. A channel that changes its call ends, or waits for its call to come again.
    pub(super) calls: Vec<Named>,
    /// The channel that places in this event point into, where its text is not beside them.
    pub(super) cited: Option<ChannelId>,
}

impl Plan {
    fn clear(&mut self) {
        self.slots.clear();
        self.closes.clear();
        self.tools.clear();
        self.calls.clear();
        (self.opaque, self.sequence, self.cited) = (None, None, None);
    }

    fn slot(&mut self, node: usize, channel: ChannelId, group: u64, lane: LaneKind) {
        let json = lane == LaneKind::ToolArguments;
        self.slots.push(Slot { node, channel, group, lane, json, unit: None, call: Call::default() });
    }

    /// As [`slot`](Self::slot), for a text that numbers point into.
    fn cited_slot(&mut self, node: usize, channel: ChannelId, group: u64, unit: Unit) {
        self.slot(node, channel, group, LaneKind::Text);
        if let Some(slot) = self.slots.last_mut() {
            slot.unit = Some(unit);
        }
    }
}

/// An event's text with its tape.
#[derive(Clone, Copy)]
pub(super) struct Event<'a> {
    pub(super) tape: &'a Tape,
    pub(super) text: &'a [u8],
    /// The value of the event's `event:` line, if it has one.
    pub(super) name: &'a [u8],
    pub(super) framing: Framing,
}

impl<'a> Event<'a> {
    pub(super) fn kind(&self, node: usize) -> Kind {
        self.tape.node(node).kind
    }

    pub(super) fn key(&self, node: usize) -> &'a [u8] {
        &self.text[self.tape.node(node).key()]
    }

    fn value(&self, node: usize) -> &'a [u8] {
        &self.text[self.tape.node(node).span()]
    }

    pub(super) fn child(&self, node: usize, key: &[u8]) -> Option<usize> {
        self.tape.child(self.text, node, key)
    }

    pub(super) fn string(&self, node: usize, key: &[u8]) -> Option<&'a [u8]> {
        self.tape.string(self.text, node, key)
    }

    /// The number under `key`, which says where among its like the object stands.
    pub(super) fn index(&self, node: usize, key: &[u8]) -> Option<u64> {
        self.tape.number(self.text, node, key)
    }

    /// The `index` of an object, or where it stands in its array.
    fn place(&self, node: usize) -> u64 {
        self.index(node, b"index").unwrap_or_else(|| u64::from(self.tape.node(node).ordinal))
    }

    /// Whether `key` of the object is there and not `null`.
    fn is_set(&self, node: usize, key: &[u8]) -> bool {
        self.child(node, key).is_some_and(|value| self.value(value) != b"null")
    }

    /// Whether `key` of the object is `true`.
    pub(super) fn is_true(&self, node: usize, key: &[u8]) -> bool {
        self.child(node, key).is_some_and(|value| self.value(value) == b"true")
    }

    /// All values inside of the container.
    pub(super) fn inside(&self, container: usize) -> impl Iterator<Item = usize> + use<'a> {
        let (tape, end) = (self.tape, self.tape.node(container).span().end);
        let inside = tape.nodes()[container + 1..].iter().take_while(move |node| node.span().start < end);
        inside.enumerate().map(move |(offset, _)| container + 1 + offset)
    }

    /// All strings among them.
    fn strings(&self, container: usize) -> impl Iterator<Item = usize> + use<'a> {
        let tape = self.tape;
        self.inside(container).filter(move |&index| tape.node(index).kind == Kind::Text)
    }

    /// A number for the way from `top` down to `node`: keys, and the places of array items.
    fn path(&self, top: usize, node: usize) -> u64 {
        self.path_above(top, node, 0)
    }

    /// The number that the member `key` of `object` has, or would have, on the way from `top`.
    fn path_of(&self, top: usize, object: usize, key: &[u8]) -> u64 {
        self.path_above(top, object, hash(mix(0, 0), key))
    }

    fn path_above(&self, top: usize, mut node: usize, mut state: u64) -> u64 {
        while node != top {
            let item = self.tape.node(node);
            state = if item.key().is_empty() {
                let object = item.kind == Kind::Object;
                mix(state, if object { self.place(node) } else { u64::from(item.ordinal) } + 1)
            } else {
                hash(mix(state, 0), self.key(node))
            };
            let Some(parent) = self.tape.parent(node) else { break };
            node = parent;
        }
        state
    }
}

/// Fills `plan` for one event.
pub(super) fn plan(event: Event<'_>, plan: &mut Plan) {
    plan.clear();
    if event.kind(0) != Kind::Object {
        return generic::plan(event, plan);
    }
    let (mut kind, mut object, mut choices, mut candidates, mut response) =
        (&b""[..], &b""[..], None, None, None);
    for member in event.tape.children(0) {
        match (event.key(member), event.kind(member)) {
            (b"type", Kind::Text) => kind = event.value(member),
            (b"object", Kind::Text) => object = event.value(member),
            (b"sequence_number", Kind::Scalar) => plan.sequence = Some(member),
            (b"choices", Kind::Array) => choices = Some(member),
            (b"candidates", Kind::Array) => candidates = Some(member),
            (b"response", Kind::Object) => response = Some(member),
            (b"error", _) if event.value(member) != b"null" => plan.closes.push(Close::All),
            _ => {}
        }
    }
    let wrapped = || event.child(response?, b"candidates").filter(|&node| event.kind(node) == Kind::Array);
    let streamed = match event.framing {
        Framing::Sse | Framing::Lines => true,
        // Nobody else streams an array, and any other must not get an item more.
        Framing::Items => candidates.or_else(wrapped).is_some(),
        Framing::Values => generic::is_streamed(event, choices),
    };
    if !streamed {
        return;
    }
    if let Some(choices) = choices {
        return chat::plan(event, choices, plan);
    }
    if object.starts_with(b"thread.") {
        return assistants::plan(event, object, plan);
    }
    if kind.starts_with(b"response.") {
        return responses::plan(event, kind, plan);
    }
    if anthropic::speaks(kind) {
        return anthropic::plan(event, kind, plan);
    }
    match candidates.or_else(wrapped) {
        Some(candidates) => gemini::plan(event, candidates, plan),
        None => generic::plan(event, plan),
    }
}

/// The lane of a text by its key, or `None` if a string under this key is no piece of a text.
fn lane_of(key: &[u8]) -> Option<LaneKind> {
    Some(match key {
        b"content" | b"text" | b"delta" | b"response" | b"completion" | b"token" | b"output"
        | b"output_text" | b"answer" | b"message" | b"chunk" | b"transcript" | b"generated_text"
        | b"summary" => LaneKind::Text,
        b"thinking" | b"reasoning" | b"reasoning_content" | b"reasoning_text" | b"thought" | b"tool_plan" => {
            LaneKind::Thinking
        }
        b"refusal" => LaneKind::Refusal,
        b"arguments" | b"partial_json" => LaneKind::ToolArguments,
        b"input" | b"code" | b"stringValue" => LaneKind::ToolInput,
        _ => return None,
    })
}

/// What a string that is restored whole is for: its lane by its key or, among the arguments of a tool call, that
/// of the arguments, with the tool's name if it stands beside them.
pub(super) fn purpose(event: Event<'_>, index: usize) -> (LaneKind, Option<&str>) {
    let lane = lane_of(event.key(index)).unwrap_or(LaneKind::Other);
    let way = std::iter::successors(Some(index), |&node| event.tape.parent(node));
    for node in way {
        if matches!(event.key(node), b"arguments" | b"args" | b"input" | b"parameters") {
            let object = event.tape.parent(node).unwrap_or_default();
            let name = event.string(object, b"name").and_then(|name| std::str::from_utf8(name).ok());
            if node != index || name.is_some() {
                return (LaneKind::ToolArguments, name);
            }
        }
    }
    (lane, None)
}
