//! How the value that begins at a place is treated: left as it is, treated as base64, or scanned.

use crate::places::{self, Place};
use crate::request::body::json::containers::{ObjectType, OpenContainers, Seal};
use crate::request::classify::exempt::{self, ExemptVerdict};
use crate::request::classify::opaque::{self, Base64Run, Classification, Declared, FollowingType, PlaceHint};

/// How a string value is treated.
pub(crate) enum Treatment {
    /// It is text, and scanned as it stands.
    Scan,
    /// More bytes are needed to decide.
    Undecided,
    /// It goes on as it is.
    Leave,
    /// After so many of its bytes, such a run of base64 begins.
    Run(usize, Base64Run),
}

impl OpenContainers {
    /// Decides on the string value that begins here with `raw`; `last` if the body ends with `raw`.
    pub(crate) fn treatment(&mut self, raw: &[u8], last: bool) -> Treatment {
        let listed = self.listed();
        match listed.map_or(ExemptVerdict::No, |place| self.is_left(place, raw, last)) {
            ExemptVerdict::No => {}
            ExemptVerdict::Yes => return Treatment::Leave,
            ExemptVerdict::Undecided => return Treatment::Undecided,
        }
        let mut hint = self.hint(listed);
        if matches!(hint, PlaceHint::Base64(_)) || hint == PlaceHint::Plain && self.may_be_signed() {
            match opaque::following_type(raw, last) {
                FollowingType::Sealed => hint = PlaceHint::Sealed { sure: true },
                FollowingType::Undecided => return Treatment::Undecided,
                FollowingType::Other => {}
            }
        }
        if matches!(hint, PlaceHint::Sealed { .. }) {
            self.see_seal(exempt::is_seal(raw, last));
        }
        if matches!(hint, PlaceHint::Plain | PlaceHint::Link)
            && raw.first().is_some_and(|byte| !matches!(byte, b'd' | b'D'))
        {
            return Treatment::Scan;
        }
        match opaque::classify(hint, raw, last) {
            Classification::Scan => Treatment::Scan,
            Classification::Undecided => Treatment::Undecided,
            Classification::Run(head, run) => Treatment::Run(head, run),
        }
    }

    /// Whether the type of the object, if it comes behind the value, can make a sealed one of it.
    fn may_be_signed(&self) -> bool {
        self.member() == Some(b"data") && self.places().any(|place| place.only_signed_types)
    }

    /// Whether the value that begins with `raw` goes on as it is, since the provider needs it so.
    fn is_left(&mut self, place: &'static Place, raw: &[u8], last: bool) -> ExemptVerdict {
        match place.role {
            places::Role::Credential | places::Role::PageToken => exempt::is_word(raw, last),
            places::Role::Link => exempt::is_link(raw, last),
            places::Role::Signed => self.is_signed(place, raw, last),
            _ => ExemptVerdict::No,
        }
    }

    /// Whether the text that begins with `raw` is signed: its object says so before it or behind it.
    fn is_signed(&mut self, place: &'static Place, raw: &[u8], last: bool) -> ExemptVerdict {
        let Some(container) = self.holder_mut(u16::from(place.sealed_above)) else {
            return ExemptVerdict::No;
        };
        let (kind, object_type) = match (container.kind, place.only_thoughts) {
            (ObjectType::Unknown, true) => (exempt::SignedMark::Thought, ObjectType::Thought),
            (ObjectType::Unknown, false) if !place.untyped => (exempt::SignedMark::Type, ObjectType::Sealed),
            (ObjectType::Unknown | ObjectType::Sealed, false) => {
                (exempt::SignedMark::Known, ObjectType::Sealed)
            }
            (ObjectType::Thought, true) => (exempt::SignedMark::Known, ObjectType::Thought),
            _ => return ExemptVerdict::No,
        };
        match container.seal {
            Seal::Missing => ExemptVerdict::No,
            Seal::Sure if kind == exempt::SignedMark::Known => ExemptVerdict::Yes,
            seal => {
                let seen = seal != Seal::Unknown;
                let wanted =
                    exempt::SignatureSearch { seal: place.sealed_by, seen, kind, above: place.sealed_above };
                let verdict = exempt::is_signed(raw, wanted, last, places::of_requests());
                // Looked for once an object, however many texts it holds.
                match verdict {
                    ExemptVerdict::Yes => (container.kind, container.seal) = (object_type, Seal::Sure),
                    ExemptVerdict::No => container.seal = Seal::Missing,
                    ExemptVerdict::Undecided => {}
                }
                verdict
            }
        }
    }

    /// A signature begins in the innermost object.
    fn see_seal(&mut self, verdict: ExemptVerdict) {
        let Some(container) = self.innermost() else { return };
        container.seal = match verdict {
            ExemptVerdict::Yes if container.seal == Seal::Unknown => Seal::Seen,
            // A member may stand there twice: each must be a signature.
            ExemptVerdict::No => Seal::Missing,
            ExemptVerdict::Yes | ExemptVerdict::Undecided => container.seal,
        };
    }

    /// A value begins that is no string, perhaps once more under the name of a signature that was seen.
    pub(crate) fn see_no_string(&mut self) {
        let sealed =
            self.innermost().is_some_and(|container| matches!(container.seal, Seal::Seen | Seal::Sure));
        if sealed && self.listed().is_some_and(|place| place.role == places::Role::Sealed) {
            self.see_seal(ExemptVerdict::No);
        }
    }

    /// What the providers' formats have at this place.
    fn hint(&self, listed: Option<&'static Place>) -> PlaceHint {
        let (Some(place), Some(container)) = (listed, self.holder(0)) else { return PlaceHint::Plain };
        match place.role {
            _ if container.kind == ObjectType::Text => PlaceHint::Plain,
            places::Role::Sealed => PlaceHint::Sealed { sure: container.kind == ObjectType::Sealed },
            places::Role::Media if place.always_media => PlaceHint::Base64(Declared::RawSound),
            places::Role::Media => PlaceHint::Base64(container.declared),
            places::Role::Link => PlaceHint::Link,
            _ => PlaceHint::Plain,
        }
    }
}
