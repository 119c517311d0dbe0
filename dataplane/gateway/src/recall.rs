//! Client memory: a value that was found in one request of a client is hidden in its later ones, wherever it stands.
//!
//! A rule knows a value by its name or its shape. A conversation that goes on holds it bare as well: a reply was restored,
//! a tool printed it, a summary dropped the line where it was found. So the process remembers, per organisation and
//! client, the values that are rare enough to be searched for everywhere, as keyed hashes: nobody who reads its memory
//! finds a value there. Beside them lie the values themselves, [sealed] under the client's own credential, for
//! replies that hold tokens of earlier requests. Nothing is written to disk; a restart forgets.
//!
//! Clients are distinguished by their gateway key, else by a keyed hash of their own credential, else by their address;
//! a client may narrow this by a name of its own in `x-aegis-client`. One client's memory never serves another.

mod lifetime;
mod random;
mod sealed;

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use aegis_detect::{FoundList, FoundValues, KnownKey, Rules};
use aegis_shield::Vault;

use crate::config::settings::Recall as Settings;
use crate::shared_table::{SharedTable, TableKey, TableLimits, now};
use lifetime::{has_expired, is_stale, micros};
use random::random;
pub(crate) use sealed::{Credentials, SealKey, SealedValues, Unsealing};

/// Request field by which a client distinguishes several of its users.
pub(crate) const CLIENT_FIELD: &[u8] = b"x-aegis-client";
/// Values of one request that are remembered at most.
const MAX_NEW: usize = 500;

/// The key of all hashes of the process: 256 random bits that are kept nowhere else.
pub(crate) fn search_key() -> KnownKey {
    static KEY: OnceLock<KnownKey> = OnceLock::new();
    KEY.get_or_init(|| KnownKey::new(&zeroize::Zeroizing::new(random()))).clone()
}

/// The place of a client's memory: of what distinguishes it from others, which is of that kind, and the names of the user that it
/// gives. Salted, so that nobody who reads the process's memory can test credentials by it.
pub(crate) fn client_key(kind: &[u8], parts: &[&[u8]], names: &[&[u8]]) -> TableKey {
    static SALT: OnceLock<[u8; 32]> = OnceLock::new();
    // The number of parts stands before them, so that none passes for a name.
    let count = parts.len().to_be_bytes();
    TableKey::new(&[&[&SALT.get_or_init(random)[..], kind, &count], parts, names].concat())
}

/// Who a client is, for those who want its memory cleared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Owner {
    /// Organisation, empty without one.
    pub(crate) organisation: Box<str>,
    /// Name of its gateway key, empty without one.
    pub(crate) key: Box<str>,
}

/// When a value was last met, and whether in more than one request.
#[derive(Clone, Copy)]
struct Use {
    last: u64,
    is_repeated: bool,
}

/// What one client's requests held.
#[derive(Default)]
struct ClientMemory {
    owner: Owner,
    known: Option<Arc<Known>>,
    sealed: Arc<SealedValues>,
}

/// The values of one client.
#[derive(Clone)]
struct Known {
    /// The rules that the list names.
    rules: Arc<Rules>,
    list: FoundList,
    uses: HashMap<[u8; 32], Use>,
    values: Arc<FoundValues>,
    /// When the first of the values expires.
    expires: u64,
}

/// What a request leaves.
pub(crate) struct Remembered<'a> {
    /// Values that were not known before.
    pub(crate) found: Option<&'a FoundList>,
    /// Names of remembered values that were met.
    pub(crate) met: &'a HashSet<[u8; 32]>,
    /// The rules that found them.
    pub(crate) rules: &'a Arc<Rules>,
}

/// The memories of the process.
pub(crate) struct Recall(SharedTable<ClientMemory>);

fn limits(settings: &Settings) -> TableLimits {
    TableLimits { ttl: settings.ttl, max_entries: settings.max_clients }
}

impl Recall {
    fn new(max_clients: usize) -> Self {
        Self(SharedTable::new(max_clients))
    }

