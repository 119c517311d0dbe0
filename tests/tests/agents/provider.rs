//! The provider: plays a plan, one turn a request, and keeps every request as it came.
//!
//! It knows nothing but the request in its hands: which turn it is follows from the results of tools in it, and what
//! is written in the turn from their texts.

use std::path::PathBuf;

use aegis_tests::{Message, Script, Upstream};
use serde_json::{Value, json};

use crate::api::{Api, Reply};
use crate::plan::Plan;
use crate::tools::Tools;

/// The words before the number of a final answer, by which later requests tell how many there were.
const ANSWER: &str = "This is answer";

/// A plan, with the tools and the folder of the agent that will be told.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) plan: Plan,
    pub(crate) tools: Tools,
    pub(crate) work: PathBuf,
}

impl Model {
    /// A provider in which this model answers.
    pub(crate) fn serve(self) -> Upstream {
        Upstream::start(move |request, _| self.answer(request))
    }

    /// The reply to a request of the agent's loop; none to everything else.
    pub(crate) fn reply(&self, request: &Message) -> Option<(Api, Reply)> {
        let api = Api::of(request)?;
        let body: Value = serde_json::from_slice(&request.body).ok()?;
        api.has_tools(&body).then(|| (api, self.turn(api, &body)))
    }

    fn turn(&self, api: Api, body: &Value) -> Reply {
        let seen = api.seen(body);
        let text = body.to_string();
        let answers = (0..).take_while(|number| text.contains(&format!("{ANSWER} {number}."))).count();
        let number = seen.results.len() + answers;
        let turn = self.plan.get(number).map(|turn| turn(&seen));
        let turn = turn.unwrap_or_else(|| panic!("a request after the end of the plan, turn {number}"));
        let call = self.tools.call(&turn.act, &self.work);
        let text = if call.is_some() { turn.say } else { format!("{} {ANSWER} {answers}.", turn.say) };
        Reply { number, text, call }
    }

    fn answer(&self, request: &Message) -> Script {
        let json = |value: Value| Script::reply("application/json", value.to_string().as_bytes());
        if request.target().starts_with("/v1/messages/count_tokens") {
            return json(json!({"input_tokens": 9}));
        }
        if let Some((api, reply)) = self.reply(request) {
            return api.stream(&request.json(), &reply);
        }
        match Api::of(request) {
            Some(api) => {
                let title = Reply { number: 0, text: "A title".to_owned(), call: None };
                api.stream(&request.json(), &title)
            }
            None => Script::raw("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
        }
    }
}
