//! Which upstream a request is for, and the path it is asked there.
//!
//! `/<upstream>/...` names it; the providers' own bare paths work as they are; `x-aegis-provider` overrides both.
//! Upstreams are configuration: nothing here knows a host, only the names under which the built-in providers are
//! configured.
//!
//! The path is parsed here, once, and a path that could leave the upstream's base path is refused: the route decides
//! whose key goes along.

use std::sync::Arc;

use aegis_wire::error::HttpError;
use aegis_wire::head::{Method, RequestHead};
use aegis_wire::target::{RequestTarget, decoded};

use crate::config::settings::Provider;
use crate::error_body::{ErrorKind, Failure};
use crate::snapshot::{Snapshot, Upstream};

/// Request field that names the upstream.
pub const PROVIDER_FIELD: &[u8] = b"x-aegis-provider";

/// Where a request goes.
#[derive(Debug)]
pub struct Route {
    /// The upstream.
    pub upstream: Arc<Upstream>,
    /// How many bytes of the request's path only named the upstream.
    pub strip: usize,
}

/// Chooses the upstream of `head`.
pub fn choose(snapshot: &Snapshot, head: &RequestHead) -> Result<Route, Failure> {
    let target = RequestTarget::parse(&head.path).map_err(unsafe_path)?;
    let first = target.first_segment();
    let behind_first = || target.behind_first().map_err(unsafe_path);
    if let Some(name) = named_by_field(head) {
        let upstream = snapshot.upstream(name).ok_or(NO_SUCH_PROVIDER)?;
        let strip = if first == name { behind_first()? } else { 0 };
        return Ok(Route { upstream: Arc::clone(upstream), strip });
    }
    if let Some(upstream) = snapshot.upstream(first) {
        return Ok(Route { upstream: Arc::clone(upstream), strip: behind_first()? });
    }
    let by_path = bare_path(head).and_then(|name| snapshot.upstream(name));
    match (by_path, snapshot.upstreams.as_slice()) {
        (Some(upstream), _) | (None, [upstream]) => Ok(Route { upstream: Arc::clone(upstream), strip: 0 }),
        (None, _) => Err(NO_ROUTE),
    }
}

/// Whose error shape a request without a route understands, recognised by what it says of itself: the upstream that its
/// path begins with, a provider's own path, or the fields that only one provider's clients send.
pub fn likely_provider(snapshot: &Snapshot, head: &RequestHead) -> Provider {
    let inner = head.path.trim_start_matches('/');
    let first = inner.split(['/', '?', '\\', '%']).next().unwrap_or_default();
    let asked = named_by_field(head).and_then(|name| snapshot.upstream(name));
    let named = asked.or_else(|| snapshot.upstream(first)).or_else(|| snapshot.upstream(bare_path(head)?));
    let named = named.or(match snapshot.upstreams.as_slice() {
        [only] => Some(only),
        _ => None,
    });
    let fields = &head.fields;
    match named {
        Some(upstream) => upstream.provider,
        None if fields.contains(b"anthropic-version") || fields.contains(b"x-api-key") => Provider::Anthropic,
        None if fields.contains(b"x-goog-api-key") => Provider::Google,
        None => Provider::Generic,
    }
}

/// What the field says that names the upstream.
fn named_by_field(head: &RequestHead) -> Option<&str> {
    head.fields.get(PROVIDER_FIELD).map(|name| std::str::from_utf8(name).unwrap_or_default())
}

fn unsafe_path(error: HttpError) -> Failure {
    Failure::new(error.status(), ErrorKind::InvalidRequest, error.reason())
}

const NO_SUCH_PROVIDER: Failure = Failure::invalid("x-aegis-provider names no configured upstream");
const NO_ROUTE: Failure = Failure::new(
    404,
    ErrorKind::InvalidRequest,
    "no upstream for this path: use a provider's own path, /<upstream>/... or the x-aegis-provider header",
);

/// The name under which the owner of a well-known path is configured.
fn bare_path(head: &RequestHead) -> Option<&'static str> {
    let path = path_of(&head.path);
    let google_model = path.starts_with("/v1/models/") && path.contains(':');
    if google_model || ["/v1beta", "/v1alpha", "/upload/v1"].iter().any(|start| path.starts_with(start)) {
        return Some("google");
    }
    let inside =
        |place: &str| path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if inside("/v1/messages") || inside("/v1/complete") {
        return Some("anthropic");
    }
    if !inside("/v1") {
        return None;
    }
    // Paths that several APIs have (models, files, batches): Anthropic's clients always say which version they speak,
    // and Google's have a field of their own for the key.
    Some(if head.fields.contains(b"anthropic-version") {
        "anthropic"
    } else if head.fields.contains(b"x-goog-api-key") {
        "google"
    } else {
        "openai"
    })
}