    /// The one instance; the first who asks decides on the table's size.
    pub(crate) fn shared(settings: &Settings) -> &'static Self {
        static RECALL: OnceLock<Recall> = OnceLock::new();
        RECALL.get_or_init(|| Recall::new(settings.max_clients))
    }

    /// The values that the client at `key` is searched for, ready for a scanner with these rules.
    pub(crate) fn recall(
        &self,
        key: TableKey,
        rules: &Arc<Rules>,
        settings: &Settings,
    ) -> Option<Arc<FoundValues>> {
        let entry = self.0.get(key, limits(settings))?;
        let memory = entry.load();
        let known = memory.known.as_ref()?;
        if Arc::ptr_eq(&known.rules, rules) && now() < known.expires {
            return Some(Arc::clone(&known.values));
        }
        let renewed = entry.update(|before| {
            let known =
                before.known.as_ref().map(|known| Arc::new(known.under(rules, settings).prepared(settings)));
            let (owner, sealed) = (before.owner.clone(), Arc::clone(&before.sealed));
            Ok::<_, Infallible>(Some(ClientMemory { owner, known, sealed }))
        });
        let Ok(renewed) = renewed;
        renewed.known.as_ref().map(|known| Arc::clone(&known.values))
    }

    /// Remembers what a request of the client at `key` held. When there is too much, what was met in one request only
    /// goes first, and of that what was met longest ago. Seen by all shards when it returns.
    pub(crate) fn remember(
        &self,
        key: TableKey,
        owner: &Owner,
        request: &Remembered<'_>,
        settings: &Settings,
    ) {
        if request.found.is_none() && request.met.is_empty() {
            return;
        }
        let entry = self.0.get_or_insert(key, limits(settings));
        let Ok(_) = entry.update(|before| {
            let known = match &before.known {
                Some(known) if !known.has_news(request, settings) => return Ok::<_, Infallible>(None),
                Some(known) => known.under(request.rules, settings),
                None if request.found.is_none() => return Ok(None),
                None => Known::empty(request.rules),
            };
            let known = Some(Arc::new(known.with(request, settings).prepared(settings)));
            Ok(Some(ClientMemory { owner: owner.clone(), known, sealed: Arc::clone(&before.sealed) }))
        });
    }

    /// Keeps the values behind the tokens of a request of the client at `place` sealed. When there are too many, those go
    /// that no request held for the longest time. Seen by all shards when it returns.
    pub(crate) fn seal(
        &self,
        place: TableKey,
        owner: &Owner,
        key: &SealKey,
        vault: &Vault,
        settings: &Settings,
    ) {
        let entry = self.0.get_or_insert(place, limits(settings));
        let added = entry.load().sealed.seal_new(key, vault, settings);
        if added.is_empty() {
            return;
        }
        let Ok(_) = entry.update(|before| {
            let sealed = Arc::new(before.sealed.with(&added, settings));
            Ok::<_, Infallible>(Some(ClientMemory {
                owner: owner.clone(),
                known: before.known.clone(),
                sealed,
            }))
        });
    }

    /// The sealed values of the client at `place`, if there are any.
    pub(crate) fn sealed(&self, place: TableKey, settings: &Settings) -> Option<Arc<SealedValues>> {
        let sealed = Arc::clone(&self.0.get(place, limits(settings))?.load().sealed);
        (!sealed.is_empty()).then_some(sealed)
    }

    /// Forgets the expired memories of the next part of the table, and says how many clients are left in all.
    pub(crate) fn sweep(&self, settings: &Settings) -> usize {
        self.0.sweep(limits(settings))
    }

    /// Forgets what clients with these names held, or all; says how many they were.
    pub(crate) fn forget(&self, organisation: Option<&str>, key: Option<&str>) -> usize {
        let is = |wanted: Option<&str>, name: &str| wanted.is_none_or(|wanted| wanted == name);
        self.0.forget(|memory| is(organisation, &memory.owner.organisation) && is(key, &memory.owner.key))
    }
}

impl Known {
    fn empty(rules: &Arc<Rules>) -> Self {
        let list = FoundList::new(search_key());
        let values = Arc::new(FoundValues::new(&list));
        Self { rules: Arc::clone(rules), list, uses: HashMap::new(), values, expires: u64::MAX }
    }

