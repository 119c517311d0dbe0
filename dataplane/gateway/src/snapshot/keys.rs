//! Keys of all sorts, made ready: those that providers take, those that clients show, those that make tokens.

use std::sync::Arc;

use aegis_settings::Problem;
use aegis_shield::Keyring;
use zeroize::Zeroizing;

use super::files::read_text;
use super::{Auth, GatewayKeys, HashedKey, UpstreamKey};
use crate::config::Secret;
use crate::config::builtin;
use crate::config::settings::{self, KeyHeader, Settings, epoch_number};
use crate::hex;
use crate::state_dir::MasterKey;

/// Longest key file or variable of an upstream, in bytes.
const MAX_API_KEY: usize = 8 << 10;

/// The provider's key of an upstream as it is configured, read where it is kept.
pub(super) fn provider_key(
    key: &str,
    upstream: &settings::Upstream,
) -> Result<Option<Zeroizing<String>>, Problem> {
    if let Some(value) = &upstream.api_key {
        Ok(Some(Zeroizing::new(value.expose().to_owned())))
    } else if let Some(path) = &upstream.api_key_file {
        Ok(Some(Zeroizing::new(read_text(&format!("{key}.api_key_file"), path)?)))
    } else if let Some(variable) = &upstream.api_key_env {
        let at = format!("{key}.api_key_env");
        let value = std::env::var(variable).map_err(|_| {
            Problem::error(
                at,
                format!("the variable {variable} is not set"),
                "set it for the gateway's process",
            )
        })?;
        Ok(Some(Zeroizing::new(value)))
    } else {
        Ok(None)
    }
}

/// The field by which the gateway shows the upstream its key.
pub(super) fn upstream_key(
    key: &str,
    name: &str,
    upstream: &settings::Upstream,
) -> Result<Option<UpstreamKey>, Problem> {
    let Some(value) = provider_key(key, upstream)? else { return Ok(None) };
    let value = value.trim();
    check_key(value).map_err(|what| unusable(key, upstream, what))?;
    let style = upstream
        .key_header
        .unwrap_or_else(|| builtin::key_header(name, upstream.provider.unwrap_or_default()));
    let value = match style {
        KeyHeader::Bearer => format!("Bearer {value}"),
        KeyHeader::XApiKey | KeyHeader::XGoogApiKey | KeyHeader::ApiKey => value.to_owned(),
    };
    Ok(Some(UpstreamKey { name: style.field(), value: Secret::new(value) }))
}

/// Checks that a field of a request can carry the provider's key.
fn check_key(value: &str) -> Result<(), &'static str> {
    if value.is_empty() {
        Err("is empty")
    } else if value.len() > MAX_API_KEY {
        Err("is longer than 8 KiB")
    } else if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Err("has a space, a line break or another sign that no header can carry")
    } else {
        Ok(())
    }
}

/// The problem of a provider's key that cannot be sent, at the setting that gives it.
fn unusable(key: &str, upstream: &settings::Upstream, what: &str) -> Problem {
    let what = format!("the provider's key {what}");
    match (&upstream.api_key, &upstream.api_key_file) {
        (Some(_), _) => {
            Problem::error(format!("{key}.api_key"), what, "write the key as the provider gave it")
        }
        (None, Some(path)) => {
            let help = format!("{} holds the key as the provider gave it, and nothing else", path.display());
            Problem::error(format!("{key}.api_key_file"), what, help)
        }
        (None, None) => {
            let help = "the variable holds the key as the provider gave it, and nothing else";
            Problem::error(format!("{key}.api_key_env"), what, help)
        }
    }
}

/// Who may use the gateway.
pub(super) fn auth(settings: &Settings) -> Auth {
    let auth = &settings.auth;
    if !auth.demands_keys() {
        return Auth::None;
    }
    let hashed = |key: &settings::GatewayKey| {
        hex::sha256(&key.sha256).map(|sha256| HashedKey {
            id: key.id.as_str().into(),
            organisation: key.org.as_deref().map(Arc::from),
            user: key.user.as_deref().map(Arc::from),
            sha256,
            upstreams: key.upstreams.iter().map(|name| Arc::from(name.as_str())).collect(),
            recall: key.recall.unwrap_or(true),
            disabled: key.disabled,
        })
    };
    Auth::Keys(GatewayKeys::new(auth.keys.iter().filter_map(hashed)))
}

/// The keys that make tokens.
pub(super) fn keyring(settings: &Settings, master: &MasterKey) -> Result<Keyring, Problem> {
    let tokens = &settings.tokens;
    let older: Vec<u8> = tokens.older_epochs.iter().filter_map(|epoch| epoch_number(*epoch)).collect();
    let current = epoch_number(tokens.epoch).unwrap_or(0);
    Keyring::new(master, &tokens.organisation, current, &older)
        .map_err(|error| Problem::error("tokens.older_epochs", error.to_string(), ""))
}
