//! What the model does, turn by turn, without the words of any API: plans, their turns, and what a model has seen so
//! far. A turn is built from what the provider received: a value is written as the tool's result wrote it.

/// What the model wants done.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Reads a file of the working folder.
    Read { path: &'static str },
    /// Runs a command of the shell.
    Run { command: String },
    /// Replaces whole lines of a file.
    Replace { path: &'static str, old: String, new: String },
    /// Writes a new file.
    Write { path: &'static str, text: String },
    /// Says the last word to the user's message.
    Answer,
}

/// One turn: a sentence, and what it leads to.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    /// What is said before the tool is called, or the answer itself.
    pub(crate) say: String,
    /// The tool.
    pub(crate) act: Act,
}

impl Turn {
    /// A turn that says and does this.
    #[expect(clippy::unnecessary_wraps, reason = "what every plan's function gives")]
    pub(crate) fn of(say: impl Into<String>, act: Act) -> Result<Turn, String> {
        Ok(Turn { say: say.into(), act })
    }
}

/// The turns of a session in order, each made from what was seen before it, or the reason why it cannot be made.
pub(crate) type Plan = &'static [fn(&Seen) -> Result<Turn, String>];

/// What the model has seen: the results of its tools, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// One text a result.
    pub(crate) results: Vec<String>,
}

impl Seen {
    /// The value behind the first `name=` of all results, as it is written there. An error says that there is none: the
    /// agent did not do what it was told, or was not understood.
    pub(crate) fn value(&self, name: &str) -> Result<String, String> {
        let assigned = format!("{name}=");
        let found = self.results.iter().find_map(|result| {
            let rest = &result[result.find(&assigned)? + assigned.len()..];
            let value = rest.split(|c: char| c.is_whitespace() || "\"'\\<".contains(c)).next()?;
            Some(value.to_owned())
        });
        found.ok_or_else(|| format!("no tool's result has {assigned}: {:#?}", self.results))
    }

    /// The lines from the one that begins with `first` to the one that begins with `last`, in the first result that has
    /// both, without the line numbers that tools put before them. An error says that there is none.
    pub(crate) fn first_lines(&self, first: &str, last: &str) -> Result<Vec<String>, String> {
        let found = self.results.iter().find_map(|result| {
            let lines: Vec<String> = result.lines().map(|line| without_number(line).to_owned()).collect();
            let place = |wanted: &str| lines.iter().position(|line| line.starts_with(wanted));
            lines.get(place(first)?..=place(last)?).map(<[String]>::to_vec)
        });
        found.ok_or_else(|| format!("no result has lines from {first} to {last}: {:#?}", self.results))
    }
}

/// The line behind its number and what separates the two.
fn without_number(line: &str) -> &str {
    let rest = line.trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let gutters = ["\u{2192}", "\t", ": ", "| "];
    let behind = gutters.iter().find_map(|gutter| rest[digits..].strip_prefix(gutter));
    behind.filter(|_| digits > 0).unwrap_or(line)
}
