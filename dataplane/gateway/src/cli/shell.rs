//! How shells set a variable and write a word.

use clap::ValueEnum;

/// A shell whose language `env` speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    /// POSIX shells: dash, ash, ksh
    Sh,
    /// GNU Bash
    Bash,
    /// Zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    #[value(name = "powershell", alias = "pwsh")]
    Pwsh,
}

impl Shell {
    /// The shell that `$SHELL` names; a POSIX one when it names none of these.
    pub(super) fn of_user() -> Self {
        let path = std::env::var("SHELL").unwrap_or_default();
        Self::of_path(&path)
    }

    fn of_path(path: &str) -> Self {
        match path.rsplit('/').next().unwrap_or_default() {
            "bash" => Self::Bash,
            "zsh" => Self::Zsh,
            "fish" => Self::Fish,
            "pwsh" | "powershell" => Self::Pwsh,
            _ => Self::Sh,
        }
    }

    /// The line that sets and exports a variable.
    pub(super) fn export(self, name: &str, value: &str) -> String {
        let value = self.quote(value);
        match self {
            Self::Sh | Self::Bash | Self::Zsh => format!("export {name}={value}"),
            Self::Fish => format!("set -gx {name} {value}"),
            Self::Pwsh => format!("$env:{name} = {value}"),
        }
    }

    /// `word` so that the shell takes it as it is.
    pub(super) fn quote(self, word: &str) -> String {
        match self {
            Self::Sh | Self::Bash | Self::Zsh => format!("'{}'", word.replace('\'', r"'\''")),
            Self::Fish => format!("'{}'", word.replace('\\', r"\\").replace('\'', r"\'")),
            Self::Pwsh => format!("'{}'", word.replace('\'', "''")),
        }
    }

    /// How the lines are put into effect; `command` is what prints them.
    pub(super) fn apply(self, command: &str) -> String {
        match self {
            Self::Sh | Self::Bash | Self::Zsh => format!("eval \"$({command})\""),
            Self::Fish => format!("{command} | source"),
            Self::Pwsh => format!("{command} | Out-String | Invoke-Expression"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_what_they_are() {
        let word = r#"a'b\c"$d"#;
        assert_eq!(Shell::Bash.export("X", word), r#"export X='a'\''b\c"$d'"#);
        assert_eq!(Shell::Fish.export("X", word), r#"set -gx X 'a\'b\\c"$d'"#);
        assert_eq!(Shell::Pwsh.export("X", word), r#"$env:X = 'a''b\c"$d'"#);
    }

    #[test]
    fn the_shell_is_recognised_by_its_name() {
        for (path, shell) in [
            ("/bin/bash", Shell::Bash),
            ("/usr/bin/zsh", Shell::Zsh),
            ("fish", Shell::Fish),
            ("/opt/pwsh", Shell::Pwsh),
            ("/bin/dash", Shell::Sh),
            ("", Shell::Sh),
        ] {
            assert_eq!(Shell::of_path(path), shell, "{path}");
        }
    }
}
