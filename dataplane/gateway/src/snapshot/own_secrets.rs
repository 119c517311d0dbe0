//! The gateway's own secrets, which an agent on the same machine may read and put into a prompt: the providers' keys
//! that upstreams are configured with, the master key, and the key of the known values.
//!
//! They are looked for as known values are, in the same list, so they cost what a few more of those do. In whichever
//! organisation's request one stands, it is hidden from the provider and comes back to that request's client alone.

use aegis_detect::{Inserted, KnownKey, KnownList};
use aegis_settings::Problem;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::keys::provider_key;
use crate::config::Settings;
use crate::hex::HEXLOWER;
use crate::known_values_file::{Fingerprint, KnownValuesFile};
use crate::state_dir::{self, KEY_LEN, MasterKey};

/// The values of one configuration; wiped when dropped.
pub(super) struct OwnSecrets(Vec<Zeroizing<String>>);

impl OwnSecrets {
    /// Gathers what `settings` name. What cannot be read is no secret to be found here; it is refused where it is used.
    /// What would be met by chance (`ollama`, a word) is left out.
    pub(super) fn gather(settings: &Settings, master: &MasterKey) -> OwnSecrets {
        let mut values = vec![Zeroizing::new(HEXLOWER.encode(&**master))];
        // As it was written down, if in other letters.
        values.extend(settings.tokens.key.as_ref().map(|key| Zeroizing::new(key.expose().trim().to_owned())));
        values.extend(
            state_dir::known_key(settings, false).ok().map(|key| Zeroizing::new(HEXLOWER.encode(&*key))),
        );
        let keys = settings
            .upstreams
            .iter()
            .map(|(name, upstream)| provider_key(&format!("upstreams.{name}"), upstream).ok().flatten());
        values.extend(keys.flatten().map(|key| Zeroizing::new(key.trim().to_owned())));
        let mut fit = KnownList::new(KnownKey::new(&[0; KEY_LEN]));
        values.retain(|value| match fit.insert(value.as_bytes()) {
            Ok(inserted) => inserted == Inserted::New,
            Err(refusal) => {
                tracing::debug!(%refusal, "a key of the gateway's own is not looked for in requests");
                false
            }
        });
        OwnSecrets(values)
    }

    /// A fingerprint of these values and `list`.
    pub(super) fn fingerprint(&self, list: Option<&KnownValuesFile>) -> Fingerprint {
        let mut hash = Sha256::new();
        if let Some(list) = list {
            hash.update(list.fingerprint());
        }
        for value in &self.0 {
            hash.update(Sha256::digest(value.as_bytes()));
        }
        hash.finalize().into()
    }

    /// The organisation's list, or an empty one of this process alone, with these values in it as far as there is room.
    pub(super) fn join(&self, list: Option<KnownValuesFile>) -> Result<KnownList, Problem> {
        let mut list = match list {
            Some(file) => file.list()?,
            None => KnownList::new(KnownKey::new(&*state_dir::random_key()?)),
        };
        for value in &self.0 {
            if let Err(refusal) = list.insert(value.as_bytes()) {
                tracing::warn!(%refusal, "a key of the gateway's own is not looked for in requests");
            }
        }
        Ok(list)
    }
}
