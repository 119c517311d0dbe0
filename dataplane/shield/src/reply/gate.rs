//! Decides which texts of a reply are restored.

/// What a text in a reply is to the client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum TextKind {
    /// What the user reads.
    #[default]
    Text,
    /// What the model thought before.
    Thinking,
    /// Why the model refuses.
    Refusal,
    /// The arguments of a tool call, which are JSON.
    ToolArguments,
    /// What a tool gets otherwise: free input, code.
    ToolInput,
    /// Any other string.
    Other,
    /// A whole body, or an event that is too large to look into.
    Document,
}

/// Decides what is restored. Asked once for each channel of a stream, for each complete string that may hold a
/// token, and once for a body that is restored as a whole.
pub trait RestoreGate: Send {
    /// Whether tokens in a text of this kind are replaced by their secrets. `tool` is the name of the tool that the
    /// text goes to, where the reply has named it by then.
    fn allow(&mut self, text_kind: TextKind, tool: Option<&str>) -> bool;
}
