//! The scanning engine: everything that talks to Hyperscan or to the processor, and nothing that knows what a secret is.

pub(crate) mod hyperscan;
pub(crate) mod simd;
