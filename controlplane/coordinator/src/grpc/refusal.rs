//! What gateways are told when something fails. The words for programs are in the status; what the database says stays
//! here.

use std::time::Duration;

use tonic::{Code, Status};
use tracing::warn;

use crate::storage::Error;

/// When to try again after the database could not be reached.
pub(super) const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The status for a failure of the storage.
pub(super) fn of_storage(doing: &'static str, error: &Error) -> Status {
    match error {
        Error::Refused(what) => Status::invalid_argument(what.clone()),
        Error::NotFound(what) => Status::not_found(format!("there is no such {what}")),
        Error::Conflict { .. } => Status::aborted("another transaction was in the way: try again"),
        error => {
            warn!(doing, %error, "the database failed a gateway's call");
            Status::new(
                Code::Unavailable,
                format!("the database cannot be used now: try again in {} s", RETRY_AFTER.as_secs()),
            )
        }
    }
}
