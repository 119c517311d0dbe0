//! How the value that begins at a place is treated: left as it is, told from text by the provider's formats, or scanned.

use crate::places::{self, Place};
use crate::request::body::json::frame::{Frames, Seal, Type};
use crate::request::classify::exempt::{self, Verdict};
use crate::request::classify::opaque::{self, Behind, Declared, Judgement, Run, Slot};

/// How a string value is treated.
pub(crate) enum Treatment {
    /// It is text, and scanned as it stands.
    Scan,
    /// More bytes are needed to tell.
    Undecided,
    /// It goes on as it is.
    Leave,
    /// After so many of its bytes, such a run of base64 begins.
    Run(usize, Run),
}

impl Frames {
    /// Decides on the string value that begins here with `raw`; `last` if the body ends with `raw`.
    pub(crate) fn treatment(&mut self, raw: &[u8], last: bool) -> Treatment {
        let listed = self.listed();
        match listed.map_or(Verdict::No, |place| self.is_left(place, raw, last)) {
            Verdict::No => {}
            Verdict::Yes => return Treatment::Leave,
            Verdict::Undecided => return Treatment::Undecided,
        }
        let mut slot = self.slot(listed);
        if matches!(slot, Slot::Blob(_)) || slot == Slot::Plain && self.may_be_signed() {
            match opaque::behind(raw, last) {
                Behind::Sealed => slot = Slot::Sealed { sure: true },
                Behind::Undecided => return Treatment::Undecided,
                Behind::Other => {}
            }
        }
        if matches!(slot, Slot::Sealed { .. }) {
            self.see_seal(exempt::is_seal(raw, last));
        }
        if matches!(slot, Slot::Plain | Slot::Link)
            && raw.first().is_some_and(|byte| !matches!(byte, b'd' | b'D'))
        {
            return Treatment::Scan;
        }
        match opaque::judge(slot, raw, last) {
            Judgement::Scan => Treatment::Scan,
            Judgement::Undecided => Treatment::Undecided,
            Judgement::Run(head, run) => Treatment::Run(head, run),
        }
    }

    /// Whether the type of the object, if it comes behind the value, can make a sealed one of it.
    fn may_be_signed(&self) -> bool {
        self.member() == Some(b"data") && self.places().any(|place| place.only_signed_types)
    }

    /// Whether the value that begins with `raw` goes on as it is, since the provider needs it so.
    fn is_left(&mut self, place: &'static Place, raw: &[u8], last: bool) -> Verdict {
        match place.role {
            places::Role::Credential | places::Role::PageToken => exempt::is_word(raw, last),
            places::Role::Link => exempt::is_link(raw, last),
            places::Role::Signed => self.is_signed(place, raw, last),
            _ => Verdict::No,
        }
    }

    /// Whether the text that begins with `raw` is signed: its object says so before it or behind it.
    fn is_signed(&mut self, place: &'static Place, raw: &[u8], last: bool) -> Verdict {
        let Some(frame) = self.holder_mut(u16::from(place.sealed_above)) else { return Verdict::No };
        let (kind, told) = match (frame.kind, place.only_thoughts) {
            (Type::Unknown, true) => (exempt::Kind::Thought, Type::Thought),
            (Type::Unknown, false) if !place.untyped => (exempt::Kind::Type, Type::Sealed),
            (Type::Unknown | Type::Sealed, false) => (exempt::Kind::Known, Type::Sealed),
            (Type::Thought, true) => (exempt::Kind::Known, Type::Thought),
            _ => return Verdict::No,
        };
        match frame.seal {
            Seal::Missing => Verdict::No,
            Seal::Sure if kind == exempt::Kind::Known => Verdict::Yes,
            seal => {
                let seen = seal != Seal::Unknown;
                let wanted = exempt::Wanted { seal: place.sealed_by, seen, kind, above: place.sealed_above };
                let verdict = exempt::is_signed(raw, wanted, last, places::of_requests());
                // Looked for once an object, however many texts it holds.
                match verdict {
                    Verdict::Yes => (frame.kind, frame.seal) = (told, Seal::Sure),
                    Verdict::No => frame.seal = Seal::Missing,
                    Verdict::Undecided => {}
                }
                verdict
            }
        }
    }

    /// A signature begins in the innermost object.
    fn see_seal(&mut self, verdict: Verdict) {
        let Some(frame) = self.innermost() else { return };
        frame.seal = match verdict {
            Verdict::Yes if frame.seal == Seal::Unknown => Seal::Seen,
            // A member may stand there twice: each must be a signature.
            Verdict::No => Seal::Missing,
            Verdict::Yes | Verdict::Undecided => frame.seal,
        };
    }

    /// A value begins that is no string, perhaps once more under the name of a signature that was seen.
    pub(crate) fn see_no_string(&mut self) {
        let sealed = self.innermost().is_some_and(|frame| matches!(frame.seal, Seal::Seen | Seal::Sure));
        if sealed && self.listed().is_some_and(|place| place.role == places::Role::Sealed) {
            self.see_seal(Verdict::No);
        }
    }

    /// What the providers' formats have at this place.
    fn slot(&self, listed: Option<&'static Place>) -> Slot {
        let (Some(place), Some(frame)) = (listed, self.holder(0)) else { return Slot::Plain };
        match place.role {
            _ if frame.kind == Type::Text => Slot::Plain,
            places::Role::Sealed => Slot::Sealed { sure: frame.kind == Type::Sealed },
            places::Role::Media if place.always_media => Slot::Blob(Declared::RawSound),
            places::Role::Media => Slot::Blob(frame.declared),
            places::Role::Link => Slot::Link,
            _ => Slot::Plain,
        }
    }
}
