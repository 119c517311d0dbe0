//! Builds a [`Snapshot`] from settings: reads certificates and keys, compiles rules, joins them with what earlier
//! generations can lend (addresses, metric slots, TLS sessions).
//!
//! Runs off the shards. It either gives a complete snapshot or says everything that is wrong; the running one stays as
//! it is.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use aegis_detect::{KnownValues, Pack, RuleSource, Rules};
use aegis_settings::schema::words;
use aegis_settings::{ConfigError, Problem};
use aegis_shield::reply::HostNames;
use aegis_shield::{RequestLimits, Shield};
use aegis_wire::tls::Resumption;

use super::certificates::OwnCertificate;
use super::custom_rules;
use super::keys::{auth, keyring, upstream_key};
use super::own_secrets::OwnSecrets;
use super::policy::policy;
use super::restore::restore_policy;
use super::tls::{TlsMaterial, server_tls};
use super::{Addresses, Snapshot, TrustIdentity, Upstream};
use crate::browser::Sites;
use crate::config::settings::{self, Settings};
use crate::config::upstream_url::UpstreamUrl;
use crate::config::validate;
use crate::known_values_file::{Fingerprint, KnownValuesFile};
use crate::metrics::MAX_UPSTREAMS;
use crate::recall;
use crate::rule_cache::RuleCache;
use crate::state_dir::MasterKey;

/// What rules are made from: the same origin gives the same rules.
#[derive(Clone, PartialEq)]
struct RulesSource {
    packs: Vec<Pack>,
    custom: Vec<String>,
    known: Fingerprint,
}

/// Makes snapshots, one after the other, and keeps what they share.
#[derive(Default)]
pub struct SnapshotBuilder {
    generation: u64,
    slots: HashMap<String, usize>,
    addresses: HashMap<(String, u16), Arc<Addresses>>,
    upstreams: HashMap<String, Arc<Upstream>>,
    /// TLS sessions of clients, and the certificates they were begun with.
    resumption: Option<(TrustIdentity, Resumption)>,
    /// The rules, with what they were made from.
    rules: Option<(RulesSource, Arc<Rules>)>,
    cache: RuleCache,
}

impl std::fmt::Debug for SnapshotBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl SnapshotBuilder {
    /// A builder whose first snapshot has generation 1, and which keeps compiled rules in `cache`.
    pub fn new(cache: RuleCache) -> Self {
        SnapshotBuilder { cache, ..SnapshotBuilder::default() }
    }

