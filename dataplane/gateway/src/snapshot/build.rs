//! Builds a [`Snapshot`] from settings: reads certificates and keys, compiles rules, joins them with what earlier
//! generations can lend (addresses, metric slots, TLS sessions).
//!
//! Runs off the shards. It either gives a complete snapshot or says everything that is wrong; the running one stays as it is.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use aegis_detect::{Category, Confidence, KnownValues, Pack, RuleSource, Rules, Selection};
use aegis_shield::policy::{Action as ShieldAction, Policy};
use aegis_shield::{Keyring, Limits as ShieldLimits, OpaqueAction, Shield};
use aegis_wire::tls::{self, ClientCertificates, Identity, Pem, Resumption, ServerConfigBuilder};
use zeroize::Zeroizing;

use super::own::OwnSecrets;
use super::{Addresses, Auth, HashedKey, Snapshot, TrustIdentity, Upstream, UpstreamKey};
use crate::browser::Sites;
use crate::config::builtin;
use crate::config::error::{ConfigError, Problem};
use crate::config::reference::nearest;
use crate::config::settings::{
    self, Action, AuthMode, ClientAuth, KeyHeader, MinConfidence, OpaqueMode, Roots, Settings,
};
use crate::config::upstream_url::UpstreamUrl;
use crate::config::{Secret, validate};
use crate::known;
use crate::metrics::MAX_UPSTREAMS;
use crate::rule_cache::RuleCache;
use crate::state::{MasterKey, decode_hex};

/// Longest key file or variable of an upstream, in bytes.
const MAX_API_KEY: usize = 8 << 10;

/// What rules are made from: the same origin gives the same rules.
#[derive(Clone, PartialEq)]
struct Origin {
    packs: Vec<Pack>,
    custom: Vec<String>,
    known: known::Print,
}

