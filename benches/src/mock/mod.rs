//! The mock provider: replies in exactly the shape of the real APIs, cut, delayed and broken as asked, and a
//! record of every byte it received. It must never decide whether a test passes: it only reports what it saw.

pub mod answer;
pub mod anthropic;
pub mod coding;
pub mod fast;
pub mod gemini;
pub mod inbound;
pub mod interleave;
pub mod lists;
pub mod opaque;
pub mod openai_chat;
pub mod openai_responses;
pub mod outbound;
pub mod prompt;
pub mod quirk;
pub mod quote;
pub mod record;
pub mod reply;
pub mod scenario;
pub mod server;
pub mod sse;
pub mod tls;
