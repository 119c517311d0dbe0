//! Which strings of an event belong to which channel, by the shapes of the providers' streams.
//!
//! A channel is one text that the client puts together from many events: the content of a choice, the thinking
//! of a block, the arguments of one tool call. Everything else in an event is a string of its own and is
//! restored whole. The shapes:
//!
//! | Stream | Channel | Keyed by | Closed by |
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

use crate::reply::event::json_index::JsonKind;
use crate::reply::event::plan::{Close, EventPlan};
use crate::reply::event::view::{EventFraming, ReplyEvent};

/// Fills `plan` for one event.
pub(crate) fn plan(event: ReplyEvent<'_>, plan: &mut EventPlan) {
    plan.clear();
    if event.kind(0) != JsonKind::Object {
        return generic::plan(event, plan);
    }
    let (mut kind, mut object, mut choices, mut candidates, mut response) =
        (&b""[..], &b""[..], None, None, None);
    for member in event.values.children(0) {
        match (event.key(member), event.kind(member)) {
            (b"type", JsonKind::Text) => kind = event.value(member),
            (b"object", JsonKind::Text) => object = event.value(member),
            (b"sequence_number", JsonKind::Scalar) => plan.sequence = Some(member),
            (b"choices", JsonKind::Array) => choices = Some(member),
            (b"candidates", JsonKind::Array) => candidates = Some(member),
            (b"response", JsonKind::Object) => response = Some(member),
            (b"error", _) if event.value(member) != b"null" => plan.closes.push(Close::All),
            _ => {}
        }
    }
    let wrapped =
        || event.child(response?, b"candidates").filter(|&node| event.kind(node) == JsonKind::Array);
    let streamed = match event.framing {
        EventFraming::Sse | EventFraming::Lines => true,
        // No other API streams an array, and any other must not get an item more.
        EventFraming::Items => candidates.or_else(wrapped).is_some(),
        EventFraming::Values => generic::is_streamed(event, choices),
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
    if anthropic::is_event_type(kind) {
        return anthropic::plan(event, kind, plan);
    }
    match candidates.or_else(wrapped) {
        Some(candidates) => gemini::plan(event, candidates, plan),
        None => generic::plan(event, plan),
    }
}