/// Makes snapshots, one after the other, and keeps what they share.
#[derive(Default)]
pub struct Builder {
    generation: u64,
    slots: HashMap<String, usize>,
    addresses: HashMap<(String, u16), Arc<Addresses>>,
    upstreams: HashMap<String, Arc<Upstream>>,
    /// TLS sessions of clients, and the certificates they were begun with.
    resumption: Option<(TrustIdentity, Resumption)>,
    /// The rules, with what they were made from.
    rules: Option<(Origin, Arc<Rules>)>,
    cache: RuleCache,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl Builder {
    /// A builder whose first snapshot has generation 1, and which keeps compiled rules in `cache`.
    pub fn new(cache: RuleCache) -> Self {
        Builder { cache, ..Builder::default() }
    }

    /// A builder that goes on where this one stands, with all that is shared.
    #[must_use]
    pub fn successor(&self) -> Builder {
        Builder {
            generation: self.generation,
            slots: self.slots.clone(),
            addresses: self.addresses.clone(),
            upstreams: self.upstreams.clone(),
            resumption: self.resumption.clone(),
            rules: self.rules.clone(),
            cache: self.cache.clone(),
        }
    }

    /// Builds the next snapshot. On failure nothing changes, and all problems are given.
    pub fn build(&mut self, settings: &Settings, master: &MasterKey) -> Result<Snapshot, ConfigError> {
        let mut problems = validate::check(settings);
        problems.retain(|problem| problem.severity == crate::config::error::Severity::Error);
        let mut note = |problem: Problem| problems.push(problem);

        let shield =
            self.shield(settings, master).map_err(|found| found.into_iter().for_each(&mut note)).ok();
        let server_tls = self.server_tls(settings).map_err(&mut note).ok();
        let upstreams: Vec<Option<Arc<Upstream>>> = settings
            .upstreams
            .iter()
            .map(|(name, upstream)| self.upstream(name, upstream, settings).map_err(&mut note).ok())
            .collect();
        let (Some(shield), Some(server_tls), true) = (shield, server_tls, problems.is_empty()) else {
            return Err(ConfigError(problems));
        };

        self.generation += 1;
        let upstreams: Vec<Arc<Upstream>> = upstreams.into_iter().flatten().collect();
        self.upstreams =
            upstreams.iter().map(|upstream| (upstream.name.to_string(), Arc::clone(upstream))).collect();
        let used =
            |addresses: &Arc<Addresses>| upstreams.iter().any(|u| Arc::ptr_eq(&u.addresses, addresses));
        self.addresses.retain(|_, addresses| used(addresses));
        let by_name = upstreams.iter().enumerate().map(|(i, u)| (Box::from(&*u.name), i)).collect();
        Ok(Snapshot {
            generation: self.generation,
            limits: settings.limits.clone(),
            timeouts: settings.timeouts.clone(),
            sse_keep_alive: settings.server.sse_keep_alive,
            upstreams,
            auth: auth(settings),
            sites: Sites::new(&settings.server.hosts, &settings.server.origins),
            public_url: public_url(settings),
            fail_mode: settings.policy.fail_mode,
            findings_header: settings.policy.findings_header,
            session: settings.session.clone(),
            shield,
            server_tls,
            audit: settings.audit.enabled,
            known_values: settings.known_values.file.is_some(),
            by_name,
        })
    }

    fn shield(&mut self, settings: &Settings, master: &MasterKey) -> Result<Arc<Shield>, Vec<Problem>> {
        let rules = self.rules(settings, master).map_err(|problem| vec![problem])?;
        let policy = policy(settings, &rules)?;
        let keyring = keyring(settings, master).map_err(|problem| vec![problem])?;
        Ok(Arc::new(Shield { rules, policy, keyring: Arc::new(keyring), limits: ShieldLimits::default() }))
    }

    /// The rules; compiled again only when packs, custom files, known values or the gateway's own secrets have changed.
    fn rules(&mut self, settings: &Settings, master: &MasterKey) -> Result<Arc<Rules>, Problem> {
        let mut sources = Vec::new();
        for path in &settings.rules.custom {
            let text = read_text("rules.custom", path)?;
            sources.push(RuleSource { name: path.display().to_string(), text });
        }
        let packs: Vec<Pack> = settings.rules.packs.iter().map(|pack| Pack::from(*pack)).collect();
        let custom = sources.iter().map(|source| format!("{}\n{}", source.name, source.text)).collect();
        let list = known::File::read(settings)?;
        let own = OwnSecrets::gather(settings, master);
        let origin = Origin { packs: packs.clone(), custom, known: own.print(list.as_ref()) };
        if let Some((before, rules)) = &self.rules
            && *before == origin
        {
            return Ok(Arc::clone(rules));
        }
        let known = Arc::new(KnownValues::new(&own.join(list)?));
        let selection = Selection { packs: &packs, custom: &sources, known: Some(&known) };
        let (rules, _) = self.cache.load(&selection).map_err(|error| {
            Problem::error(
                "rules.custom",
                error.to_string(),
                "`aegis-gateway rules test FILE` tries a file out",
            )
        })?;
        self.rules = Some((origin, Arc::clone(&rules)));
        Ok(rules)
    }

    fn server_tls(&mut self, settings: &Settings) -> Result<Option<Arc<rustls::ServerConfig>>, Problem> {
        let tls = &settings.server.tls;
        if tls.certificates.is_empty() {
            return Ok(None);
        }
        let refuse = |error: &dyn std::fmt::Display| {
            Problem::error(
                "server.tls",
                error.to_string(),
                "the file must be PEM, the key must be that of the first certificate",
            )
        };
        // Old clients offer the old protocol alone; without an answer to it the handshake would fail.
        let mut builder = ServerConfigBuilder::new().alpn(b"http/1.1").alpn(b"http/1.0");
        let mut trust = Vec::new();
        for (i, certificate) in tls.certificates.iter().enumerate() {
            let key = format!("server.tls.certificates[{i}]");
            builder = builder.identity(identity(&key, &certificate.cert, &certificate.key, &mut trust)?);
        }
        let authority = tls
            .client_ca
            .as_deref()
            .map(|path| Ok((path, read_bytes("server.tls.client_ca", path)?)))
            .transpose()?;
        let name = authority.as_ref().map(|(path, _)| path.display().to_string()).unwrap_or_default();
        if let Some((_, text)) = &authority {
            let pem = Pem { name: &name, text };
            builder = match tls.client_auth {
                ClientAuth::Off => builder,
                ClientAuth::Optional => builder.client_certificates(ClientCertificates::Optional(pem)),
                ClientAuth::Required => builder.client_certificates(ClientCertificates::Required(pem)),
            };
        }
        // A resumed session shows no certificate: with new certificates on either side, sessions begin anew.
        let client = authority.as_ref().map(|(_, text)| text.as_slice()).unwrap_or_default();
        let asked = [tls.client_auth as u8];
        let parts = trust.iter().map(|part| part.as_slice()).chain([client, &asked[..]]);
        let certificates = TrustIdentity::of(parts);
        let resumption = match &self.resumption {
            Some((same, resumption)) if *same == certificates => resumption.clone(),
            _ => Resumption::new().map_err(|error| refuse(&error))?,
        };
        self.resumption = Some((certificates, resumption.clone()));
        builder.resumption(&resumption).build().map(Some).map_err(|error| refuse(&error))
    }

    fn upstream(
        &mut self,
        name: &str,
        upstream: &settings::Upstream,
        settings: &Settings,
    ) -> Result<Arc<Upstream>, Problem> {
        let key = format!("upstreams.{name}");
        let text = upstream.url.as_deref().unwrap_or_default();
        let url = UpstreamUrl::parse(text).map_err(|what| Problem::error(format!("{key}.url"), what, ""))?;
        let provider = upstream.provider.unwrap_or_default();
        let slot = self.slot(name).ok_or_else(|| {
            Problem::error(
                &key,
                format!("more than {MAX_UPSTREAMS} names since the start"),
                "restart the gateway",
            )
        })?;
        let material = TlsMaterial::read(&key, upstream, &url)?;
        let identity = material.identity(&url);
        let before = self.upstreams.get(name).filter(|before| before.identity == identity);
        let tls = match before {
            Some(before) => before.tls.clone(),
            None => material.config(&key, &url)?,
        };
        let addresses = match url.literal() {
            Some(address) => Arc::new(Addresses::fixed(address)),
            None => Arc::clone(self.addresses.entry((url.host.clone(), url.port)).or_default()),
        };
        Ok(Arc::new(Upstream {
            name: name.into(),
            provider,
            host: url.host.as_str().into(),
            port: url.port,
            authority: url.authority().into(),
            base_path: url.base_path.as_str().into(),
            tls,
            addresses,
            key: upstream_key(&key, name, upstream)?,
            shows_certificate: material.certificate.is_some(),
            idempotency_header: upstream.idempotency_header.as_deref().map(|n| n.to_ascii_lowercase().into()),
            timeouts: timeouts(upstream, settings),
            slot,
            identity,
            redirect_hosts: redirect_hosts(upstream),
            needed: !upstream.built_in,
        }))
    }

    /// The metric slot of a name: the same as long as the process lives.
    fn slot(&mut self, name: &str) -> Option<usize> {
        let next = self.slots.len();
        if !self.slots.contains_key(name) && next >= MAX_UPSTREAMS {
            return None;
        }
        Some(*self.slots.entry(name.to_owned()).or_insert(next))
    }
}

fn timeouts(upstream: &settings::Upstream, settings: &Settings) -> settings::Timeouts {
    let mut timeouts = settings.timeouts.clone();
    let own = [
        (&mut timeouts.connect, upstream.connect_timeout),
        (&mut timeouts.first_byte, upstream.first_byte_timeout),
        (&mut timeouts.upstream_read_gap, upstream.read_gap_timeout),
        (&mut timeouts.stream_read_gap, upstream.stream_gap_timeout),
    ];
    for (general, own) in own {
        *general = own.unwrap_or(*general);
    }
    // An upstream that may take long for one address may take so long in all.
    timeouts.connect_total = timeouts.connect_total.max(timeouts.connect);
    timeouts
}

/// What TLS towards an upstream is made of, as read from the files.
struct TlsMaterial<'a> {
    upstream: &'a settings::Upstream,
    authorities: Option<Vec<u8>>,
    certificate: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
}

