//! What a terminal may be shown: colours where they are wanted, and nothing that moves the cursor.

use std::io::IsTerminal;

use clap::ValueEnum;

/// When output is coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The colours of the sixteen that every terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Color {
    /// What is wrong.
    Red,
    /// What wants attention.
    Yellow,
    /// What is well.
    Green,
    /// Names and places.
    Cyan,
    /// What matters less.
    Dim,
    /// Headings.
    Bold,
}

/// Colours text, or leaves it as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paint(bool);

impl Paint {
    /// For text on standard output.
    pub(super) fn for_stdout(choice: ColorChoice) -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        Self(match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            // https://no-color.org
            ColorChoice::Auto => {
                std::io::stdout().is_terminal()
                    && variable("NO_COLOR").is_none()
                    && variable("TERM").is_none_or(|term| term != "dumb")
            }
        })
    }

    /// No colours.
    pub(super) const NONE: Self = Self(false);

    /// `text` in this colour.
    pub(super) fn paint(self, color: Color, text: &str) -> String {
        if !self.0 || text.is_empty() {
            return text.to_owned();
        }
        let code = match color {
            Color::Red => 31,
            Color::Green => 32,
            Color::Yellow => 33,
            Color::Cyan => 36,
            Color::Dim => 2,
            Color::Bold => 1,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// `text` with what would move the cursor or feign a line escaped.
pub(super) fn printable(text: &str) -> String {
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_left_out_where_they_are_not_wanted() {
        assert_eq!(Paint::NONE.paint(Color::Red, "x"), "x");
        assert_eq!(Paint::for_stdout(ColorChoice::Never), Paint::NONE);
        let paint = Paint::for_stdout(ColorChoice::Always);
        assert_eq!(
            (paint.paint(Color::Red, "x").as_str(), paint.paint(Color::Dim, "")),
            ("\x1b[31mx\x1b[0m", String::new())
        );
    }

    #[test]
    fn text_does_not_move_the_cursor() {
        assert_eq!(printable("a b/ä.txt"), "a b/ä.txt");
        assert_eq!(printable("x\nerror: \u{1b}[2J\u{9b}1m"), "x\\nerror: \\u{1b}[2J\\u{9b}1m");
    }
}
