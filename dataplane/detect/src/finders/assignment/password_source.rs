//! Where in the words of a command its password stands.

/// What of a word is the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WordPart {
    Whole,
    /// Behind the first colon: `user:password`.
    Colon,
    /// Behind the first `%`: `user%password`.
    Percent,
    /// Between the first `/` and `@`: `user/password@host`.
    Slash,
    /// Behind the first `=`: `name=value`.
    Field,
}

/// How a command takes its password.
pub(super) enum PasswordSource {
    /// As the word behind one of these options, or as the rest of the option's own word behind `=`.
    Option(&'static [&'static str], WordPart),
    /// Glued to an option: `-pPASSWORD`, `pass:PASSWORD`.
    Glued(&'static str, WordPart),
    /// As the n-th word that is no option.
    Word(usize, WordPart),
    /// As the word behind one of these, in any case, past words that say how it is written.
    Behind(&'static [&'static str]),
    /// As the first word, past words that say how it is written.
    First,
    /// From `echo` and a pipe before it.
    Piped(WordPart),
    /// As the line below, which the command prints.
    Printed,
    /// Glued to the name's left, behind a colon: `user:password@tcp(`.
    Before,
}
