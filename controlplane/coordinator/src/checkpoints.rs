//! Whether a checkpoint is what its gateway signed.

use aegis_proto::checkpoint::signed_bytes;
use aegis_proto::v1::{self, StreamName};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};

use crate::storage::audit::Checkpoint;
use crate::storage::fleet::Gateway;

/// Reports whether a checkpoint as it came has the right signature.
pub fn is_received_signed(gateway: &Gateway, checkpoint: &v1::Checkpoint) -> bool {
    let signed = signed_bytes(&gateway.id, checkpoint);
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &gateway.public_key);
    key.verify(&signed, &checkpoint.signature).is_ok()
}

/// Reports whether a checkpoint as it is kept has the right signature.
pub fn is_signed(gateway: &Gateway, organisation: &str, boot: &str, checkpoint: &Checkpoint) -> bool {
    let stream = StreamName { boot_id: boot.to_owned(), organisation_id: organisation.to_owned() };
    let received = v1::Checkpoint {
        stream: Some(stream),
        sequence: checkpoint.sequence.unsigned_abs(),
        hash: checkpoint.hash.to_vec(),
        signed_at_us: checkpoint.signed,
        signature: checkpoint.signature.clone(),
    };
    is_received_signed(gateway, &received)
}
