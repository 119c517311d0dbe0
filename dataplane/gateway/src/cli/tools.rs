//! How each tool is pointed at the gateway: variables, arguments, and what neither can do.
//!
//! The names are those that the tools' own documents and sources give; `docs/commands.md` has them as a table.

use clap::ValueEnum;
use serde_json::{Map, Value, json};

/// A tool, or the SDKs of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Tool {
    /// Claude Code
    Claude,
    /// OpenAI Codex
    Codex,
    /// Gemini CLI
    Gemini,
    /// opencode
    Opencode,
    /// aider
    Aider,
    /// Programs with OpenAI's SDKs
    Openai,
    /// Programs with Anthropic's SDKs
    Anthropic,
    /// Programs with Google's Gen AI SDKs
    Google,
}

/// opencode's variable that holds a configuration, which is merged over those of its files.
pub(super) const OPENCODE_CONFIG: &str = "OPENCODE_CONFIG_CONTENT";

/// What points one tool at a gateway.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pointers {
    /// Variables and their values.
    pub variables: Vec<(&'static str, String)>,
    /// Arguments that stand first behind the tool's name.
    pub arguments: Vec<String>,
    /// What a person should know besides.
    pub notes: Vec<String>,
}

impl Tool {
    /// The tool that a program's file name stands for.
    pub(super) fn of_program(name: &str) -> Option<Self> {
        let tools = [Self::Claude, Self::Codex, Self::Gemini, Self::Opencode, Self::Aider];
        tools.into_iter().find(|tool| tool.as_str() == name)
    }

    /// The name on the command line.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::Opencode => "opencode",
            Self::Aider => "aider",
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Google => "google",
        }
    }

    /// What points the tool at the gateway at `url`, which has no trailing slash. `before` is the value that
    /// [`OPENCODE_CONFIG`] has already. The error is for people.
    pub(super) fn pointers(self, url: &str, before: Option<&str>) -> Result<Pointers, String> {
        let mut pointers = Pointers::default();
        let mut set = |name, value: String| pointers.variables.push((name, value));
        match self {
            Self::Claude | Self::Anthropic => set("ANTHROPIC_BASE_URL", url.to_owned()),
            Self::Codex | Self::Openai => set("OPENAI_BASE_URL", format!("{url}/v1")),
            Self::Gemini | Self::Google => set("GOOGLE_GEMINI_BASE_URL", url.to_owned()),
            Self::Opencode => set(OPENCODE_CONFIG, opencode(url, before)?),
            Self::Aider => {
                set("OPENAI_API_BASE", format!("{url}/v1"));
                set("ANTHROPIC_API_BASE", url.to_owned());
                set("GEMINI_API_BASE", format!("{url}/v1beta"));
            }
        }
        if self == Self::Codex {
            pointers.arguments = vec!["-c".to_owned(), codex(url)];
        }
        pointers.notes = self.notes(url);
        Ok(pointers)
    }

    fn notes(self, url: &str) -> Vec<String> {
        let notes: &[&str] = match self {
            Self::Claude => &[
                "with a gateway key: ANTHROPIC_CUSTOM_HEADERS='x-aegis-key: KEY'; the same variables may stand under \
                 \"env\" in ~/.claude/settings.json",
                "Bedrock and Vertex AI (CLAUDE_CODE_USE_BEDROCK, CLAUDE_CODE_USE_VERTEX) have addresses of their own and \
                 do not use this one",
            ],
            Self::Codex => &[
                "a login with ChatGPT goes to chatgpt.com, which is no built-in upstream; this is for API keys",
            ],
            Self::Gemini => &[
                "a login with Google goes to Code Assist, which is no built-in upstream; this is for API keys \
                 (GEMINI_API_KEY)",
                "\"Gemini API key\" must be chosen under /auth, or it ends with \"Invalid auth method selected\"",
            ],
            Self::Opencode => &[
                "this covers the providers anthropic, openai and google; for another one set provider.NAME.options.baseURL \
                 to the gateway's address of its upstream",
            ],
            Self::Aider => &[
                "with --openai-api-base or openai-api-base in .aider.conf.yml, that setting wins over the variable",
            ],
            Self::Openai | Self::Anthropic | Self::Google => {
                &["a program that gives its SDK an address itself does not look at the variable"]
            }
        };
        let mut notes: Vec<String> = notes.iter().map(|&note| note.to_owned()).collect();
        if self == Self::Codex {
            let (setting, value) = (codex(url), format!("openai_base_url = \"{url}/v1\""));
            notes.insert(
                0,
                format!(
                    "Codex reads the variable up to version 0.117 only; start later ones with\n    codex -c '{setting}'\n  \
                     or write above the first table of ~/.codex/config.toml\n    {value}"
                ),
            );
        }
        notes
    }
}

