//! What the signature of a checkpoint covers.

use prost::Message as _;

use crate::v1::{Checkpoint, CheckpointStatement};

/// Keeps the signatures of one use apart from those of any other.
const PURPOSE: &[u8] = b"aegis.v1.checkpoint\0";

/// The bytes that a checkpoint of the gateway `gateway_id` is signed over.
pub fn signed_bytes(gateway_id: &str, checkpoint: &Checkpoint) -> Vec<u8> {
    let statement = CheckpointStatement {
        gateway_id: gateway_id.to_owned(),
        stream: checkpoint.stream.clone(),
        sequence: checkpoint.sequence,
        hash: checkpoint.hash.clone(),
        signed_at_us: checkpoint.signed_at_us,
    };
    let mut bytes = PURPOSE.to_vec();
    bytes.extend(statement.encode_to_vec());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::StreamName;

    #[test]
    fn every_field_is_covered() {
        let stream = StreamName { boot_id: "boot_1".to_owned(), organisation_id: "org_1".to_owned() };
        let checkpoint = Checkpoint {
            stream: Some(stream.clone()),
            sequence: 7,
            hash: vec![1; 32],
            signed_at_us: 9,
            signature: vec![],
        };
        let signed = signed_bytes("gw_1", &checkpoint);
        let others = [
            Checkpoint {
                stream: Some(StreamName { boot_id: "boot_2".to_owned(), ..stream.clone() }),
                ..checkpoint.clone()
            },
            Checkpoint {
                stream: Some(StreamName { organisation_id: "org_2".to_owned(), ..stream }),
                ..checkpoint.clone()
            },
            Checkpoint { sequence: 8, ..checkpoint.clone() },
            Checkpoint { hash: vec![2; 32], ..checkpoint.clone() },
            Checkpoint { signed_at_us: 10, ..checkpoint.clone() },
        ];
        for other in others {
            assert_ne!(signed_bytes("gw_1", &other), signed, "{other:?}");
        }
        assert_ne!(signed_bytes("gw_2", &checkpoint), signed);
        // The signature itself is not.
        assert_eq!(signed_bytes("gw_1", &Checkpoint { signature: vec![3; 64], ..checkpoint }), signed);
    }
}
