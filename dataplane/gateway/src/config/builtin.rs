//! The providers that work without being configured.

use std::collections::BTreeMap;

use super::settings::{KeyHeader, Provider, Upstream};

/// Name, address and API of each built-in upstream.
const UPSTREAMS: [(&str, &str, Provider); 12] = [
    ("anthropic", "https://api.anthropic.com", Provider::Anthropic),
    ("cerebras", "https://api.cerebras.ai", Provider::Openai),
    ("cohere", "https://api.cohere.com", Provider::Generic),
    ("deepseek", "https://api.deepseek.com", Provider::Openai),
    ("fireworks", "https://api.fireworks.ai/inference", Provider::Openai),
    ("google", "https://generativelanguage.googleapis.com", Provider::Google),
    ("groq", "https://api.groq.com/openai", Provider::Openai),
    ("mistral", "https://api.mistral.ai", Provider::Openai),
    ("openai", "https://api.openai.com", Provider::Openai),
    ("openrouter", "https://openrouter.ai/api", Provider::Openai),
    ("together", "https://api.together.xyz", Provider::Openai),
    ("xai", "https://api.x.ai", Provider::Openai),
];

/// The names of the built-in upstreams, in the order of the alphabet.
pub fn names() -> impl Iterator<Item = &'static str> {
    UPSTREAMS.iter().map(|(name, ..)| *name)
}

/// Adds the built-in upstreams, and fills in what configured ones of the same name leave open.
pub fn merge(upstreams: &mut BTreeMap<String, Upstream>) {
    for (name, url, provider) in UPSTREAMS {
        let upstream = upstreams
            .entry(name.to_owned())
            .or_insert_with(|| Upstream { built_in: true, ..Upstream::default() });
        upstream.url.get_or_insert_with(|| url.to_owned());
        upstream.provider.get_or_insert(provider);
    }
    for (name, upstream) in upstreams {
        upstream.provider.get_or_insert_with(|| guess(name));
    }
}

/// The API an upstream of that name most likely speaks: `azure-openai` and `openai-eu` speak `OpenAI`'s.
fn guess(name: &str) -> Provider {
    let known = [
        ("anthropic", Provider::Anthropic),
        ("claude", Provider::Anthropic),
        ("google", Provider::Google),
        ("gemini", Provider::Google),
        ("openai", Provider::Openai),
        ("azure", Provider::Openai),
        ("vllm", Provider::Openai),
        ("ollama", Provider::Openai),
    ];
    known.iter().find(|(part, _)| name.contains(part)).map_or(Provider::Generic, |(_, provider)| *provider)
}

/// The header that carries a key when the configuration does not say.
pub fn key_header(name: &str, provider: Provider) -> KeyHeader {
    match provider {
        Provider::Anthropic => KeyHeader::XApiKey,
        Provider::Google => KeyHeader::XGoogApiKey,
        Provider::Openai if name.contains("azure") => KeyHeader::ApiKey,
        Provider::Openai | Provider::Generic => KeyHeader::Bearer,
    }
}

#[cfg(test)]
mod tests {
    use aegis_shield::places::{self, Role};

    use super::*;

    #[test]
    fn the_page_about_running_names_the_built_in_upstreams() {
        let page = include_str!("../../../../docs/operations.md");
        let words: Vec<&str> = page.split_whitespace().collect();
        let list = format!("({})", names().collect::<Vec<_>>().join(", "));
        assert!(words.join(" ").contains(&list), "docs/operations.md does not say: {list}");
    }

    #[test]
    fn a_key_header_is_a_credential_on_the_way_out() {
        for header in KeyHeader::ALL {
            let role = places::of_header(header.field().as_bytes());
            assert_eq!(role, Some(Role::Credential), "{}", header.field());
        }
    }
}
