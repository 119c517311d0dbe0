//! Decides which texts of a reply get values in the place of their tokens.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::reply::address::{AddressWatch, HostNames, WatchPurpose};

/// What a text in a reply is to the client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub(crate) enum TextKind {
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

/// A kind of text, as a policy names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// What the user reads.
    Text,
    /// What the model thought before, where no signature seals it.
    Reasoning,
    /// Why the model refuses.
    Refusal,
    /// What a tool gets: its arguments, free input, code.
    ToolArguments,
    /// Any other string.
    Other,
}

impl Lane {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Text, Self::Reasoning, Self::Refusal, Self::ToolArguments, Self::Other];

    /// The lane of a kind of text. `None` for a document, which may hold any.
    fn of(text_kind: TextKind) -> Option<Self> {
        Some(match text_kind {
            TextKind::Text => Self::Text,
            TextKind::Thinking => Self::Reasoning,
            TextKind::Refusal => Self::Refusal,
            TextKind::ToolArguments | TextKind::ToolInput => Self::ToolArguments,
            TextKind::Other => Self::Other,
            TextKind::Document => return None,
        })
    }
}

/// What becomes of a token in a tool's arguments beside an address whose host is not named.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnnamedHosts {
    /// It is replaced, and counted.
    #[default]
    Count,
    /// It stays if it stands in that address or behind it; where a call comes whole, in the call.
    Withhold,
}

/// Names of tools: each a name, in which `*` stands for any characters, also none.
#[derive(Clone, Default, Debug)]
pub struct ToolNames(Vec<Box<str>>);

impl ToolNames {
    /// Names tools by these patterns.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        Self(patterns.into_iter().map(Box::from).collect())
    }

    /// Whether a tool of this name is meant.
    pub fn contain(&self, name: &str) -> bool {
        self.0.iter().any(|pattern| matches(pattern.as_bytes(), name.as_bytes()))
    }

    /// Whether every tool is meant, whatever its name.
    fn are_all(&self) -> bool {
        self.0.iter().any(|pattern| !pattern.is_empty() && pattern.bytes().all(|byte| byte == b'*'))
    }
}

