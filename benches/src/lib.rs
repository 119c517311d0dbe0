//! What Aegis is measured and tested against: a mock of the AI providers, a load generator and a rig that
//! runs the gateway beside plain reverse proxies. Nothing here is part of the product, and the mock shares no
//! code with it: an oracle that used the gateway's own parsers would repeat their mistakes.
#![forbid(unsafe_code)]

pub mod corpus;
pub mod load;
pub mod machine;
pub mod mock;
pub mod rig;
