//! The contract between gateways and coordinators: messages and services, made from `proto/aegis/v1/*.proto`.
//!
//! Those files are the documentation; here are the generated types, and what both sides must compute alike. Messages are
//! serialized in one way only (fields in order, maps sorted by key), so that digests and signatures hold on either side.

#![forbid(unsafe_code)]

pub mod chain;
pub mod checkpoint;
pub mod content;

/// Version 1 of the contract.
#[expect(
    unused_qualifications,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::large_enum_variant,
    reason = "generated; the .proto files document it field by field"
)]
pub mod v1 {
    tonic::include_proto!("aegis.v1");

    /// The contract as a serialized set of file descriptors, for gRPC reflection.
    pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("aegis.v1");
}