impl<'a> TlsMaterial<'a> {
    fn read(key: &str, upstream: &'a settings::Upstream, url: &UpstreamUrl) -> Result<Self, Problem> {
        let mut material = TlsMaterial { upstream, authorities: None, certificate: None };
        if url.tls {
            let read = |name: &str, path: &Path| read_bytes(&format!("{key}.{name}"), path);
            material.authorities = upstream.ca.as_deref().map(|path| read("ca", path)).transpose()?;
            if let (Some(cert), Some(secret)) = (&upstream.client_cert, &upstream.client_key) {
                material.certificate =
                    Some((read("client_cert", cert)?, Zeroizing::new(read("client_key", secret)?)));
            }
        }
        Ok(material)
    }

    /// Equal for two upstreams whose connections can stand in for each other.
    fn identity(&self, url: &UpstreamUrl) -> TrustIdentity {
        let (port, roots) = (url.port.to_be_bytes(), [u8::from(url.tls), self.upstream.roots as u8]);
        let mut parts = vec![&roots[..], url.host.as_bytes(), &port];
        // The number of parts tells which of them are there.
        parts.extend(self.authorities.as_deref());
        parts.extend(self.certificate.iter().flat_map(|(cert, key)| [cert.as_slice(), key.as_slice()]));
        TrustIdentity::of(parts)
    }