    /// A builder that goes on where this one stands, with all that is shared.
    #[must_use]
    pub fn successor(&self) -> SnapshotBuilder {
        SnapshotBuilder {
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
        problems.retain(|problem| problem.severity == aegis_settings::ProblemSeverity::Error);
        // What cannot be built is often what the checks have told already, with what to do.
        let key_and_what = |problem: &Problem| (problem.key.clone(), problem.what.clone());
        let mut known: HashSet<_> = problems.iter().map(key_and_what).collect();
        let mut note = |problem: Problem| {
            if known.insert(key_and_what(&problem)) {
                problems.push(problem);
            }
        };

        let shield =
            self.shield(settings, master).map_err(|found| found.into_iter().for_each(&mut note)).ok();
        let mut certificates = Vec::new();
        let server_tls = server_tls(settings, &mut self.resumption, &mut certificates)
            .map_err(|found| found.into_iter().for_each(&mut note))
            .ok();
        let upstreams: Vec<Option<Arc<Upstream>>> = settings
            .upstreams
            .iter()
            .map(|(name, upstream)| {
                let built = self.upstream(name, upstream, settings);
                built.map_err(|found| found.into_iter().for_each(&mut note)).ok()
            })
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
        certificates.extend(upstreams.iter().filter_map(|upstream| {
            let key = format!("upstreams.{}.client_cert", upstream.name).into();
            Some(OwnCertificate { key, validity: upstream.client_certificate? })
        }));
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
            recall: settings.recall.clone(),
            shield,
            restore: restore_policy(&settings.restore),
            server_tls,
            certificates,
            audit: settings.audit.enabled,
            by_name,
        })
    }

    fn shield(&mut self, settings: &Settings, master: &MasterKey) -> Result<Arc<Shield>, Vec<Problem>> {
        let (custom, mut problems) = custom_rules::read(settings);
        let are_all_read = problems.is_empty();
        let known = KnownValuesFile::read(settings).map_err(|problem| problems.push(problem)).ok();
        let keyring = keyring(settings, master).map_err(|problem| problems.push(problem)).ok();
        let rules = match known {
            Some(list) if are_all_read => self.rules(settings, master, &custom, list),
            // Only for what else is wrong: nothing of it is kept.
            _ => custom_rules::load(&self.cache.clone().read_only(), settings, &custom, None),
        };
        let rules = rules.map_err(|found| problems.extend(found)).ok();
        let policy = rules.as_ref().and_then(|rules| {
            policy(settings, rules, are_all_read).map_err(|found| problems.extend(found)).ok()
        });
        match (rules, policy, keyring) {
            (Some(rules), Some(policy), Some(keyring)) if problems.is_empty() => Ok(Arc::new(Shield {
                rules,
                policy,
                keyring: Arc::new(keyring),
                search_key: recall::search_key(),
                limits: RequestLimits::default(),
            })),
            _ => Err(problems),
        }
    }

    /// The rules; compiled again only when packs, custom files, known values or the gateway's own secrets have changed.
    fn rules(
        &mut self,
        settings: &Settings,
        master: &MasterKey,
        custom: &[RuleSource],
        list: Option<KnownValuesFile>,
    ) -> Result<Arc<Rules>, Vec<Problem>> {
        let packs = words(&settings.rules.packs);
        let texts = custom.iter().map(|source| format!("{}\n{}", source.name, source.text)).collect();
        let own = OwnSecrets::gather(settings, master);
        let origin = RulesSource { packs, custom: texts, known: own.fingerprint(list.as_ref()) };
        if let Some((before, rules)) = &self.rules
            && *before == origin
        {
            return Ok(Arc::clone(rules));
        }
        let known = Arc::new(KnownValues::new(&own.join(list).map_err(|problem| vec![problem])?));
        let rules = custom_rules::load(&self.cache, settings, custom, Some(&known))?;
        self.rules = Some((origin, Arc::clone(&rules)));
        Ok(rules)
    }

    fn upstream(
        &mut self,
        name: &str,
        upstream: &settings::Upstream,
        settings: &Settings,
    ) -> Result<Arc<Upstream>, Vec<Problem>> {
        let key = format!("upstreams.{name}");
        let text = upstream.url.as_deref().unwrap_or_default();
        let url =
            UpstreamUrl::parse(text).map_err(|what| vec![Problem::error(format!("{key}.url"), what, "")])?;
        let provider = upstream.provider.unwrap_or_default();
        let slot = self.slot(name).ok_or_else(|| {
            let what = format!("more than {MAX_UPSTREAMS} names since the start");
            vec![Problem::error(&key, what, "restart the gateway")]
        })?;
        let (material, held) =
            match (TlsMaterial::read(&key, upstream, &url), upstream_key(&key, name, upstream)) {
                (Ok(material), Ok(held)) => (material, held),
                (material, held) => {
                    return Err(material.err().into_iter().flatten().chain(held.err()).collect());
                }
            };
        let identity = material.identity(&url);
        let before = self.upstreams.get(name).filter(|before| before.identity == identity);
        let (tls, client_certificate) = match before {
            Some(before) => (before.tls.clone(), before.client_certificate),
            None => material.config(&key, &url)?,
        };
        let tls_health = before.map(|before| Arc::clone(&before.tls_health)).unwrap_or_default();
        let addresses = match url.literal() {
            Some(address) => Arc::new(Addresses::fixed(address)),
            None => self.addresses_of(&url.host, url.port),
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
            key: held,
            tls_health,
            client_certificate,
            idempotency_header: upstream.idempotency_header.as_deref().map(|n| n.to_ascii_lowercase().into()),
            timeouts: timeouts(upstream, settings),
            slot,
            identity,
            redirect_hosts: HostNames::of(upstream.redirect_hosts.iter().map(String::as_str)),
            recall: upstream.recall.unwrap_or(true),
            needed: !upstream.built_in,
        }))
    }

    /// The addresses of a name, those that are known of it with another port until it was looked up with this one.
    fn addresses_of(&mut self, host: &str, port: u16) -> Arc<Addresses> {
        let key = (host.to_owned(), port);
        if let Some(addresses) = self.addresses.get(&key) {
            return Arc::clone(addresses);
        }
        let addresses = Arc::new(Addresses::default());
        if let Some((_, known)) = self.addresses.iter().find(|((other, _), _)| other == host) {
            addresses.assume(known.get().iter().map(|known| SocketAddr::new(known.ip(), port)).collect());
        }
        self.addresses.insert(key, Arc::clone(&addresses));
        addresses
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

/// The gateway's own address without a trailing slash; what is wrong with it was said by the checks.
fn public_url(settings: &Settings) -> Option<Box<str>> {
    let url = UpstreamUrl::parse(settings.server.public_url.as_deref()?).ok()?;
    let scheme = if url.tls { "https" } else { "http" };
    Some(format!("{scheme}://{}{}", url.authority(), url.base_path).into())
}
