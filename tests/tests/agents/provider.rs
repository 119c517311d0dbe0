//! The provider: plays a plan, one turn a request, and keeps every request as it came.
//!
//! It knows nothing but the request in its hands: which turn it is follows from the results of tools in it, and what
//! is written in the turn from their texts.

use std::path::PathBuf;

use aegis_tests::{Message, Script, Upstream};
use serde_json::Value;

use crate::api::{Api, Reply, other_reply};
use crate::plan::{Act, Plan, Turn};
use crate::tools::Tools;

/// The words before the number of a final answer, by which later requests tell how many there were.
const ANSWER: &str = "This is answer";

/// A plan, with the agent that will be told and its folder.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) plan: Plan,
    pub(crate) api: Api,
    pub(crate) tools: Tools,
    pub(crate) work: PathBuf,
}

impl Model {
    /// A provider in which this model answers.
    pub(crate) fn serve(self) -> Upstream {
        Upstream::start(move |request, _| self.answer(request))
    }

    /// The reply to a request of the agent's loop; none to everything else.
    pub(crate) fn reply(&self, request: &Message) -> Option<Reply> {
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        (self.api.is_asked(request) && self.api.is_turn(&body)).then(|| self.turn(&body))
    }

    fn turn(&self, body: &Value) -> Reply {
        let seen = self.api.seen(body);
        let text = body.to_string();
        let answers =
            (0..self.plan.len()).take_while(|number| text.contains(&format!("{ANSWER} {number}."))).count();
        let results = if self.tools == Tools::Aider { 0 } else { seen.results.len() };
        let number = results + answers;
        let turn =
            self.plan.get(number).map_or_else(|| Err("the plan is over".to_owned()), |turn| turn(&seen));
        // An answer ends the session at once; without a reply agents would ask again for minutes.
        let stuck =
            |why: String| Turn { say: format!("Turn {number} cannot be made: {why}"), act: Act::Answer };
        let turn = turn.unwrap_or_else(stuck);
        let call = self.tools.call(&turn.act, &self.work);
        let text = if call.is_some() { turn.say } else { format!("{} {ANSWER} {answers}.", turn.say) };
        Reply { number, text, call }
    }

    fn answer(&self, request: &Message) -> Script {
        if let Some(reply) = self.reply(request) {
            return self.api.stream(&request.json(), &reply);
        }
        if self.api.is_asked(request) {
            let title = Reply { number: 0, text: "A title".to_owned(), call: None };
            return self.api.stream(&request.json(), &title);
        }
        other_reply(request)
    }
}