/// What points any program at the gateway that reads the variables of one of the SDKs.
pub(super) fn sdk_pointers(url: &str) -> Pointers {
    let variables = vec![
        ("ANTHROPIC_BASE_URL", url.to_owned()),
        ("OPENAI_BASE_URL", format!("{url}/v1")),
        ("GOOGLE_GEMINI_BASE_URL", url.to_owned()),
    ];
    Pointers { variables, ..Pointers::default() }
}

/// Codex's setting, as its `-c` takes it.
fn codex(url: &str) -> String {
    format!("openai_base_url=\"{url}/v1\"")
}

/// opencode's configuration with the addresses put over what `before` says.
fn opencode(url: &str, before: Option<&str>) -> Result<String, String> {
    let mut config = match before.filter(|text| !text.trim().is_empty()) {
        None => Map::new(),
        Some(text) => serde_json::from_str(text).map_err(|error| {
            format!("{OPENCODE_CONFIG} is set, and no JSON object that an address could be put into: {error}")
        })?,
    };
    for (provider, path) in [("anthropic", "/v1"), ("openai", "/v1"), ("google", "/v1beta")] {
        let mut place = &mut config;
        for name in ["provider", provider, "options"] {
            let Some(next) = place.entry(name).or_insert_with(|| json!({})).as_object_mut() else {
                return Err(format!("{OPENCODE_CONFIG} is set, and `{name}` in it is no object"));
            };
            place = next;
        }
        place.insert("baseURL".to_owned(), Value::from(format!("{url}{path}")));
    }
    Ok(Value::from(config).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "http://127.0.0.1:8080";

    #[test]
    fn names_are_those_of_the_command_line() {
        for tool in Tool::value_variants() {
            let value = tool.to_possible_value().unwrap();
            assert_eq!(value.get_name(), tool.as_str());
            assert!(!tool.pointers(URL, None).unwrap().variables.is_empty());
        }
        assert_eq!(Tool::of_program("codex"), Some(Tool::Codex));
        assert_eq!(Tool::of_program("openai"), None);
    }

    #[test]
    fn codex_takes_an_argument() {
        let pointers = Tool::Codex.pointers(URL, None).unwrap();
        assert_eq!(pointers.arguments, ["-c", "openai_base_url=\"http://127.0.0.1:8080/v1\""]);
    }

    #[test]
    fn what_opencode_was_configured_with_stays() {
        let before = r#"{"theme":"x","provider":{"openai":{"options":{"apiKey":"k"}},"other":{}}}"#;
        let text = &Tool::Opencode.pointers(URL, Some(before)).unwrap().variables[0].1;
        let config: Value = serde_json::from_str(text).unwrap();
        assert_eq!(config["theme"], "x");
        let options = json!({"apiKey": "k", "baseURL": "http://127.0.0.1:8080/v1"});
        assert_eq!(config["provider"]["openai"]["options"], options);
        assert_eq!(config["provider"]["google"]["options"]["baseURL"], "http://127.0.0.1:8080/v1beta");
        for wrong in
            ["[]", "{ // comment\n}", r#"{"provider":1}"#, r#"{"provider":{"openai":{"options":[]}}}"#]
        {
            assert!(
                Tool::Opencode.pointers(URL, Some(wrong)).unwrap_err().contains(OPENCODE_CONFIG),
                "{wrong}"
            );
        }
        assert!(Tool::Opencode.pointers(URL, Some(" ")).is_ok());
    }
}