/// The path of a target, without its query.
pub fn path_of(target: &str) -> &str {
    target.split_once('?').map_or(target, |(path, _)| path)
}

/// Google's resumable uploads say in these fields what a request does, and where in the file its bytes stand.
const UPLOAD_FIELDS: &[u8] = b"x-goog-upload-";
const UPLOAD_COMMAND: &[u8] = b"x-goog-upload-command";
const UPLOAD_OFFSET: &[u8] = b"x-goog-upload-offset";

/// What a request has to do with the upload of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadStep {
    /// Nothing.
    None,
    /// It is about an upload: its body says something about the file, or carries it inside a form.
    About,
    /// Its body is the whole file.
    File,
    /// Its body is a part of the file; the other parts find their own places by its length.
    Chunk,
}

/// What a request has to do with an upload. A path with the segment `upload` (Google) or `uploads` (`OpenAI`) belongs
/// to one, and so does a request with a field of Google's protocol; one that reads (GET, HEAD) does not. The body is
/// the file below `upload`, unless the command says that it only begins, asks or ends. Without `finalize`, behind
/// offset 0, or with a `Content-Range`, it is a chunk.
pub fn upload_of(head: &RequestHead) -> UploadStep {
    if matches!(head.method, Method::Get | Method::Head) {
        return UploadStep::None;
    }
    // As a lenient server reads it: what it takes for an upload must not be read as something else here.
    let path = decoded(path_of(&head.path));
    let at = |place: &str| {
        path.split(|&byte| byte == b'/').any(|segment| segment.eq_ignore_ascii_case(place.as_bytes()))
    };
    let fields = &head.fields;
    let says = |word: &[u8]| fields.has_token(UPLOAD_COMMAND, word);
    let commanded = fields.contains(UPLOAD_COMMAND);
    if at("upload") && (says(b"upload") || !commanded) {
        let first = fields.get(UPLOAD_OFFSET).is_none_or(|offset| offset.iter().all(|&digit| digit == b'0'));
        let whole = first && (says(b"finalize") || !commanded) && !fields.contains(b"content-range");
        return if whole { UploadStep::File } else { UploadStep::Chunk };
    }
    let belongs =
        at("upload") || at("uploads") || fields.iter().any(|(name, _)| name.starts_with(UPLOAD_FIELDS));
    if belongs { UploadStep::About } else { UploadStep::None }
}

/// Whether the body is, or holds, a file: an upload, a form of several parts, or what goes to the files of an account.
/// Files may be longer than any conversation.
pub fn carries_file(head: &RequestHead) -> bool {
    let is_form = || {
        const FORM: &[u8] = b"multipart/";
        let content_type = head.fields.content_type().unwrap_or_default();
        content_type.get(..FORM.len()).is_some_and(|start| start.eq_ignore_ascii_case(FORM))
    };
    let goes_to_files = || {
        let path = decoded(path_of(&head.path));
        path.rsplit(|&byte| byte == b'/')
            .find(|segment| !segment.is_empty())
            .is_some_and(|last| last == b"files")
    };
    upload_of(head) != UploadStep::None || is_form() || goes_to_files()
}

/// The path without its query and with everything that could identify something replaced by `{id}`: for logs, where
/// neither a secret nor an endless number of values must end. `scanned` says that its secrets were replaced before; of
/// a path that nobody has looked at only words are shown.
pub fn path_pattern(path: &str, scanned: bool) -> Box<str> {
    let mut before = "";
    let shown = path_of(path).split('/').map(|segment| {
        let model = MODEL_HOLDERS.contains(&before) && is_model(segment);
        before = segment;
        if is_plain_segment(segment) || scanned && (model || is_compound(segment)) { segment } else { "{id}" }
    });
    shown.collect::<Vec<_>>().join("/").into()
}

/// Whether every segment of a path is a word of an API and none a value, so that there is nothing to look for in it.
pub fn is_plain(path: &str) -> bool {
    path_of(path).split('/').all(is_plain_segment)
}

/// Behind these stands the name of a model (Google, `OpenAI`, Azure and what is older).
const MODEL_HOLDERS: [&str; 3] = ["models", "deployments", "engines"];
/// The longest part of a model's name that may mix letters and digits: `4o`, `20250219`. Identifiers and keys are
/// longer.
const LONGEST_MIXED: usize = 8;
/// The longest word: words end, encoded values go on.
const LONGEST_WORD: usize = 24;
/// The most parts of a model's name.
const MOST_PARTS: usize = 8;
/// The most parts of a compound: passwords of words have more.
const MOST_WORDS: usize = 3;

