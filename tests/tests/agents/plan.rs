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
    pub(crate) fn new(say: impl Into<String>, act: Act) -> Turn {
        Turn { say: say.into(), act }
    }
}

/// The turns of a session in order, each made from what was seen before it.
pub(crate) type Plan = &'static [fn(&Seen) -> Turn];

/// What the model has seen: the results of its tools, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// One text a result.
    pub(crate) results: Vec<String>,
}

impl Seen {
    /// The value behind the first `name=` of all results, as it is written there.
    ///
    /// # Panics
    /// If no result has it: the agent did not do what it was told.
    pub(crate) fn value(&self, name: &str) -> String {
        let assigned = format!("{name}=");
        let found = self.results.iter().find_map(|result| {
            let rest = &result[result.find(&assigned)? + assigned.len()..];
            let value = rest.split(|c: char| c.is_whitespace() || "\"'\\<".contains(c)).next()?;
            Some(value.to_owned())
        });
        found.unwrap_or_else(|| panic!("no tool's result has {assigned}: {:#?}", self.results))
    }

    /// The lines of the last result from the one that begins with `first` to the one that begins with `last`, without
    /// the line numbers that tools put before them.
    ///
    /// # Panics
    /// If the result has no such lines.
    pub(crate) fn lines(&self, first: &str, last: &str) -> Vec<String> {
        let result = self.results.last().cloned().unwrap_or_default();
        let lines: Vec<String> = result.lines().map(|line| without_number(line).to_owned()).collect();
        let place = |wanted: &str| {
            lines
                .iter()
                .position(|line| line.starts_with(wanted))
                .unwrap_or_else(|| panic!("no line of the result begins with {wanted}: {result}"))
        };
        lines[place(first)..=place(last)].to_vec()
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
