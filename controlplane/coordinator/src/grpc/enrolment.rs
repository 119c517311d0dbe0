//! How a gateway gets its identity.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aegis_proto::v1::enrolment_service_server::EnrolmentService;
use aegis_proto::v1::{EnrolRequest, EnrolResponse, RenewRequest, RenewResponse};
use sha2::{Digest as _, Sha256};
use tonic::{Request, Response, Status};
use tracing::info;
use zeroize::Zeroizing;

use super::identity::{address, caller};
use super::refusal::of_storage;
use crate::authority::{AuthorityError, IssuedCertificate, public_key_of};
use crate::join_key::JoinKey;
use crate::service::Service;
use crate::storage::fleet::{self, NewGateway};
use crate::storage::{Micros, Operator, join_keys, now};

/// Longest name of a gateway in bytes.
const MAX_NAME_BYTES: usize = 200;

/// The service.
#[derive(Debug, Clone)]
pub(super) struct Enrolment {
    pub(super) service: Service,
    /// How long certificates hold.
    pub(super) lifetime: Duration,
}

#[tonic::async_trait]
impl EnrolmentService for Enrolment {
    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolResponse>, Status> {
        let from = address(&request);
        let request = request.into_inner();
        let join_key = Zeroizing::new(request.join_key);
        if request.name.len() > MAX_NAME_BYTES || request.name.chars().any(char::is_control) {
            return Err(Status::invalid_argument(format!(
                "a gateway's name has at most {MAX_NAME_BYTES} bytes, on one line"
            )));
        }
        let join_key = JoinKey::parse(&join_key)
            .map_err(|error| Status::unauthenticated(format!("the join key is {error}")))?;
        let hash: [u8; 32] = Sha256::digest(join_key.text().as_bytes()).into();
        let mut tx = self
            .service
            .database
            .write(Operator)
            .await
            .map_err(|error| of_storage("enrolling a gateway", &error))?;
        let key = join_keys::take_use(&mut tx, &hash, now())
            .await
            .map_err(|error| of_storage("enrolling a gateway", &error))?;
        let key = key.ok_or_else(|| {
            Status::unauthenticated(
                "the join key is unknown here, revoked, expired or used up: ask for a new one",
            )
        })?;
        let public_key = public_key_of(&request.signing_request).map_err(|error| of_authority(&error))?;
        let name = if request.name.trim().is_empty() { "gateway" } else { request.name.trim() };
        let new = NewGateway {
            organisation: &key.organisation,
            environment: key.environment.as_deref(),
            name,
            public_key: &public_key,
            join_key: Some(&key.id),
        };
        let id =
            fleet::enrol(&mut tx, &new).await.map_err(|error| of_storage("enrolling a gateway", &error))?;
        let issued = self.certify(&request.signing_request, &id)?;
        let noted = fleet::certify(&mut tx, &id, &issued.serial, micros(issued.ends_at)).await;
        noted.map_err(|error| of_storage("enrolling a gateway", &error))?;
        tx.commit().await.map_err(|error| of_storage("enrolling a gateway", &error))?;
        info!(gateway = id, organisation = key.organisation, join_key = key.id, from, "a gateway enrolled");
        Ok(Response::new(EnrolResponse {
            gateway_id: id,
            certificates: vec![issued.certificate.to_vec()],
            authorities: vec![self.service.authority.certificate().to_vec()],
            organisation_id: if key.organisation == fleet::SHARED_POOL {
                String::new()
            } else {
                key.organisation
            },
        }))
    }

    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewResponse>, Status> {
        let gateway = caller(&self.service.database, &request).await?;
        let request = request.into_inner().signing_request;
        if public_key_of(&request).map_err(|error| of_authority(&error))? != gateway.public_key {
            return Err(Status::invalid_argument(
                "the signing request has another key than this gateway enrolled with",
            ));
        }
        let issued = self.certify(&request, &gateway.id)?;
        let mut tx = self
            .service
            .database
            .write(Operator)
            .await
            .map_err(|error| of_storage("renewing a certificate", &error))?;
        let noted = fleet::certify(&mut tx, &gateway.id, &issued.serial, micros(issued.ends_at)).await;
        noted.map_err(|error| of_storage("renewing a certificate", &error))?;
        tx.commit().await.map_err(|error| of_storage("renewing a certificate", &error))?;
        Ok(Response::new(RenewResponse {
            certificates: vec![issued.certificate.to_vec()],
            authorities: vec![self.service.authority.certificate().to_vec()],
        }))
    }
}

impl Enrolment {
    fn certify(&self, request: &[u8], gateway_id: &str) -> Result<IssuedCertificate, Status> {
        let issued =
            self.service.authority.certify_gateway(request, gateway_id, SystemTime::now(), self.lifetime);
        issued.map_err(|error| of_authority(&error))
    }
}

fn of_authority(error: &AuthorityError) -> Status {
    match error {
        AuthorityError::Request(_) => Status::invalid_argument(error.to_string()),
        AuthorityError::Authority(_) => Status::internal("the certificate authority cannot sign"),
    }
}

fn micros(time: SystemTime) -> Micros {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
