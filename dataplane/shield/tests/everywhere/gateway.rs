//! What the gateway does with a request and its reply, without sockets.

use std::sync::Arc;

use aegis_detect::{FoundList, FoundValues, KnownKey, Rules};
use aegis_shield::reply::{Rehydrator, ReplyFormat};
use aegis_shield::{
    Format, Keyring, Policy, Refusal, RequestLimits, ShardScratch, Shield, Splice, TokenizeOutcome,
    Tokenizer, Vault,
};

/// Values of one client at most.
const REMEMBERED_MAX: usize = 100;

pub(crate) struct Gateway {
    shield: Arc<Shield>,
    scratch: ShardScratch,
}

impl Gateway {
    pub(crate) fn new() -> Gateway {
        let keyring = Arc::new(Keyring::new(&[7; 32], "acme", 0, &[]).expect("a keyring"));
        let rules = Rules::builtin().expect("the built-in rules");
        let search_key = KnownKey::new(&[9; 32]);
        let shield = Arc::new(Shield {
            rules,
            policy: Policy::default(),
            keyring,
            search_key,
            limits: RequestLimits::default(),
        });
        let scratch = ShardScratch::new(&shield.rules).expect("room for a scratch");
        Gateway { shield, scratch }
    }

    /// What is sent instead of a request of a client that is remembered for these values.
    pub(crate) fn send(
        &mut self,
        body: &str,
        remembered: Option<Arc<FoundValues>>,
    ) -> Result<(String, TokenizeOutcome), Refusal> {
        let mut tokenizer = Tokenizer::new(Arc::clone(&self.shield), Format::Json);
        tokenizer.begin_body(Format::Json, remembered);
        let mut out = self.read(&mut tokenizer, body)?;
        if tokenizer.rewind() {
            out = self.read(&mut tokenizer, body)?;
        }
        Ok((String::from_utf8(out).expect("UTF-8"), tokenizer.finish()))
    }

    fn read(&mut self, tokenizer: &mut Tokenizer, body: &str) -> Result<Vec<u8>, Refusal> {
        let (mut out, mut splice, mut rest) = (Vec::new(), Splice::new(), body.as_bytes());
        while !tokenizer.is_finished() {
            splice.clear();
            let consumed = tokenizer.push(&mut self.scratch, rest, true, &mut splice)?;
            splice.write_to(rest, &mut out);
            rest = &rest[consumed..];
        }
        Ok(out)
    }

    /// What later requests of the client are searched for after this one.
    pub(crate) fn remember(&self, outcome: &TokenizeOutcome) -> Option<Arc<FoundValues>> {
        let mut memory = FoundList::new(self.shield.search_key.clone());
        memory.extend(outcome.found.as_ref()?, REMEMBERED_MAX);
        Some(Arc::new(FoundValues::new(&memory)))
    }
}

/// What a client gets of a reply that comes in these pieces.
pub(crate) fn receive(vault: Vault, format: ReplyFormat, pieces: &[&str]) -> String {
    let mut rehydrator = Rehydrator::new(vault, format);
    let mut out = Vec::new();
    for piece in pieces {
        rehydrator.push(piece.as_bytes(), &mut out);
    }
    rehydrator.finish(&mut out);
    String::from_utf8(out).expect("UTF-8")
}
