//! The scanning engine: everything that talks to Hyperscan, and nothing that knows what a secret is.

pub(crate) mod hyperscan;
