//! Made-up values in the shape of the providers' opaque fields, which must pass both ways unchanged.

/// A signature of reasoning, full of shapes that careless rules take for keys: a 40-character run, an `AIza`
/// prefix, an `SK` with 32 hexadecimal digits.
pub const SIGNATURE: &str = "EqoBCkgIARABGAIiQL8xQ0mZr2v7nKpTdWfYhJcXsBgNaEuRtOiPlMkVwCzq\
    AIzaSyM0ckM0ckM0ckM0ckM0ckM0ckM0ckM0ckSK0123456789abcdef0123456789abcdefEgyAQIDBAUGBwgJCgsMD";

/// The `data` of a `redacted_thinking` block.
pub const REDACTED: &str =
    "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIwxtE3rAFBa8cr3qpPkNRj2YfWXGmKDxH4mPnZ5sQ7";