/// Whether `name` is what `pattern` says. A star that was passed is tried again one byte further whenever what follows
/// it does not fit, and only the last of them: so this takes no more steps than the product of both lengths.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut seen, mut star) = (0, 0, None);
    while seen < name.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, seen));
            at += 1;
        } else if pattern.get(at) == Some(&name[seen]) {
            (at, seen) = (at + 1, seen + 1);
        } else if let Some((star_at, from)) = star {
            star = Some((star_at, from + 1));
            (at, seen) = (star_at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

/// Which tokens of a reply are replaced by their values. Whatever it says, signed text is not touched.
#[derive(Clone, Debug)]
pub struct RestorePolicy {
    /// The kinds of text that get values.
    pub lanes: Vec<Lane>,
    /// The tools that get values.
    pub tools: ToolNames,
    /// Of these, those that do not.
    pub except_tools: ToolNames,
    /// The hosts that may get values in addresses.
    pub hosts: Arc<HostNames>,
    /// Whether tokens stay in addresses that lead to other hosts, in any text but a tool's.
    pub guard_addresses: bool,
    /// What becomes of tokens in a tool's arguments beside such addresses.
    pub unnamed_hosts: UnnamedHosts,
}

impl Default for RestorePolicy {
    fn default() -> Self {
        Self {
            lanes: Lane::ALL.to_vec(),
            tools: ToolNames::new(["*"]),
            except_tools: ToolNames::default(),
            hosts: Arc::default(),
            guard_addresses: true,
            unnamed_hosts: UnnamedHosts::Count,
        }
    }
}

/// What is done with the tokens of one text.
#[derive(Clone, Debug)]
pub(crate) enum RestoreDecision {
    /// They are replaced.
    Restore,
    /// They stay, and are counted.
    Withhold,
    /// They are replaced as the addresses around them allow.
    Watch(WatchPurpose, Arc<HostNames>),
}

impl RestoreDecision {
    /// Whether tokens stay in addresses that lead elsewhere.
    pub(crate) fn is_guarded(&self) -> bool {
        matches!(self, Self::Watch(WatchPurpose::Guard, _))
    }

    /// Whether tokens stay beside addresses that lead elsewhere.
    pub(crate) fn withholds_beside(&self) -> bool {
        matches!(self, Self::Watch(WatchPurpose::Withhold, _))
    }

    /// What watches the addresses of the text.
    pub(crate) fn watch(self) -> Option<Box<AddressWatch>> {
        match self {
            Self::Watch(purpose, hosts) => Some(Box::new(AddressWatch::new(purpose, hosts))),
            Self::Restore | Self::Withhold => None,
        }
    }
}

impl RestorePolicy {
    /// Decides on a text. `tool` is the name of the tool that it goes to, where the reply has named it by then; a tool
    /// without a name is not one that may be excepted.
    pub(crate) fn decide(&self, text_kind: TextKind, tool: Option<&str>) -> RestoreDecision {
        let allowed = match Lane::of(text_kind) {
            Some(lane) => self.lanes.contains(&lane),
            None => !self.is_selective(),
        };
        let purpose = match text_kind {
            _ if !allowed => return RestoreDecision::Withhold,
            TextKind::ToolArguments | TextKind::ToolInput => {
                if !self.allows_tool(tool) {
                    return RestoreDecision::Withhold;
                }
                match self.unnamed_hosts {
                    UnnamedHosts::Count => WatchPurpose::Count,
                    UnnamedHosts::Withhold => WatchPurpose::Withhold,
                }
            }
            _ if self.guard_addresses => WatchPurpose::Guard,
            _ => return RestoreDecision::Restore,
        };
        RestoreDecision::Watch(purpose, Arc::clone(&self.hosts))
    }

    /// Whether the names of tools make a difference.
    pub(crate) fn asks_for_tools(&self) -> bool {
        !self.tools.are_all() || !self.except_tools.0.is_empty()
    }

    /// Whether anything is excepted, so that a text of unknown kind may be.
    fn is_selective(&self) -> bool {
        let all = Lane::ALL.iter().all(|lane| self.lanes.contains(lane));
        !all || self.asks_for_tools() || self.unnamed_hosts == UnnamedHosts::Withhold
    }

    fn allows_tool(&self, tool: Option<&str>) -> bool {
        match tool {
            Some(name) => self.tools.contain(name) && !self.except_tools.contain(name),
            None => !self.asks_for_tools(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_withheld(policy: &RestorePolicy, text_kind: TextKind, tool: Option<&str>) -> bool {
        matches!(policy.decide(text_kind, tool), RestoreDecision::Withhold)
    }

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, name, expected) in [
            ("*", "", true),
            ("*", "bash", true),
            ("bash", "bash", true),
            ("bash", "bash2", false),
            ("bash", "Bash", false),
            ("", "", true),
            ("", "x", false),
            ("mcp__*__write", "mcp__a__b__write", true),
            ("mcp__*__write", "mcp____write", true),
            ("mcp__*__write", "mcp__write", false),
            ("*web*", "my_webfetch", true),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("**", "x", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_lane_is_restored_if_it_is_named() {
        let kinds = [
            TextKind::Text,
            TextKind::Thinking,
            TextKind::Refusal,
            TextKind::ToolArguments,
            TextKind::ToolInput,
            TextKind::Other,
        ];
        let none = RestorePolicy { lanes: Vec::new(), ..RestorePolicy::default() };
        for kind in kinds {
            assert!(!is_withheld(&RestorePolicy::default(), kind, None));
            assert!(is_withheld(&none, kind, None));
            for lane in Lane::ALL {
                let policy = RestorePolicy { lanes: vec![lane], ..RestorePolicy::default() };
                assert_eq!(
                    is_withheld(&policy, kind, None),
                    Lane::of(kind) != Some(lane),
                    "{kind:?} {lane:?}"
                );
                assert!(is_withheld(&policy, TextKind::Document, None), "it may hold another");
            }
        }
        assert!(!is_withheld(&RestorePolicy::default(), TextKind::Document, None));
    }

    #[test]
    fn tools_are_recognised_by_their_names() {
        let policy = RestorePolicy {
            tools: ToolNames::new(["mcp__*", "bash"]),
            except_tools: ToolNames::new(["mcp__web__*"]),
            ..RestorePolicy::default()
        };
        for kind in [TextKind::ToolArguments, TextKind::ToolInput] {
            for (tool, withheld) in [
                (Some("bash"), false),
                (Some("mcp__files__write"), false),
                (Some("mcp__web__fetch"), true),
                (Some("zsh"), true),
                (None, true),
            ] {
                assert_eq!(is_withheld(&policy, kind, tool), withheld, "{tool:?}");
            }
        }
        assert!(is_withheld(&policy, TextKind::Document, None), "a tool's arguments may be in it");
        assert!(!is_withheld(&policy, TextKind::Text, None));
    }

    #[test]
    fn addresses_are_watched_where_it_matters() {
        let purpose = |policy: &RestorePolicy, kind| match policy.decide(kind, None) {
            RestoreDecision::Watch(purpose, _) => Some(purpose),
            _ => None,
        };
        let policy = RestorePolicy::default();
        assert_eq!(purpose(&policy, TextKind::Text), Some(WatchPurpose::Guard));
        assert_eq!(purpose(&policy, TextKind::Document), Some(WatchPurpose::Guard));
        assert_eq!(purpose(&policy, TextKind::ToolArguments), Some(WatchPurpose::Count));
        let open = RestorePolicy { guard_addresses: false, ..RestorePolicy::default() };
        assert_eq!(purpose(&open, TextKind::Text), None);
        assert_eq!(purpose(&open, TextKind::ToolInput), Some(WatchPurpose::Count));
        let strict = RestorePolicy { unnamed_hosts: UnnamedHosts::Withhold, ..RestorePolicy::default() };
        assert_eq!(purpose(&strict, TextKind::ToolInput), Some(WatchPurpose::Withhold));
    }
}
