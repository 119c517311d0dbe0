//! Model lists in the three providers' shapes.

/// The list (or the one model named in the path) that `GET .../models` answers.
pub fn models(target: &str, anthropic: bool) -> String {
    let path = target.split('?').next().unwrap_or(target);
    let one = path.split("/models/").nth(1).filter(|name| !name.is_empty());
    let gemini = path.contains("/v1beta/") || path.contains("/v1alpha/");
    let entry = |name: &str| match (gemini, anthropic) {
        (true, _) => format!(
            "{{\"name\":\"models/{name}\",\"version\":\"001\",\"displayName\":\"{name}\",\"inputTokenLimit\":1048576,\
             \"outputTokenLimit\":65536,\"supportedGenerationMethods\":[\"generateContent\",\"countTokens\"]}}"
        ),
        (_, true) => format!(
            "{{\"type\":\"model\",\"id\":\"{name}\",\"display_name\":\"{name}\",\"created_at\":\"2025-01-01T00:00:00Z\"}}"
        ),
        _ => {
            format!("{{\"id\":\"{name}\",\"object\":\"model\",\"created\":1700000000,\"owned_by\":\"mock\"}}")
        }
    };
    if let Some(name) = one {
        return entry(name);
    }
    let both = format!("{},{}", entry("mock-large"), entry("mock-small"));
    match (gemini, anthropic) {
        (true, _) => format!("{{\"models\":[{both}]}}"),
        (_, true) => format!(
            "{{\"data\":[{both}],\"has_more\":false,\"first_id\":\"mock-large\",\"last_id\":\"mock-small\"}}"
        ),
        _ => format!("{{\"object\":\"list\",\"data\":[{both}]}}"),
    }
}
