//! Texts of one list, such as the blocks of an answer: clients put them together, so an address may begin in one and
//! end in another.

use crate::reply::address::AddressWatch;
use crate::reply::event::json_index::JsonKind;
use crate::reply::event::view::ReplyEvent;
use crate::reply::policy::RestoreDecision;
use crate::reply::text::nesting::NestingTracker;
use crate::reply::text::restorer::TextRestorer;

/// The list of an event that was last looked at, and the addresses in its texts.
#[derive(Default)]
pub(crate) struct JoinedTexts {
    list: Option<usize>,
    /// The items before this value have been followed.
    next: usize,
    watch: Option<Box<AddressWatch>>,
}

impl JoinedTexts {
    /// A restorer of the string `index`, with the addresses of the texts before it in its list.
    pub(crate) fn restorer(
        &mut self,
        event: ReplyEvent<'_>,
        index: usize,
        nesting: NestingTracker,
        decision: RestoreDecision,
    ) -> TextRestorer {
        let Some(list) = list_of(event, index).filter(|_| decision.is_guarded()) else {
            return TextRestorer::new(nesting, decision);
        };
        if self.list != Some(list) {
            *self = Self { list: Some(list), next: 0, watch: decision.clone().watch() };
        }
        let before = event.values.children(list).filter(|&item| item >= self.next && item < index);
        for text in before.filter_map(|item| text_of(event, item)).filter(|&text| text < index) {
            let mut tracker = NestingTracker::literal(false).watched(self.watch.take());
            tracker.advance(event.value(text));
            self.watch = tracker.take_watch();
        }
        self.next = index;
        match self.watch.take() {
            Some(watch) => TextRestorer::watched(nesting, watch),
            None => TextRestorer::new(nesting, decision),
        }
    }

    /// Takes back what followed the string `index`.
    pub(crate) fn take_back(&mut self, event: ReplyEvent<'_>, index: usize, restorer: &mut TextRestorer) {
        if self.list.is_some() && self.list == list_of(event, index) {
            self.watch = restorer.take_watch();
        }
    }
}

/// The list of which the object with the text `index` is an item.
fn list_of(event: ReplyEvent<'_>, index: usize) -> Option<usize> {
    let item = event.values.parent(index)?;
    let list = event.values.parent(item)?;
    (text_of(event, item) == Some(index) && event.kind(list) == JsonKind::Array).then_some(list)
}

/// The text of an item that the user reads.
fn text_of(event: ReplyEvent<'_>, item: usize) -> Option<usize> {
    let text = event.child(item, b"text")?;
    (event.kind(text) == JsonKind::Text && !event.is_true(item, b"thought")).then_some(text)
}
