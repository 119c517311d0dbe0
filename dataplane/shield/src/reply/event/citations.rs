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
use crate::positions::Side;
use crate::reply::event::channels::Channels;
use crate::reply::event::edits::Edits;
use crate::reply::event::handling::is_tool_input;
use crate::reply::event::json_index::Kind;
use crate::reply::event::plan::{ChannelId, Plan};
use crate::reply::event::view::Event;
use crate::reply::text::context::Kit;
use crate::reply::text::nesting::Nest;
use crate::reply::text::output::Text;
use crate::reply::text::restorer::Lane;
use crate::reply::text::ruler::{Ruler, Unit};

/// Where the text stands that numbers point into.
#[derive(Clone, Copy)]
enum Source {
    Channel(ChannelId),
    /// This string of the event.
    String(usize),
    /// The texts in this list of parts, one after the other.
    Parts(usize),
}

/// Whether the container `index` holds such numbers, by its name.
pub(crate) fn is_root(event: Event<'_>, index: usize) -> bool {
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
fn is_in_metadata(event: Event<'_>, root: usize) -> bool {
    let parent = event.tape.parent(root);
    parent.is_some_and(|parent| matches!(event.key(parent), b"citationMetadata" | b"citation_metadata"))
}

/// Edits the numbers below the container `root`. All texts of the event are edited by now.
pub(crate) fn restore(
    event: Event<'_>,
    plan: &Plan,
    channels: &Channels,
    edits: &mut Edits,
    kit: &mut Kit,
    root: usize,
) {
    if is_tool_input(event, root) {
        return;
    }
    if matches!(event.key(root), b"citations" | b"citation") && !is_in_metadata(event, root) {
        return in_documents(event, edits, &kit.documents, root);
    }
    let Some((source, unit)) = source(event, plan, root) else { return };
    if let Source::Channel(id) = source {
        if let Some(ruler) = channels.ruler(id) {
            event.inside(root).for_each(|node| number(event, edits, ruler, root, node));
        }
        return;
    }
    for item in items(event, root) {
        let Some(ruler) = measure(event, edits, kit, source, unit, item) else { continue };
        event.inside(item).for_each(|node| number(event, edits, &ruler, item, node));
    }
}

/// The objects in the list `root`, or that object itself.
fn items(event: Event<'_>, root: usize) -> impl Iterator<Item = usize> {
    let single = event.kind(root) == Kind::Object;
    let items = event.tape.children(root).filter(move |_| !single).chain(single.then_some(root));
    items.filter(move |&item| event.kind(item) == Kind::Object)
}

/// Edits the numbers of the citations in `root` that point into texts of the request.
fn in_documents(event: Event<'_>, edits: &mut Edits, documents: &Documents, root: usize) {
    if documents.is_empty() {
        return;
    }
    for item in items(event, root).filter(|&item| event.string(item, b"type") == Some(b"char_location")) {
        let Some(document) = event.index(item, b"document_index") else { continue };
        for (key, side) in [(&b"start_char_index"[..], Side::Start), (b"end_char_index", Side::End)] {
            if let Some(node) = event.child(item, key).filter(|&node| event.kind(node) == Kind::Scalar) {
                place(event, edits, node, |place| documents.moved(document, place, side));
            }
        }
    }
}

/// The text that the numbers below `root` point into.
fn source(event: Event<'_>, plan: &Plan, root: usize) -> Option<(Source, Unit)> {
    let parent = event.tape.parent(root)?;
    if !event.key(root).starts_with(b"annotation") {
        let cited = plan.cited.map(Source::Channel);
        return cited.or_else(|| parts(event, root).map(Source::Parts)).map(|source| (source, Unit::Bytes));
    }
    let mut beside = [&b"text"[..], b"value", b"content"].into_iter();
    let beside =
        beside.find_map(|key| event.child(parent, key).filter(|&text| event.kind(text) == Kind::Text));
    let source = match beside {
        Some(text) => match plan.slots.iter().find(|slot| slot.node == text) {
            Some(slot) => Source::Channel(slot.channel),
            None => Source::String(text),
        },
        None => Source::Channel(plan.cited?),
    };
    Some((source, Unit::CodePoints))
}

/// The parts of the candidate that `node` is in.
fn parts(event: Event<'_>, node: usize) -> Option<usize> {
    let mut above = std::iter::successors(event.tape.parent(node), |&node| event.tape.parent(node));
    let content = above.find_map(|node| match event.kind(node) {
        Kind::Object => event.child(node, b"content"),
        _ => None,
    })?;
    event.child(content, b"parts").filter(|&parts| event.kind(parts) == Kind::Array)
}

/// Measures a text that is in the event itself. `None` if nothing in it was replaced.
fn measure(
    event: Event<'_>,
    edits: &Edits,
    kit: &mut Kit,
    source: Source,
    unit: Unit,
    item: usize,
) -> Option<Ruler> {
    let mut ruler = Ruler::new(unit);
    match source {
        Source::Channel(_) => {}
        Source::String(text) => ruler = along(event, edits, kit, ruler, text),
        Source::Parts(parts) => {
            let only = event.child(item, b"segment").and_then(|segment| event.index(segment, b"partIndex"));
            for part in event.tape.children(parts) {
                let wanted = match only {
                    Some(only) => u64::from(event.tape.node(part).ordinal) == only,
                    None => !event.is_true(part, b"thought"),
                };
                let text = event.child(part, b"text").filter(|&text| event.kind(text) == Kind::Text);
                if let Some(text) = text.filter(|_| wanted) {
                    ruler = along(event, edits, kit, ruler, text);
                }
            }
        }
    }
    (!ruler.is_idle()).then_some(ruler)
}

/// Goes on measuring along the string `text`.
fn along(event: Event<'_>, edits: &Edits, kit: &mut Kit, mut ruler: Ruler, text: usize) -> Ruler {
    let span = event.tape.node(text).span();
    let raw = &event.text[span.clone()];
    if !edits.have(&span) {
        ruler.pass(raw);
        return ruler;
    }
    // It was restored a moment ago, and is restored again for what it measures, uncounted.
    let (tally, mut restored) = (kit.tally, Text::default());
    let mut lane = Lane::new(Nest::literal(false), true).measured(ruler);
    lane.feed(kit, raw, true, &mut restored);
    kit.tally = tally;
    lane.take_ruler().map_or_else(|| Ruler::new(Unit::Bytes), |ruler| *ruler)
}

/// Edits `node` if it is one of the numbers.
fn number(event: Event<'_>, edits: &mut Edits, ruler: &Ruler, root: usize, node: usize) {
    if event.kind(node) != Kind::Scalar {
        return;
    }
    let side = match event.key(node) {
        b"start_index" | b"startIndex" => Side::Start,
        b"end_index" | b"endIndex" => Side::End,
        b"index" if names_a_place(event, root, node) => Side::Point,
        _ => return,
    };
    place(event, edits, node, |place| ruler.moved(place, side));
}

/// Puts in the place of the number `node` what `moved` makes of it.
fn place(event: Event<'_>, edits: &mut Edits, node: usize, moved: impl Fn(u64) -> u64) {
    let span = event.tape.node(node).span();
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
fn names_a_place(event: Event<'_>, root: usize, node: usize) -> bool {
    let Some(annotation) = event.tape.parent(node) else { return false };
    let of_a_file = matches!(event.string(annotation, b"type"), Some(b"file_citation" | b"file_path"));
    let ranged = event.child(annotation, b"start_index").is_some();
    let in_thread = event.child(annotation, b"text").is_some();
    of_a_file && !ranged && !in_thread && node != root
}