    /// The same without what has expired, under these rules; to be [prepared](Self::prepared).
    fn under(&self, rules: &Arc<Rules>, settings: &Settings) -> Self {
        let mut known = self.clone();
        known.uses.retain(|_, used| !has_expired(used.last, settings.ttl));
        known.list.retain(|name| known.uses.contains_key(name));
        rename(&mut known.list, &self.rules, rules);
        known.rules = Arc::clone(rules);
        known
    }

    /// Whether a request has something to write down.
    fn has_news(&self, request: &Remembered<'_>, settings: &Settings) -> bool {
        let is_new_use = |used: &Use| !used.is_repeated || is_stale(used.last, settings.ttl);
        let is_new = |name: &[u8; 32]| !self.uses.contains_key(name);
        request.found.is_some_and(|found| found.names().any(is_new))
            || request.met.iter().any(|name| self.uses.get(name).is_some_and(is_new_use))
    }

    /// With what a request held.
    fn with(mut self, request: &Remembered<'_>, settings: &Settings) -> Self {
        let now = now();
        for name in request.met {
            if let Some(used) = self.uses.get_mut(name) {
                *used = Use { last: now, is_repeated: true };
            }
        }
        if let Some(found) = request.found {
            let new = found.names().filter(|name| !self.list.contains(name)).count().min(MAX_NEW);
            self.make_room(settings.max_values.saturating_sub(new));
            let most = settings.max_values.min(self.list.len() + new);
            self.list.extend(found, most);
            for name in self.list.names() {
                self.uses.entry(*name).or_insert(Use { last: now, is_repeated: false });
            }
        }
        self
    }

    /// Drops values until there are no more than `most`.
    fn make_room(&mut self, most: usize) {
        let over = self.list.len().saturating_sub(most);
        if over == 0 {
            return;
        }
        let mut order: Vec<_> =
            self.uses.iter().map(|(name, used)| (used.is_repeated, used.last, *name)).collect();
        order.sort_unstable();
        order[..over].iter().for_each(|(.., name)| {
            self.uses.remove(name);
        });
        self.list.retain(|name| self.uses.contains_key(name));
    }

    fn prepared(mut self, settings: &Settings) -> Self {
        self.uses.retain(|name, _| self.list.contains(name));
        let first = self.uses.values().map(|used| used.last).min();
        self.expires = first.map_or(u64::MAX, |first| first.saturating_add(micros(settings.ttl)));
        self.values = Arc::new(FoundValues::new(&self.list));
        self
    }
}

