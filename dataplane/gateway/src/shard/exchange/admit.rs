//! The first phase: whether a request may pass, and where it goes. Decided on its head alone.

use aegis_detect::OwnValue;

use super::error::ExchangeError;
use super::local_request::{LocalRequest, is_preview};
use super::scan::RequestScan;
use super::state::Exchange;
use crate::auth;
use crate::error_body::{ErrorKind, Failure};
use crate::route::{self, Route};
use crate::snapshot::Upstream;

/// 426 is the answer at which Codex goes on over HTTP at once; it tries others again and again.
const NO_UPGRADE: Failure = Failure::new(
    426,
    ErrorKind::InvalidRequest,
    "the gateway speaks HTTP only, because it could not look into another protocol: send the request over HTTP",
);

/// A request that may be served.
pub(super) enum Admission {
    /// It goes to an upstream.
    Forward(Admitted),
    /// It asks what would be sent. With the gateway key that it came with, where no rule finds it in a text.
    Preview(Option<OwnValue>),
}

/// A request that may pass.
pub(super) struct Admitted {
    /// Where it goes.
    pub(super) route: Route,
    /// The gateway key that it came with, where no rule finds it in a text.
    pub(super) gateway_key: Option<OwnValue>,
}

impl Exchange<'_> {
    /// Decides all that can be decided on the head.
    pub(super) fn admit(&mut self) -> Result<Admission, ExchangeError> {
        if is_preview(&self.buffers.request) && !self.asks_for_options() {
            return self.admit_preview().map(Admission::Preview);
        }
        let route = match self.choose_route() {
            Ok(route) => route,
            Err(error) => {
                let head = &self.buffers.request;
                self.provider = route::likely_provider(&self.snapshot, head);
                self.record.path = route::path_pattern(&head.path, false);
                self.record.reserve(self.snapshot.fail_mode)?;
                return Err(error);
            }
        };
        self.provider = route.upstream.provider;
        let path = &self.buffers.request.path[route.strip..];
        self.record.set_upstream(&route.upstream);
        self.record.path = route::path_pattern(path, false);
        self.record.reserve(self.snapshot.fail_mode)?;
        if self.parse.upgrade {
            return Err(NO_UPGRADE.into());
        }
        let fields = &self.buffers.request.fields;
        if self.snapshot.is_guarded(&route.upstream, self.client.is_loopback()) {
            self.snapshot.sites.admit(&self.buffers.request.authority, fields)?;
        }
        let mut gateway_key = None;
        if let Some(key) = auth::check(&self.snapshot.auth, fields, &route.upstream)? {
            self.record.set_key(key);
            gateway_key = auth::own_key(fields, &route.upstream);
        }
        Ok(Admission::Forward(Admitted { route, gateway_key }))
    }

    /// Whether a browser asks what it may send.
    fn asks_for_options(&self) -> bool {
        LocalRequest::of(&self.snapshot, &self.buffers.request) == Some(LocalRequest::Preflight)
    }

    fn choose_route(&self) -> Result<Route, ExchangeError> {
        let head = &self.buffers.request;
        match LocalRequest::of(&self.snapshot, head) {
            Some(request) => Err(ExchangeError::Local(request)),
            None => Ok(route::choose(&self.snapshot, head)?),
        }
    }

    /// Makes the head one for the upstream, without secrets in its target and its fields.
    pub(super) fn prepare_head(&mut self, admitted: Admitted) -> Result<RequestScan, ExchangeError> {
        let Admitted { route, gateway_key } = admitted;
        let mut scan = self.open_scan(&route.upstream, gateway_key);
        self.shape_request(&route)?;
        self.sanitize_envelope(&mut scan)?;
        self.note_path(&route.upstream);
        Ok(scan)
    }

    /// Notes the path once its secrets are replaced, when more of it can be shown.
    fn note_path(&mut self, upstream: &Upstream) {
        let path = &self.buffers.request.path;
        let path = path.strip_prefix(&*upstream.base_path).unwrap_or(path);
        if !route::is_plain(path) {
            self.record.path = route::path_pattern(path, true);
        }
    }
}
