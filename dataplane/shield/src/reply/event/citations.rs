//! The numbers of an event that point into a text whose tokens were replaced, moved to where they point now.
//!
//! | API | Places | In |
//! |---|---|---|
//! | Chat completions | `annotations[].url_citation.{start_index,end_index}` | `content` beside them, or the choice's channel |
//! | Responses | `annotations[]`, `annotation`: `start_index`, `end_index`, `index` of a file | `text` beside them, or the part's channel |
//! | Assistants | `annotations[].{start_index,end_index}` | `value` beside them, or its channel |
//! | Gemini | `groundingSupports[].segment.{startIndex,endIndex}`, `citationMetadata` | the candidate's text |
//! | Messages | `citations[]`, `citation` of the type `char_location`: `start_char_index`, `end_char_index` | the document of the request that `document_index` names |
//!
//! The other citations of Messages need nothing: `page_location` counts pages, `content_block_location` and
//! `search_result_location` count blocks of a list, and a replacement changes the number of neither.

use crate::documents::Documents;
use crate::positions::RangeSide;
use crate::reply::event::channels::Channels;
use crate::reply::event::edits::Edits;
use crate::reply::event::handling::is_tool_input;
use crate::reply::event::json_index::JsonKind;
use crate::reply::event::plan::{ChannelId, EventPlan};
use crate::reply::event::text_kind;
use crate::reply::event::view::ReplyEvent;
use crate::reply::text::context::ReplyContext;
use crate::reply::text::nesting::NestingTracker;
use crate::reply::text::output::RestoredText;
use crate::reply::text::position_tracker::{PositionTracker, PositionUnit};
use crate::reply::text::restorer::TextRestorer;

/// An event with citations, and what is known of the texts that they point into.
#[derive(Clone, Copy)]
pub(crate) struct CitedEvent<'e> {
    pub(crate) event: ReplyEvent<'e>,
    pub(crate) plan: &'e EventPlan,
    pub(crate) channels: &'e Channels,
}

/// Where the text stands that numbers point into.
#[derive(Clone, Copy)]
enum CitedText {
    Channel(ChannelId),
    /// This string of the event.
    String(usize),
    /// The texts in this list of parts, one after the other.
    Parts(usize),
}

/// Whether the container `index` holds such numbers, by its name.
pub(crate) fn is_root(event: ReplyEvent<'_>, index: usize) -> bool {
    matches!(
        event.key(index),
        b"annotations"
            | b"annotation"
            | b"groundingSupports"
            | b"grounding_supports"
            | b"citationSources"
            | b"citation_sources"
            | b"citations"
            | b"citation"
    )
}

/// Whether the numbers below the container `root`, which is named so, point into a reply's text, as Gemini's do.
fn is_in_metadata(event: ReplyEvent<'_>, root: usize) -> bool {
    let parent = event.values.parent(root);
    parent.is_some_and(|parent| matches!(event.key(parent), b"citationMetadata" | b"citation_metadata"))
}

/// Edits the numbers below the container `root`. All texts of the event are edited by now.
pub(crate) fn restore(cited: CitedEvent<'_>, edits: &mut Edits, context: &mut ReplyContext, root: usize) {
    let CitedEvent { event, plan, channels } = cited;
    if is_tool_input(event, root) {
        return;
    }
    if matches!(event.key(root), b"citations" | b"citation") && !is_in_metadata(event, root) {
        return in_documents(event, edits, &context.documents, root);
    }
    let Some((source, unit)) = source(event, plan, root) else { return };
    if let CitedText::Channel(id) = source {
        if let Some(positions) = channels.positions(id) {
            event.inside(root).for_each(|node| number(event, edits, positions, root, node));
        }
        return;
    }
    for item in items(event, root) {
        let mut positions = PositionTracker::new(unit);
        for text in texts(event, source, item) {
            positions = along(event, edits, context, positions, text);
        }
        if positions.is_idle() {
            continue;
        }
        event.inside(item).for_each(|node| number(event, edits, &positions, item, node));
    }
}

/// The objects in the list `root`, or that object itself.
fn items(event: ReplyEvent<'_>, root: usize) -> impl Iterator<Item = usize> {
    let single = event.kind(root) == JsonKind::Object;
    let items = event.values.children(root).filter(move |_| !single).chain(single.then_some(root));
    items.filter(move |&item| event.kind(item) == JsonKind::Object)
}

/// Edits the numbers of the citations in `root` that point into texts of the request.
fn in_documents(event: ReplyEvent<'_>, edits: &mut Edits, documents: &Documents, root: usize) {
    if documents.is_empty() {
        return;
    }
    for item in items(event, root).filter(|&item| event.string(item, b"type") == Some(b"char_location")) {
        let Some(document) = event.index(item, b"document_index") else { continue };
        for (key, side) in [(&b"start_char_index"[..], RangeSide::Start), (b"end_char_index", RangeSide::End)]
        {
            if let Some(node) = event.child(item, key).filter(|&node| event.kind(node) == JsonKind::Scalar) {
                place(event, edits, node, |place| documents.moved(document, place, side));
            }
        }
    }
}

