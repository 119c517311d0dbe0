//! What gateways connect to: gRPC over TLS, by the coordinator's own authority.

mod audit;
mod connections;
mod enrolment;
mod fleet;
mod identity;
mod refusal;
mod server;
mod tls;

pub use connections::ConnectionLimit;
pub use server::{Bound, GrpcServer};
