//! What happened to the tokens of one reply.

/// What happened to the tokens of one reply.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RestoreStats {
    /// Tokens replaced by their secrets.
    pub restored: u64,
    /// Tokens left as they are: minted by this organisation but not in this vault (needs
    /// [`Rehydrator::with_keyring`](super::Rehydrator::with_keyring)),
    /// begun like one of the vault and then mangled or cut off, or in JSON of more layers than are followed. A word
    /// whose keyed check is wrong is text, and not counted.
    pub unresolved: u64,
    /// Tokens of this vault left on purpose: in signed text, and in what speaks of the tokens that the model sampled
    /// (`logprobs`).
    pub kept: u64,
    /// Tokens of this vault left in texts and tools that the [policy](super::RestorePolicy) excepts, or beside hosts in
    /// a tool's arguments where it says so.
    pub withheld_by_policy: u64,
    /// Tokens of this vault left in addresses that lead to a host that the policy does not name.
    pub withheld_by_guard: u64,
    /// Of the tokens replaced: those in the arguments of a tool in which such an address stands, too.
    pub beside_unnamed_hosts: u64,
    /// Sealed secrets that were [opened](crate::Unsealer) for the reply.
    pub opened: u64,
    /// Pieces of text passed unread, because too many channels were open.
    pub skipped: u64,
}
