//! Which members of a JSON body a report may name.
//!
//! A report says where a value stood, and a name there may itself be a secret: `input.customer_4711_ssn` names a
//! customer. So a report names only words of the providers' APIs, all of which are listed here, and of what the user's
//! own data calls its members says `*`.

/// The words of the APIs of Anthropic, OpenAI, Google, Bedrock, Cohere and Ollama that hold text or what holds text, in
/// the order of their bytes.
#[rustfmt::skip]
const KNOWN: &[&str] = &[
    "action", "additionalModelRequestFields", "additional_messages", "annotations", "args", "arguments",
    "assistant_id", "attributes", "audio", "authorization", "authorization_token", "block", "blocks",
    "body", "bytes", "cache_control", "cachedContent", "cached_content", "call", "call_id", "candidates",
    "chat_history", "choices", "chunk", "chunks", "citations", "code", "codeExecutionResult", "command",
    "commands", "completion", "completions", "connectors", "container", "content", "content_block",
    "contents", "context", "conversation", "custom_id", "data", "delta", "description", "details",
    "developer", "diff", "displayName", "document", "documents", "encrypted_content", "error", "event",
    "executableCode", "executable_code", "extra_body", "file", "fileData", "fileUri", "file_data",
    "file_id", "filename", "filters", "format", "function", "functionCall", "functionDeclarations",
    "functionResponse", "function_call", "function_declarations", "function_response", "functions",
    "generationConfig", "generation_config", "guardContent", "headers", "hyperparameters", "id", "image",
    "image_url", "images", "index", "inferenceConfig", "inlineData", "inline_data", "input", "inputSchema",
    "input_audio", "input_schema", "inputs", "instructions", "is_error", "item", "items", "json",
    "json_schema", "logprobs", "logs", "mcp_list_tools", "mcp_servers", "media_type", "message", "messages",
    "metadata", "method", "mimeType", "mime_type", "model", "modelId", "name", "operation", "options",
    "output", "outputs", "parameters", "parametersJsonSchema", "params", "part", "parts", "passage",
    "passages", "patch", "pending_safety_checks", "preamble", "prediction", "previous_response_id",
    "prompt", "promptVariables", "properties", "provider_specific_fields", "purpose", "queries", "query",
    "reasoning", "reasoning_content", "reasoning_details", "refusal", "request", "requests", "response",
    "responseJsonSchema", "responseSchema", "response_format", "response_schema", "result", "results",
    "role", "run", "s3Location", "schema", "search_result", "search_results", "server_label", "server_url",
    "session", "shell", "signature", "snippet", "source", "stderr", "stdout", "stop", "stop_sequences",
    "strict", "suffix", "summary", "system", "systemInstruction", "system_instruction", "template", "text",
    "text_format", "texts", "thinking", "thinking_blocks", "thread", "thread_id", "title", "tool",
    "toolCalls", "toolConfig", "toolResult", "toolResults", "toolSpec", "toolUse", "toolUseId",
    "tool_call_id", "tool_calls", "tool_choice", "tool_plan", "tool_results", "tool_use_id", "tools",
    "training_file", "transcript", "type", "uri", "url", "user", "user_location", "variables", "video",
];

/// Members whose objects have names that the user or a tool gave: a tool's arguments, results and schemas, and
/// whatever a client notes. Where an array or a text stands there, it is the API's own.
const USERS: &[&str] = &[
    "args",
    "arguments",
    "attributes",
    "filters",
    "headers",
    "input",
    "inputSchema",
    "input_schema",
    "json",
    "metadata",
    "parameters",
    "parametersJsonSchema",
    "properties",
    "promptVariables",
    "response",
    "responseJsonSchema",
    "responseSchema",
    "response_schema",
    "schema",
    "variables",
];

/// Stands for a name that is not reported.
pub(crate) const OTHER: &str = "*";

/// The member's name, if it is a word of the providers' APIs.
pub(crate) fn known(name: &[u8]) -> Option<&'static str> {
    KNOWN.binary_search_by(|known| known.as_bytes().cmp(name)).ok().map(|at| KNOWN[at])
}

/// Whether names in the object that this member holds are the user's own.
pub(crate) fn has_user_names(name: &[u8]) -> bool {
    USERS.iter().any(|known| known.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_in_order_and_users_holders_are_known() {
        assert!(KNOWN.is_sorted_by(|a, b| a < b));
        assert!(USERS.iter().all(|name| known(name.as_bytes()).is_some()));
        assert_eq!(known(b"customer_4711"), None);
        assert_eq!(known(b"content"), Some("content"));
    }
}
