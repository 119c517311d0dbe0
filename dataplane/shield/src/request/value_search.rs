//! Found once, hidden everywhere: the values of a request that are searched for beyond the places where rules found them.
//!
//! A rule finds a value by its name or its shape, at one place. The same value may stand elsewhere in the request, before
//! or behind, where no rule would know it. So a body in which something new was found is read twice: the second time all
//! values are known from its first byte on. Values that earlier requests of the same client held are known from the
//! start, so that a conversation that goes on is read once.

use std::collections::HashSet;
use std::sync::Arc;

use aegis_detect::{FoundList, FoundValues, Inserted, Reach, RuleIndex, SearchValues, reach_of};

use crate::request::writings;
use crate::shield::Shield;

/// What one request is searched for.
#[derive(Default)]
pub(crate) struct ValueSearch {
    remembered: Option<Arc<FoundValues>>,
    /// Everything that was found; none in most requests.
    list: Option<Box<FoundList>>,
    /// The list as it was when it was last prepared.
    found: Option<Arc<FoundValues>>,
    /// Values were found since.
    has_news: bool,
    /// Names of the remembered values that were met.
    met: HashSet<[u8; 32]>,
}

impl ValueSearch {
    /// From now on searches for what earlier requests held, too.
    pub(crate) fn remember(&mut self, values: Option<Arc<FoundValues>>) {
        self.remembered = values.filter(|values| !values.is_empty());
    }

    /// A rule found `value`; says how far it is searched for.
    pub(crate) fn note(&mut self, shield: &Shield, rule: RuleIndex, value: &[u8]) -> Reach {
        let reach = reach_of(value, shield.rules.is_shape(rule));
        if reach == Reach::InPlace || self.meet(value) {
            return reach;
        }
        let list = self.list.get_or_insert_with(|| Box::new(FoundList::new(shield.search_key.clone())));
        match list.insert(value, rule, reach) {
            Ok(Inserted::New) => self.has_news = true,
            Ok(Inserted::Already) => {}
            // Met by chance, or too long to be looked for: hidden where it was found.
            Err(_) => return Reach::InPlace,
        }
        for other in writings::others(value) {
            let reach = reach_of(&other, shield.rules.is_shape(rule));
            // One that says too little is hidden in no place but that of the value.
            let is_new = reach != Reach::InPlace && list.insert(&other, rule, reach) == Ok(Inserted::New);
            self.has_news |= is_new;
        }
        reach
    }

    /// A document spells `value` as `text`, as far searched for as the value: what the text looks like says nothing.
    pub(crate) fn note_spelling(&mut self, shield: &Shield, rule: RuleIndex, value: &[u8], text: &[u8]) {
        let reach = reach_of(value, shield.rules.is_shape(rule));
        if reach == Reach::InPlace || self.meet(text) {
            return;
        }
        let list = self.list.get_or_insert_with(|| Box::new(FoundList::new(shield.search_key.clone())));
        self.has_news |= list.insert(text, rule, reach) == Ok(Inserted::New);
    }

    /// Whether a value was remembered. If so, it is in use.
    pub(crate) fn meet(&mut self, value: &[u8]) -> bool {
        let name = self.remembered.as_ref().and_then(|known| known.name_of(value));
        self.met.extend(name);
        name.is_some()
    }

    /// Whether values were found that were not searched for so far.
    pub(crate) fn has_news(&self) -> bool {
        self.has_news
    }

    /// From now on searches for everything that was found.
    pub(crate) fn prepare(&mut self) {
        if std::mem::take(&mut self.has_news) {
            self.found = self.list.as_ref().map(|list| Arc::new(FoundValues::new(list)));
        }
    }

    /// What the scanner looks for.
    pub(crate) fn values(&self) -> SearchValues {
        SearchValues {
            remembered: self.remembered.clone(),
            found: self.found.clone(),
            ..SearchValues::default()
        }
    }

    /// What was found and not known before, and the names of the remembered values that were met.
    pub(crate) fn into_parts(self) -> (Option<Box<FoundList>>, HashSet<[u8; 32]>) {
        (self.list, self.met)
    }
}