    fn config(&self, key: &str, url: &UpstreamUrl) -> Result<Option<Arc<rustls::ClientConfig>>, Problem> {
        if !url.tls {
            return Ok(None);
        }
        let refuse = |error: &dyn std::fmt::Display| Problem::error(key, error.to_string(), "");
        tls::server_name(&url.host).map_err(|error| refuse(&error))?;
        let shown = |path: &Option<std::path::PathBuf>| {
            path.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
        };
        let (ca, cert, secret) =
            (shown(&self.upstream.ca), shown(&self.upstream.client_cert), shown(&self.upstream.client_key));
        let identity = self
            .certificate
            .as_ref()
            .map(|(chain, private)| {
                Identity::from_pem(Pem { name: &cert, text: chain }, Pem { name: &secret, text: private })
            })
            .transpose()
            .map_err(|error| refuse(&error))?;
        let roots = match (self.upstream.roots, &self.authorities) {
            (Roots::Webpki, _) => tls::Roots::Webpki,
            (Roots::System, _) => tls::Roots::System,
            (Roots::File, text) => {
                tls::Roots::Pem(Pem { name: &ca, text: text.as_deref().unwrap_or_default() })
            }
        };
        let options = tls::ClientOptions { roots, identity: identity.as_ref(), alpn: &[b"http/1.1"] };
        tls::client_config(&options).map(Some).map_err(|error| refuse(&error))
    }
}

/// Reads a certificate chain and its key; what they are is added to `trust`, by which a change of them is told.
fn identity(
    key: &str,
    cert: &Path,
    private: &Path,
    trust: &mut Vec<Zeroizing<Vec<u8>>>,
) -> Result<Identity, Problem> {
    let chain = read_bytes(&format!("{key}.cert"), cert)?;
    let secret = Zeroizing::new(read_bytes(&format!("{key}.key"), private)?);
    trust.extend([Zeroizing::new(chain.clone()), secret.clone()]);
    let (cert, private) = (cert.display().to_string(), private.display().to_string());
    Identity::from_pem(Pem { name: &cert, text: &chain }, Pem { name: &private, text: &secret }).map_err(
        |error| Problem::error(key, error.to_string(), "the key must be that of the first certificate"),
    )
}

fn read_bytes(key: &str, path: &Path) -> Result<Vec<u8>, Problem> {
    std::fs::read(path).map_err(|error| {
        Problem::error(key, format!("cannot read {}: {error}", path.display()), "check path and permissions")
    })
}

fn read_text(key: &str, path: &Path) -> Result<String, Problem> {
    std::fs::read_to_string(path).map_err(|error| {
        Problem::error(key, format!("cannot read {}: {error}", path.display()), "check path and permissions")
    })
}

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

fn upstream_key(
    key: &str,
    name: &str,
    upstream: &settings::Upstream,
) -> Result<Option<UpstreamKey>, Problem> {
    let Some(value) = provider_key(key, upstream)? else { return Ok(None) };
    let value = value.trim();
    if value.is_empty() || value.len() > MAX_API_KEY || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::error(
            key,
            "the provider's key is empty, too long or has characters no header can carry",
            "",
        ));
    }
    let style = upstream
        .key_header
        .unwrap_or_else(|| builtin::key_header(name, upstream.provider.unwrap_or_default()));
    let (header, value) = match style {
        KeyHeader::Bearer => ("authorization", format!("Bearer {value}")),
        KeyHeader::XApiKey => ("x-api-key", value.to_owned()),
        KeyHeader::XGoogApiKey => ("x-goog-api-key", value.to_owned()),
        KeyHeader::ApiKey => ("api-key", value.to_owned()),
    };
    Ok(Some(UpstreamKey { name: header, value: Secret::new(value) }))
}

/// The gateway's own address without a trailing slash; what is wrong with it was said by the checks.
fn public_url(settings: &Settings) -> Option<Box<str>> {
    let url = UpstreamUrl::parse(settings.server.public_url.as_deref()?).ok()?;
    let scheme = if url.tls { "https" } else { "http" };
    Some(format!("{scheme}://{}{}", url.authority(), url.base_path).into())
}

fn redirect_hosts(upstream: &settings::Upstream) -> Box<[Box<str>]> {
    upstream.redirect_hosts.iter().map(|host| host.to_ascii_lowercase().into()).collect()
}