/// The text that the numbers below `root` point into.
fn source(event: ReplyEvent<'_>, plan: &EventPlan, root: usize) -> Option<(CitedText, PositionUnit)> {
    let parent = event.values.parent(root)?;
    if !event.key(root).starts_with(b"annotation") {
        let cited = plan.cited.map(CitedText::Channel);
        return cited
            .or_else(|| parts(event, root).map(CitedText::Parts))
            .map(|source| (source, PositionUnit::Bytes));
    }
    let mut beside = [&b"text"[..], b"value", b"content"].into_iter();
    let beside =
        beside.find_map(|key| event.child(parent, key).filter(|&text| event.kind(text) == JsonKind::Text));
    let source = match beside {
        Some(text) => match plan.pieces.iter().find(|piece| piece.node == text) {
            Some(piece) => CitedText::Channel(piece.channel),
            None => CitedText::String(text),
        },
        None => CitedText::Channel(plan.cited?),
    };
    Some((source, PositionUnit::CodePoints))
}

/// The parts of the candidate that `node` is in.
fn parts(event: ReplyEvent<'_>, node: usize) -> Option<usize> {
    let mut above = std::iter::successors(event.values.parent(node), |&node| event.values.parent(node));
    let content = above.find_map(|node| match event.kind(node) {
        JsonKind::Object => event.child(node, b"content"),
        _ => None,
    })?;
    event.child(content, b"parts").filter(|&parts| event.kind(parts) == JsonKind::Array)
}

/// The strings of the event itself that make up `source` for the citation `item`, in order.
fn texts(event: ReplyEvent<'_>, source: CitedText, item: usize) -> impl Iterator<Item = usize> {
    let (single, parts) = match source {
        CitedText::Channel(_) => (None, None),
        CitedText::String(text) => (Some(text), None),
        CitedText::Parts(parts) => (None, Some(parts)),
    };
    let only = event.child(item, b"segment").and_then(|segment| event.index(segment, b"partIndex"));
    let is_wanted = move |part: usize| match only {
        Some(only) => u64::from(event.values.node(part).ordinal) == only,
        None => !event.is_true(part, b"thought"),
    };
    let parts = parts.into_iter().flat_map(move |parts| event.values.children(parts));
    single.into_iter().chain(parts.filter(move |&part| is_wanted(part)).filter_map(move |part| {
        event.child(part, b"text").filter(|&text| event.kind(text) == JsonKind::Text)
    }))
}

/// Goes on measuring along the string `text`.
fn along(
    event: ReplyEvent<'_>,
    edits: &Edits,
    context: &mut ReplyContext,
    mut positions: PositionTracker,
    text: usize,
) -> PositionTracker {
    let span = event.values.node(text).span();
    let raw = &event.text[span.clone()];
    if !edits.has_edit(&span) {
        positions.pass(raw);
        return positions;
    }
    // It was restored a moment ago, and is restored again for what it measures, uncounted.
    let (stats, mut discarded) = (context.stats, RestoredText::default());
    let decision = text_kind::decide(event, text, context);
    let mut restorer = TextRestorer::new(NestingTracker::literal(false), decision).measured(positions);
    restorer.feed(context, raw, true, &mut discarded);
    context.stats = stats;
    restorer.take_ruler().map_or_else(|| PositionTracker::new(PositionUnit::Bytes), |positions| *positions)
}

/// Edits `node` if it is one of the numbers.
fn number(event: ReplyEvent<'_>, edits: &mut Edits, positions: &PositionTracker, root: usize, node: usize) {
    if event.kind(node) != JsonKind::Scalar {
        return;
    }
    let side = match event.key(node) {
        b"start_index" | b"startIndex" => RangeSide::Start,
        b"end_index" | b"endIndex" => RangeSide::End,
        b"index" if names_a_place(event, root, node) => RangeSide::Point,
        _ => return,
    };
    place(event, edits, node, |place| positions.moved(place, side));
}

/// Puts in the place of the number `node` what `moved` makes of it.
fn place(event: ReplyEvent<'_>, edits: &mut Edits, node: usize, moved: impl Fn(u64) -> u64) {
    let span = event.values.node(node).span();
    let place = std::str::from_utf8(&event.text[span.clone()]).ok().and_then(|digits| digits.parse().ok());
    if let Some(place) = place {
        let moved = moved(place);
        if moved != place {
            edits.number(span, moved);
        }
    }
}

/// Whether an annotation's `index` is a place in the text. So it is in Responses, where a citation of a file has no
/// other. (The documentation calls it a place in a list of files; what the service sends are places in the text. A
/// number as small as one in such a list stands before the end of any token, and does not move.) In Assistants it
/// is the annotation's own.
fn names_a_place(event: ReplyEvent<'_>, root: usize, node: usize) -> bool {
    let Some(annotation) = event.values.parent(node) else { return false };
    let of_a_file = matches!(event.string(annotation, b"type"), Some(b"file_citation" | b"file_path"));
    let ranged = event.child(annotation, b"start_index").is_some();
    let in_thread = event.child(annotation, b"text").is_some();
    of_a_file && !ranged && !in_thread && node != root
}