/// A word, a version, or a word with a verb behind it (`x:generateContent`).
fn is_plain_segment(segment: &str) -> bool {
    segment.is_empty()
        || is_word(segment)
        || is_version(segment)
        || segment.split_once(':').is_some_and(|(name, verb)| is_word(name) && is_word(verb))
}

/// Letters only, and not all of them capitals.
fn is_word(part: &str) -> bool {
    (1..=LONGEST_WORD).contains(&part.len())
        && part.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !part.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// `v1`, `v1beta2`, or a date as Azure and Anthropic count by: `2024-10-21`, `2024-10-01-preview`.
fn is_version(segment: &str) -> bool {
    let digits =
        |text: &str, most: usize| text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(number) = segment.strip_prefix('v') {
        let stage = ["alpha", "beta"].iter().find_map(|stage| number.split_once(stage));
        let (major, minor) = stage.unwrap_or((number, ""));
        return !major.is_empty() && digits(major, 2) && digits(minor, 2);
    }
    let date = segment.strip_suffix("-preview").unwrap_or(segment);
    let mut parts = date.split('-');
    [4, 2, 2]
        .into_iter()
        .all(|length| parts.next().is_some_and(|part| part.len() == length && digits(part, length)))
        && parts.next().is_none()
}

/// `count_tokens`, `text-to-speech`: a few words in small letters.
fn is_compound(segment: &str) -> bool {
    let small = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    segment.len() <= LONGEST_WORD
        && segment.split(['-', '_']).all(small)
        && segment.split(['-', '_']).count() <= MOST_WORDS
}

/// A model's name in small letters, with a verb behind it or not: `gemini-2.5-pro:streamGenerateContent`.
fn is_model(segment: &str) -> bool {
    let name = match segment.rsplit_once(':') {
        Some((name, verb)) if is_word(verb) => name,
        _ => segment,
    };
    let part = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            && (part.len() <= LONGEST_MIXED || is_word(part))
    };
    let separators = ['-', '_', '.', ':'];
    name.split(separators).count() <= MOST_PARTS && name.split(separators).all(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(path: &str, fields: &[(&str, &str)]) -> RequestHead {
        let mut head = RequestHead { path: path.to_owned(), ..RequestHead::default() };
        for (name, value) in fields {
            head.fields.push(name.as_bytes(), value.as_bytes()).unwrap();
        }
        head
    }

    #[test]
    fn bare_paths_name_their_provider() {
        let version: &[(&str, &str)] = &[("anthropic-version", "2023-06-01")];
        for (path, fields, expected) in [
            ("/v1/messages", &[][..], Some("anthropic")),
            ("/v1/messages?beta=true", &[], Some("anthropic")),
            ("/v1/messages/count_tokens", &[], Some("anthropic")),
            ("/v1/messagesx", &[], Some("openai")),
            ("/v1/chat/completions", &[], Some("openai")),
            ("/v1/responses/resp_1", &[], Some("openai")),
            ("/v1/models", &[], Some("openai")),
            ("/v1/models", version, Some("anthropic")),
            ("/v1/files", &[("x-goog-api-key", "k")], Some("google")),
            ("/v1/models/gemini-2.5-pro:generateContent", &[], Some("google")),
            ("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", &[], Some("google")),
            ("/", &[], None),
            ("/v2/x", &[], None),
        ] {
            assert_eq!(bare_path(&head(path, fields)), expected, "{path}");
        }
    }

    #[test]
    fn uploads_are_recognised_by_path_field_and_command() {
        let command = |words| ("x-goog-upload-command", words);
        let offset = |at| ("x-goog-upload-offset", at);
        for (method, path, fields, step) in [
            (Method::Post, "/upload/v1beta/files", &[][..], UploadStep::File),
            (
                Method::Post,
                "/base/upload/v1beta/files?x=1",
                &[command("upload, finalize"), offset("0")],
                UploadStep::File,
            ),
            (Method::Post, "/upload/v1beta/files", &[command("upload,Finalize")], UploadStep::File),
            (Method::Post, "/upload/v1beta/files", &[command("upload"), offset("0")], UploadStep::Chunk),
            (
                Method::Post,
                "/upload/v1beta/files",
                &[command("upload, finalize"), offset("8388608")],
                UploadStep::Chunk,
            ),
            (Method::Put, "/upload/v1/files", &[("content-range", "bytes 0-9/20")], UploadStep::Chunk),
            (Method::Post, "/upload/v1beta/files", &[command("start")], UploadStep::About),
            (Method::Post, "/v1beta/x", &[command("upload")], UploadStep::About),
            (Method::Post, "/v1/uploads/u/parts", &[], UploadStep::About),
            (Method::Post, "/%75pload/v1beta/files", &[], UploadStep::File),
            (Method::Post, "/v1beta%2f%2575pload/files", &[], UploadStep::File),
            (Method::Post, "/Upload/v1beta/files", &[], UploadStep::File),
            (Method::Post, "/v1/UPLOADS/u/parts", &[], UploadStep::About),
            (Method::Post, "/v1/files?to=/upload/", &[], UploadStep::None),
            (Method::Get, "/upload/v1beta/files", &[command("query")], UploadStep::None),
        ] {
            let head = RequestHead { method, ..head(path, fields) };
            assert_eq!(upload_of(&head), step, "{path} {fields:?}");
        }
    }

    #[test]
    fn files_are_recognised_by_upload_form_and_path() {
        let form = ("content-type", "Multipart/form-data; boundary=x");
        for (path, fields, carries) in [
            ("/upload/v1beta/files", &[][..], true),
            ("/v1/uploads/u/parts", &[], true),
            ("/v1/audio/transcriptions", &[form], true),
            ("/v1/files", &[], true),
            ("/v1/containers/c/files/?x=1", &[], true),
            ("/v1/messages", &[("content-type", "application/json")], false),
            ("/v1/files/f/content", &[], false),
            ("/v1/messages?to=/files", &[], false),
        ] {
            let head = RequestHead { method: Method::Post, ..head(path, fields) };
            assert_eq!(carries_file(&head), carries, "{path} {fields:?}");
        }
    }

    #[test]
    fn shown_paths_hold_no_identifiers() {
        for (path, shown) in [
            ("/v1/messages?key=abc", "/v1/messages"),
            ("/v1/messages/count_tokens", "/v1/messages/count_tokens"),
            ("/v1/responses/resp_68a1b2c3d4e5f60718293a4b", "/v1/responses/{id}"),
            (
                "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
                "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
            ),
            ("/v1/files/abcdefghijklmnopqrstuvwxyz/content", "/v1/files/{id}/content"),
            ("/v1/a%20b", "/v1/{id}"),
            ("/v1/items/AKIAQ3EGV7ZKLM2XTN4D", "/v1/items/{id}"),
            ("/v1/items/AEGIS-KEY-0ABCDEFGHIJ", "/v1/items/{id}"),
            ("/v1/models/AEGIS-KEY-0ABCDEFGHIJ", "/v1/models/{id}"),
            ("/v1/threads/0b9f6a1e-3c1d-4a57-9d2e-8f00b6c1d2e3/runs", "/v1/threads/{id}/runs"),
            ("/v1/models/claude-3-7-sonnet-20250219", "/v1/models/claude-3-7-sonnet-20250219"),
            ("/v1/files/claude-3-7-sonnet-20250219", "/v1/files/{id}"),
            ("/openai/deployments/gpt-4o/chat/completions", "/openai/deployments/gpt-4o/chat/completions"),
            ("/v1/files/A3-ASWWYB-798JRY-LJVD4-23DC2-86TVM-H43EB", "/v1/files/{id}"),
            ("/v1/models/A3-ASWWYB-798JRY-LJVD4-23DC2-86TVM-H43EB", "/v1/models/{id}"),
            ("/v1/items/abcd-efgh-ijkl-mnop", "/v1/items/{id}"),
            ("/v1/customers/4711", "/v1/customers/{id}"),
            ("/2024-10-21/x", "/2024-10-21/x"),
        ] {
            assert_eq!(&*path_pattern(path, true), shown, "{path}");
        }
        assert_eq!(&*path_pattern("/v1/models/gpt-4o/count_tokens", false), "/v1/models/{id}/{id}");
    }

    #[test]
    fn only_words_need_no_scan() {
        for (path, plain) in [
            ("/v1/chat/completions", true),
            ("/v1beta1/models/x:generateContent", true),
            ("/v1alpha/2024-10-01-preview/batches/", true),
            ("/", true),
            ("/v1/count_tokens", false),
            ("/v1/models/gpt-4o", false),
            ("/v123/x", false),
            ("/vbeta/x", true),
            ("/2024-1-021/x", false),
            ("/2024-10-21-1/x", false),
            ("/SECRETS/x", false),
            ("/x:y:z", false),
            ("/caf%c3%a9", false),
        ] {
            assert_eq!(is_plain(path), plain, "{path}");
        }
        let word = "a".repeat(LONGEST_WORD);
        assert!(is_plain(&word) && !is_plain(&format!("{word}a")));
    }
}
