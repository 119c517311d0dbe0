//! Which gateway a tool is pointed at: the named one, or the one that runs with the same state folder.

use std::path::Path;

use clap::Args;

use super::options::StateOptions;
use crate::config::Settings;
use crate::config::upstream_url::UpstreamUrl;
use crate::instance::{self, Instance, reachable};
use crate::state_dir;

/// Flags that name a gateway.
#[derive(Debug, Args)]
pub(super) struct GatewayOptions {
    /// Address of the gateway [default: that of one that runs with the same state folder]
    #[arg(long = "gateway", value_name = "URL", value_parser = gateway_url)]
    pub(super) url: Option<String>,
    #[command(flatten)]
    pub(super) state: StateOptions,
}

/// The gateway that runs with these settings and serves any tool. With a configuration file, only one that was started
/// with the same.
pub(super) fn running(settings: &Settings, config: Option<&Path>) -> Option<Instance> {
    let config = config.map(|path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf()));
    let fits = |found: &Instance| !found.attached && (config.is_none() || found.config == config);
    instance::find(&state_dir::folder(settings)).into_iter().find(fits)
}

/// The address of a gateway that would be started with these settings. None where clients must speak TLS, and nothing
/// says under which name.
pub(super) fn future_url(settings: &Settings) -> Option<String> {
    if let Some(url) = &settings.server.public_url {
        return Some(url.trim_end_matches('/').to_owned());
    }
    let listen = settings.server.listen.first().filter(|_| settings.server.tls.certificates.is_empty())?;
    Some(format!("http://{}", reachable(*listen)))
}

/// An address without a trailing slash.
fn gateway_url(text: &str) -> Result<String, String> {
    let url = UpstreamUrl::parse(text)?;
    let scheme = if url.tls { "https" } else { "http" };
    Ok(format!("{scheme}://{}{}", url.authority(), url.base_path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_lose_their_slash() {
        assert_eq!(gateway_url("http://127.0.0.1:8080/").as_deref(), Ok("http://127.0.0.1:8080"));
        assert_eq!(gateway_url("https://gate.example/aegis/").as_deref(), Ok("https://gate.example/aegis"));
        for wrong in ["127.0.0.1:8080", "ftp://x", "http://", ""] {
            assert!(gateway_url(wrong).is_err(), "{wrong}");
        }
    }
}
