//! Who calls: the gateway that the client's certificate names.

use tonic::{Request, Status};

use crate::authority::gateway_of;
use crate::storage::fleet::{self, Gateway};
use crate::storage::{Database, Operator};

use super::refusal::of_storage;

/// The gateway that calls, as the fleet knows it. The TLS layer has verified its certificate.
pub(super) async fn caller<T>(database: &Database, request: &Request<T>) -> Result<Gateway, Status> {
    let certificates = request.peer_certs();
    let id = certificates.as_deref().and_then(|chain| chain.first()).and_then(gateway_of);
    let id = id.ok_or_else(|| Status::unauthenticated("this call needs the certificate of a gateway"))?;
    let mut tx = database.read(Operator).await.map_err(|error| of_storage("finding a gateway", &error))?;
    match fleet::find(&mut tx, &id).await {
        Ok(gateway) if gateway.is_revoked => Err(Status::permission_denied("this gateway was revoked")),
        Ok(gateway) => Ok(gateway),
        Err(crate::storage::Error::NotFound(_)) => Err(Status::permission_denied(
            "this gateway is not known: it was removed, or belongs to another installation",
        )),
        Err(error) => Err(of_storage("finding a gateway", &error)),
    }
}

/// Where the caller comes from, for people.
pub(super) fn address<T>(request: &Request<T>) -> String {
    request.remote_addr().map_or_else(String::new, |address| address.ip().to_string())
}