fn auth(settings: &Settings) -> Auth {
    let auth = &settings.auth;
    if auth.mode == AuthMode::None || (auth.mode == AuthMode::Auto && auth.keys.is_empty()) {
        return Auth::None;
    }
    let hashed = |key: &settings::GatewayKey| {
        let mut sha256 = [0; 32];
        decode_hex(key.sha256.as_bytes(), &mut sha256).then(|| HashedKey {
            id: key.id.as_str().into(),
            organisation: key.org.as_deref().map(Arc::from),
            user: key.user.as_deref().map(Arc::from),
            sha256,
            upstreams: key.upstreams.iter().map(|name| Arc::from(name.as_str())).collect(),
            disabled: key.disabled,
        })
    };
    Auth::Keys(auth.keys.iter().filter_map(hashed).collect())
}

fn keyring(settings: &Settings, master: &MasterKey) -> Result<Keyring, Problem> {
    let tokens = &settings.tokens;
    let older: Vec<u8> = tokens.older_epochs.iter().filter_map(|epoch| epoch_number(*epoch)).collect();
    let current = epoch_number(tokens.epoch).unwrap_or(0);
    Keyring::new(master, &tokens.organisation, current, &older)
        .map_err(|error| Problem::error("tokens.older_epochs", error.to_string(), ""))
}

/// The value of a character in Crockford's base32.
fn epoch_number(epoch: char) -> Option<u8> {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    DIGITS.iter().position(|digit| char::from(*digit) == epoch).map(|value| value as u8)
}

fn policy(settings: &Settings, rules: &Rules) -> Result<Policy, Vec<Problem>> {
    let wanted = &settings.policy;
    let mut problems = Vec::new();
    let mut policy = Policy::new(action(wanted.default)).with_min_confidence(match wanted.min_confidence {
        MinConfidence::Low => Confidence::Low,
        MinConfidence::Medium => Confidence::Medium,
        MinConfidence::High => Confidence::High,
    });
    policy = policy.with_opaque(match wanted.opaque {
        OpaqueMode::Pass => OpaqueAction::Pass,
        OpaqueMode::Refuse => OpaqueAction::Refuse,
    });
    for (id, own) in &wanted.rules {
        match rules.find(id) {
            Some(index) => policy = policy.with_rule(index, action(*own)),
            None => problems.push(unknown_rule(id, rules)),
        }
    }
    for category in Category::ALL {
        if let Some(own) = wanted.categories.get(&category.as_str().to_lowercase()) {
            policy = policy.with_category(category, action(*own));
        }
    }
    let hashes = wanted.allow_sha256.iter().filter_map(|digits| {
        let mut hash = [0; 32];
        decode_hex(digits.as_bytes(), &mut hash).then_some(hash)
    });
    policy = policy.with_allowed_hashes(hashes);
    match policy.with_allowed_patterns(&wanted.allow_regex) {
        Ok(policy) if problems.is_empty() => Ok(policy),
        Ok(_) => Err(problems),
        Err(error) => {
            problems.push(Problem::error("policy.allow_regex", error.to_string(), ""));
            Err(problems)
        }
    }
}

fn unknown_rule(id: &str, rules: &Rules) -> Problem {
    const LISTED: usize = 6;
    let vendor = |id: &str| id.split('-').next().unwrap_or_default().to_owned();
    let ids = || rules.iter().map(|(_, rule)| rule.id.as_str());
    let alike: Vec<&str> = ids().filter(|known| vendor(known) == vendor(id)).take(LISTED).collect();
    let spelt: Vec<String> = ids().map(|known| known.replace('-', "_")).collect();
    let near = nearest(id, spelt.iter().map(String::as_str)).map(|near| near.replace('_', "-"));
    let help = match (near, alike.is_empty()) {
        (_, false) => format!("rules that begin alike: {}", alike.join(", ")),
        (Some(near), true) => format!("did you mean `{near}`?"),
        (None, true) => "`aegis-gateway rules list` names them all".to_owned(),
    };
    Problem::error(format!("policy.rules.{id}"), format!("there is no rule `{id}`"), help)
}

/// The action of the policy engine that a setting names.
pub(crate) fn action(action: Action) -> ShieldAction {
    match action {
        Action::Allow => ShieldAction::Allow,
        Action::Monitor => ShieldAction::Monitor,
        Action::Warn => ShieldAction::Warn,
        Action::Tokenize => ShieldAction::Tokenize,
        Action::Redact => ShieldAction::Redact,
        Action::Block => ShieldAction::Block,
    }
}
