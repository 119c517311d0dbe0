//! Replies of every provider, cut everywhere: what the client puts together equals what it would have got had
//! no secret ever been replaced.

#![expect(clippy::cast_possible_truncation, reason = "made-up inputs are small")]
#![expect(clippy::unwrap_used, reason = "a helper that panics is a test that fails")]

mod address_reference;
mod addresses;
mod anthropic;
mod citations;
mod documents;
mod edges;
mod gemini;
mod growth;
mod hard_cases;
mod labels;
mod limits;
mod links;
mod more_streams;
mod openai;
mod order;
mod others;
mod properties;
mod responses;
mod spelled;
mod support;
