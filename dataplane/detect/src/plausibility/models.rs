//! Names of AI models: every request to a provider has one, and texts about models are full of them.

/// The families of the providers, in any version. A name of one or two letters counts with digits only (`o3`).
const FAMILIES: [&[u8]; 92] = [
    b"abab",
    b"amazon",
    b"aya",
    b"babbage",
    b"baichuan",
    b"bge",
    b"bison",
    b"chatglm",
    b"chatgpt",
    b"claude",
    b"codegemma",
    b"codellama",
    b"codestral",
    b"codex",
    b"cogito",
    b"command",
    b"composer",
    b"dall",
    b"davinci",
    b"dbrx",
    b"deepseek",
    b"devstral",
    b"dolphin",
    b"doubao",
    b"embed",
    b"ernie",
    b"exaone",
    b"falcon",
    b"flux",
    b"gemini",
    b"gemma",
    b"glm",
    b"gpt",
    b"granite",
    b"grok",
    b"haiku",
    b"hermes",
    b"hunyuan",
    b"imagen",
    b"internlm",
    b"jamba",
    b"jina",
    b"kimi",
    b"learnlm",
    b"lfm",
    b"llama",
    b"llava",
    b"longcat",
    b"magistral",
    b"mercury",
    b"minicpm",
    b"minimax",
    b"ministral",
    b"mistral",
    b"mixtral",
    b"moonshot",
    b"nemotron",
    b"nomic",
    b"nova",
    b"o",
    b"olmo",
    b"omni",
    b"opus",
    b"palm",
    b"phi",
    b"pixtral",
    b"qvq",
    b"qwen",
    b"qwq",
    b"reka",
    b"rerank",
    b"saba",
    b"seed",
    b"smollm",
    b"solar",
    b"sonar",
    b"sonnet",
    b"sora",
    b"starcoder",
    b"step",
    b"text",
    b"titan",
    b"tts",
    b"tulu",
    b"veo",
    b"vicuna",
    b"voxtral",
    b"voyage",
    b"whisper",
    b"wizardlm",
    b"yi",
    b"zephyr",
];
/// The longest name, with the provider and the cloud that it is named with.
const MAX_NAME: usize = 96;
/// So many parts may stand before the family: `accounts/fireworks/models/`, `us.anthropic.`.
const MAX_BEFORE: usize = 4;
/// The longest word among the parts, and the longest number: a date.
const MAX_WORD: usize = 14;
const MAX_NUMBER: usize = 8;
/// The most characters of a version that follows the family at once: `llama3`, `gpt4o`.
const MAX_VERSION: usize = 3;
/// The most digits and letters of a size or a version: `235b`, `v0`, `8x22b`, `q4`, `2411`.
const MAX_MIXED: usize = 5;

/// Whether `value` is the name of a model: a family, and words, sizes, versions and dates beside it.
pub(crate) fn is_model_name(value: &[u8]) -> bool {
    if value.len() > MAX_NAME {
        return false;
    }
    let parts = || value.split(|byte| matches!(byte, b'-' | b'_' | b'.' | b'/' | b':' | b'@' | b' '));
    parts().take(MAX_BEFORE + 1).any(is_family) && parts().all(|part| is_part(part) || is_family(part))
}

/// `claude`, `llama3`, `o1`, `gpt4o`.
fn is_family(part: &[u8]) -> bool {
    let letters = part.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let (name, version) = part.split_at(letters);
    let is_known = FAMILIES.iter().any(|family| family.eq_ignore_ascii_case(name));
    is_known && (name.len() > 2 || !version.is_empty()) && version.len() <= MAX_VERSION && is_mixed(version)
}

/// What stands beside the family: a word in one case, a number, or a size.
fn is_part(part: &[u8]) -> bool {
    let is_word = |part: &[u8]| {
        let rest = part.get(1..).unwrap_or_default();
        rest.iter().all(u8::is_ascii_lowercase) || rest.iter().all(u8::is_ascii_uppercase)
    };
    match part {
        _ if part.iter().all(u8::is_ascii_alphabetic) => part.len() <= MAX_WORD && is_word(part),
        _ if part.iter().all(u8::is_ascii_digit) => part.len() <= MAX_NUMBER,
        _ => is_mixed(part),
    }
}

/// `70b`, `v0`, `4o`, `8x22b`, `q4`: digits, and letters that stand alone.
fn is_mixed(part: &[u8]) -> bool {
    part.len() <= MAX_MIXED
        && part.iter().all(u8::is_ascii_alphanumeric)
        && !part.windows(2).any(|pair| pair.iter().all(u8::is_ascii_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_of_all_providers_are_known() {
        for name in [
            "claude-haiku-4-5",
            "claude-haiku-4-5-20251001",
            "claude-opus-4.1",
            "us.anthropic.claude-sonnet-4-20250514-v1:0",
            "anthropic/claude-3.7-sonnet:thinking",
            "gpt-5.1-codex-mini",
            "gpt-4o-audio-preview-2024-12-17",
            "chatgpt-4o-latest",
            "o3-mini",
            "o4-mini-deep-research",
            "text-embedding-3-large",
            "models/gemini-2.5-flash-lite-preview-09-2025",
            "gemma3:27b-it-qat",
            "llama3.3:70b-instruct-q4_K_M",
            "meta-llama/Llama-3.3-70B-Instruct-Turbo",
            "Qwen/Qwen2.5-Coder-32B-Instruct",
            "qwen3-235b-a22b-thinking-2507",
            "accounts/fireworks/models/deepseek-v3p1",
            "deepseek-r1-0528",
            "mistral-large-2411",
            "open-mixtral-8x22b",
            "codestral-latest",
            "grok-4-fast-reasoning",
            "moonshotai/kimi-k2-instruct-0905",
            "command-r-plus-08-2024",
            "amazon.nova-pro-v1:0",
            "zai-org/GLM-4.6",
            "MiniMax-M2",
            "dall-e-3",
            "whisper-1",
        ] {
            assert!(is_model_name(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn what_only_begins_like_a_model_is_none() {
        for value in [
            "claude-gT5vLq8xWz2RkPq1",
            "gpt-hY7mPq2xLw",
            "gT5vLq8xWz2RkPq1",
            "o-brien-1987",
            "sk-proj-claude99182",
            "nova-x8kq2",
            "claude4gT5vLq8",
            "llama!drama!Q8z",
            "",
        ] {
            assert!(!is_model_name(value.as_bytes()), "{value}");
        }
        let long = format!("claude{}", "-a".repeat(MAX_NAME));
        assert!(!is_model_name(long.as_bytes()) && is_model_name(&long.as_bytes()[..MAX_NAME]));
    }
}