/// Renames the rules of a list, as another set of rules calls them.
fn rename(list: &mut FoundList, from: &Arc<Rules>, to: &Arc<Rules>) {
    if !Arc::ptr_eq(from, to) {
        list.rename_rules(|rule| to.find(&from.get(rule).id));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aegis_detect::{Reach, RuleSource};

    use super::*;

    fn settings() -> Settings {
        Settings { max_values: 4, ..Settings::default() }
    }

    fn rules() -> Arc<Rules> {
        Rules::builtin().unwrap()
    }

    fn value(n: usize) -> String {
        format!("gT5vLq8xWz2RkPq{n}")
    }

    fn found(numbers: impl IntoIterator<Item = usize>) -> FoundList {
        let mut list = FoundList::new(search_key());
        let rule = rules().find("generic-password").unwrap();
        for n in numbers {
            list.insert(value(n).as_bytes(), rule, Reach::Everywhere).unwrap();
        }
        list
    }

    /// A request that holds `new` and meets `met` again.
    fn request(recall: &Recall, key: TableKey, new: &[usize], met: &[usize], settings: &Settings) {
        let list = found(new.iter().copied());
        let names = found(met.iter().copied()).names().copied().collect();
        let rules = rules();
        let request = Remembered { found: (!list.is_empty()).then_some(&list), met: &names, rules: &rules };
        recall.remember(key, &Owner { organisation: "acme".into(), key: "ci".into() }, &request, settings);
    }

    /// Which of the first ten values are known.
    fn known(recall: &Recall, key: TableKey, settings: &Settings) -> Vec<usize> {
        let values = recall.recall(key, &rules(), settings);
        let is_known = |n: &usize| values.as_ref().is_some_and(|v| v.name_of(value(*n).as_bytes()).is_some());
        (0..10).filter(is_known).collect()
    }

    #[test]
    fn a_client_is_searched_for_what_it_sent_and_no_other_is() {
        let (recall, settings) = (Recall::new(8), settings());
        let (mine, yours) = (TableKey::new(&[b"mine"]), TableKey::new(&[b"yours"]));
        request(&recall, mine, &[1, 2], &[], &settings);
        assert_eq!((known(&recall, mine, &settings), known(&recall, yours, &settings)), (vec![1, 2], vec![]));
        request(&recall, mine, &[3], &[], &settings);
        assert_eq!(known(&recall, mine, &settings), [1, 2, 3]);
    }

    #[test]
    fn what_was_met_twice_leaves_last() {
        let (recall, settings) = (Recall::new(8), settings());
        let key = TableKey::new(&[b"k"]);
        for n in 1..=4 {
            request(&recall, key, &[n], &[], &settings);
            std::thread::sleep(Duration::from_millis(2));
        }
        request(&recall, key, &[], &[1], &settings);
        request(&recall, key, &[5], &[], &settings);
        assert_eq!(
            known(&recall, key, &settings),
            [1, 3, 4, 5],
            "the oldest of those that were met once went"
        );
        request(&recall, key, &[6, 7, 8, 9], &[], &settings);
        let left = known(&recall, key, &settings);
        assert_eq!(left.len(), 4, "{left:?}");
    }

    #[test]
    fn one_request_leaves_five_hundred_values_at_most() {
        let (recall, settings) = (Recall::new(8), Settings::default());
        let key = TableKey::new(&[b"k"]);
        let all: Vec<usize> = (0..=MAX_NEW).collect();
        request(&recall, key, &all, &[], &settings);
        assert_eq!(recall.recall(key, &rules(), &settings).unwrap().len(), MAX_NEW);
        request(&recall, key, &all[..MAX_NEW], &[], &settings);
        assert!(recall.recall(key, &rules(), &settings).unwrap().len() <= MAX_NEW + 1);
    }

    #[test]
    fn values_expire_one_by_one() {
        let (recall, mut settings) = (Recall::new(8), settings());
        let key = TableKey::new(&[b"k"]);
        settings.ttl = Duration::from_millis(200);
        request(&recall, key, &[1], &[], &settings);
        std::thread::sleep(Duration::from_millis(120));
        request(&recall, key, &[2], &[], &settings);
        std::thread::sleep(Duration::from_millis(120));
        assert_eq!(known(&recall, key, &settings), [2]);
    }

    #[test]
    fn other_rules_keep_what_they_know() {
        let (recall, settings) = (Recall::new(8), settings());
        let key = TableKey::new(&[b"k"]);
        request(&recall, key, &[1], &[], &settings);
        let text = "[[rule]]\nid = \"account\"\nname = \"Account\"\ncategory = \"pii\"\nseverity = \"low\"\n\
            impact = \"None.\"\npattern = '48151623[0-9]{5}'\nmatch = [\"«4815162342108»\"]\nno_match = [\"48151623\"]\n";
        let custom = RuleSource { name: "test".to_owned(), text: text.to_owned() };
        let other = Rules::with_custom(&[custom]).unwrap();
        assert_eq!(recall.recall(key, &other, &settings).unwrap().len(), 1);
        assert_eq!(known(&recall, key, &settings), [1], "and back");
    }

    #[test]
    fn memories_are_forgotten_by_name() {
        let (recall, settings) = (Recall::new(8), settings());
        let key = TableKey::new(&[b"k"]);
        request(&recall, key, &[1], &[], &settings);
        assert_eq!(recall.forget(Some("other"), None) + recall.forget(None, Some("other")), 0);
        assert_eq!(recall.forget(Some("acme"), Some("ci")), 1);
        assert!(known(&recall, key, &settings).is_empty());
        request(&recall, key, &[1], &[], &settings);
        assert_eq!(recall.forget(None, None), 1);
    }
}
