//! Digests of what an organisation's gateways use, and differences of lists.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use sha2::{Digest, Sha256};

use crate::v1::resource_content::Content;
use crate::v1::{
    GatewayKey, GatewayKeys, ProviderCredential, ProviderCredentials, Resource, ResourceContent,
    ResourceDelta, VerificationKey, VerificationKeys,
};

/// SHA-256 of the serialized content.
pub fn digest(content: &ResourceContent) -> [u8; 32] {
    Sha256::digest(content.encode_to_vec()).into()
}

/// Which resource a content is; none if it is empty.
pub fn resource(content: &ResourceContent) -> Option<Resource> {
    content.content.as_ref().map(|content| match content {
        Content::Policy(_) => Resource::Policy,
        Content::Keys(_) => Resource::Keys,
        Content::Credentials(_) => Resource::Credentials,
        Content::Revocations(_) => Resource::Revocations,
        Content::VerificationKeys(_) => Resource::VerificationKeys,
    })
}

/// An item of a list that is kept in the order of its ids.
trait Item: Clone + PartialEq {
    fn id(&self) -> &str;
}

macro_rules! items {
    ($($type:ty),+) => {
        $(impl Item for $type {
            fn id(&self) -> &str {
                &self.id
            }
        })+
    };
}

items!(GatewayKey, ProviderCredential, VerificationKey);

/// What turns `old` into `new`; none where only the whole will do: other kinds of content, and lists without ids.
pub fn delta(base_version: u64, old: &ResourceContent, new: &ResourceContent) -> Option<ResourceDelta> {
    let (changed, removed_ids) = match (old.content.as_ref()?, new.content.as_ref()?) {
        (Content::Keys(old), Content::Keys(new)) => {
            let (keys, removed) = difference(&old.keys, &new.keys);
            (Content::Keys(GatewayKeys { keys }), removed)
        }
        (Content::Credentials(old), Content::Credentials(new)) => {
            let (credentials, removed) = difference(&old.credentials, &new.credentials);
            (Content::Credentials(ProviderCredentials { credentials }), removed)
        }
        (Content::VerificationKeys(old), Content::VerificationKeys(new)) => {
            let (keys, removed) = difference(&old.keys, &new.keys);
            (Content::VerificationKeys(VerificationKeys { keys }), removed)
        }
        _ => return None,
    };
    Some(ResourceDelta {
        base_version,
        changed: Some(ResourceContent { content: Some(changed) }),
        removed_ids,
    })
}

/// `old` after `delta`; none where the two do not fit each other.
pub fn apply(old: &ResourceContent, delta: &ResourceDelta) -> Option<ResourceContent> {
    let removed = &delta.removed_ids;
    let content = match (old.content.as_ref()?, delta.changed.as_ref()?.content.as_ref()?) {
        (Content::Keys(old), Content::Keys(changed)) => {
            Content::Keys(GatewayKeys { keys: merged(&old.keys, &changed.keys, removed) })
        }
        (Content::Credentials(old), Content::Credentials(changed)) => {
            let credentials = merged(&old.credentials, &changed.credentials, removed);
            Content::Credentials(ProviderCredentials { credentials })
        }
        (Content::VerificationKeys(old), Content::VerificationKeys(changed)) => {
            Content::VerificationKeys(VerificationKeys { keys: merged(&old.keys, &changed.keys, removed) })
        }
        _ => return None,
    };
    Some(ResourceContent { content: Some(content) })
}

/// Items of `new` that `old` lacks or has otherwise, and ids of `old` that `new` lacks.
fn difference<T: Item>(old: &[T], new: &[T]) -> (Vec<T>, Vec<String>) {
    let before: BTreeMap<&str, &T> = old.iter().map(|item| (item.id(), item)).collect();
    let after: BTreeSet<&str> = new.iter().map(Item::id).collect();
    let changed = new.iter().filter(|item| before.get(item.id()) != Some(item)).cloned().collect();
    let removed = before.keys().filter(|id| !after.contains(*id)).map(|id| (*id).to_owned()).collect();
    (changed, removed)
}

fn merged<T: Item>(old: &[T], changed: &[T], removed: &[String]) -> Vec<T> {
    let mut items: BTreeMap<&str, &T> = old.iter().map(|item| (item.id(), item)).collect();
    for id in removed {
        items.remove(&**id);
    }
    items.extend(changed.iter().map(|item| (item.id(), item)));
    items.into_values().cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::v1::{Action, Policy, PolicyRules};

    fn keys(ids: &[(&str, i64)]) -> ResourceContent {
        let keys = ids
            .iter()
            .map(|(id, expires_at_us)| GatewayKey {
                id: (*id).to_owned(),
                expires_at_us: *expires_at_us,
                ..GatewayKey::default()
            })
            .collect();
        ResourceContent { content: Some(Content::Keys(GatewayKeys { keys })) }
    }

    #[test]
    fn a_difference_applied_is_the_new_list_byte_for_byte() {
        let lists = [
            keys(&[]),
            keys(&[("a", 1)]),
            keys(&[("a", 1), ("b", 2), ("c", 3)]),
            keys(&[("b", 2), ("c", 4), ("d", 5)]),
        ];
        for old in &lists {
            for new in &lists {
                let delta = delta(3, old, new).expect("lists of one kind");
                let made = apply(old, &delta).expect("it fits");
                assert_eq!(made.encode_to_vec(), new.encode_to_vec(), "{delta:?}");
                assert_eq!(digest(&made), digest(new));
            }
        }
    }

    #[test]
    fn a_digest_does_not_depend_on_the_order_in_which_a_map_was_filled() {
        let policy = |ids: &[&str]| {
            let rules = ids.iter().map(|id| ((*id).to_owned(), Action::Block as i32)).collect();
            let base = Some(PolicyRules { rules, ..PolicyRules::default() });
            ResourceContent {
                content: Some(Content::Policy(Policy { version: 1, base, ..Policy::default() })),
            }
        };
        assert_eq!(digest(&policy(&["a", "b", "c"])), digest(&policy(&["c", "a", "b"])));
        assert_ne!(digest(&policy(&["a"])), digest(&policy(&["b"])));
        assert_eq!(resource(&policy(&[])), Some(Resource::Policy));
        // A policy is always sent whole.
        assert_eq!(delta(1, &policy(&["a"]), &policy(&["b"])), None);
        assert_eq!(apply(&keys(&[]), &ResourceDelta::default()), None);
    }
}
