//! Runs a scenario without and with the gateway, and judges what differs.

use std::fs;
use std::path::Path;

use aegis_tests::oracle::{Runs, tokens_in};
use aegis_tests::{Gateway, Message, wait_until};
use serde_json::Value;

use crate::plans::Scenario;
use crate::provider::Model;
use crate::session::{Agent, Outcome, Workspace};

/// Two sessions of one agent.
pub(crate) struct Comparison {
    agent: Agent,
    scenario: Scenario,
    model: Model,
    direct: Outcome,
    through: Outcome,
    /// The gateway's audit log.
    events: Vec<Value>,
}

impl Comparison {
    /// Runs both sessions.
    pub(crate) fn of(agent: Agent, scenario: Scenario) -> Comparison {
        let workspace = Workspace::new();
        let model = Model { plan: scenario.plan, api: agent.api, tools: agent.tools, work: workspace.work() };
        let provider = model.clone().serve();
        let direct = workspace.run(agent, &provider.url(), &scenario.files, scenario.prompts, &provider);
        let gateway = Gateway::before(&provider.url());
        let url = format!("http://{}", gateway.address);
        let through = workspace.run(agent, &url, &scenario.files, scenario.prompts, &provider);
        let audit = gateway.state().join("audit.jsonl");
        let events = || fs::read_to_string(&audit).unwrap_or_default();
        wait_until("every request is audited", || events().lines().count() >= through.requests.len());
        let events = events().lines().map(|line| serde_json::from_str(line).expect("an event")).collect();
        Comparison { agent, scenario, model, direct, through, events }
    }

    /// Asserts that each request for a turn has left the line in the audit log by which the tables of tools, in README and
    /// docs/commands.md, say that the tool works.
    pub(crate) fn assert_audited_as_documented(&self) {
        let read = |page: &str| {
            let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
            fs::read_to_string(page).expect("a page")
        };
        let pages = read("../README.md") + &read("../docs/commands.md");
        let begin = self.agent.documented_line();
        let line = pages.lines().find(|line| line.starts_with(begin)).expect("a line of a table");
        let documented = line.trim_end_matches(" |").rsplit(" | ").next().expect("three columns");
        let mut words = documented.split('`').skip(1).step_by(2);
        let upstream = words.next().expect("an upstream");
        let paths: Vec<&str> = words.map(|path| path.trim_end_matches("...")).collect();
        assert!(!paths.is_empty(), "{line}");
        let is_promised = |event: &&Value| {
            let path = event["path"].as_str().unwrap_or_default();
            event["upstream"] == upstream && paths.iter().any(|begin| path.starts_with(begin))
        };
        let count = self.events.iter().filter(is_promised).count();
        let turns = self.turns(&self.through).len();
        assert!(count >= turns, "{count} of {turns} turns are documented as {documented}: {:?}", self.events);
    }

    /// Asserts that the plan was played to its end, and that files and answers of the two are alike.
    pub(crate) fn assert_same_work(&self) {
        for (name, text) in &self.scenario.made {
            let file = self.direct.files.get(*name).unwrap_or_else(|| panic!("{name} was not made"));
            let file = String::from_utf8_lossy(file);
            assert!(file.contains(text), "{name} without the gateway:\n{file}");
        }
        assert_eq!(self.through.answers, self.direct.answers, "the answers, with the gateway and without");
        for name in self.direct.files.keys().chain(self.through.files.keys()) {
            let text = |outcome: &Outcome| {
                outcome.files.get(name).map(|file| String::from_utf8_lossy(file).into_owned())
            };
            assert_eq!(text(&self.through), text(&self.direct), "{name}, with the gateway and without");
        }
        for outcome in [&self.direct, &self.through] {
            assert_eq!(self.turns(outcome).len(), self.scenario.plan.len(), "requests for a turn");
        }
    }

    /// Asserts that nothing the provider received holds a value that a rule can recognise.
    pub(crate) fn assert_recognisable_values_hidden(&self) {
        self.assert_hidden(self.scenario.recognisable.iter());
    }

    /// Asserts the same of the values that stand bare, and that the model's own words with them come back.
    pub(crate) fn assert_bare_values_hidden(&self) {
        self.assert_hidden(self.scenario.bare.iter().map(|(_, value)| value));
        self.assert_words_come_back(|_| true);
    }

    fn assert_hidden<'a>(&self, secrets: impl Iterator<Item = &'a String>) {
        let runs = Runs::of(secrets);
        for request in &self.through.requests {
            runs.assert_absent(&request.raw, &request.start);
        }
        let last = |outcome: &Outcome| outcome.requests.last().expect("the provider got requests").text();
        assert!(!tokens_in(&last(&self.through)).is_empty(), "no token in the last request");
        assert!(tokens_in(&last(&self.direct)).is_empty(), "a token without a gateway");
    }

    /// Asserts that what the model wrote comes back as it wrote it, but for words with bare values, and that no element
    /// of the conversation changes from one request to the next unless the agent itself changes it.
    pub(crate) fn assert_history_stays(&self) {
        let api = self.agent.api;
        let (direct, through) = (self.turns(&self.direct), self.turns(&self.through));
        let seen = api.seen(&through.last().expect("requests for turns").json());
        let bare: Vec<String> =
            self.scenario.bare.iter().filter_map(|(name, _)| seen.value(name).ok()).collect();
        self.assert_words_come_back(|words| !bare.iter().any(|token| words.contains(token)));
        let mut kept = 0;
        for (turn, (direct, through)) in direct.windows(2).zip(through.windows(2)).enumerate() {
            let stays = |pair: &[&Message]| -> Vec<bool> {
                let (earlier, later) = (api.history(&pair[0].body), api.history(&pair[1].body));
                earlier.iter().enumerate().map(|(index, element)| later.get(index) == Some(element)).collect()
            };
            let expected = stays(direct);
            assert_eq!(stays(through), expected, "elements of turn {turn} that stay as they are");
            kept += expected.iter().filter(|stays| **stays).count();
        }
        assert!(kept >= through.len(), "hardly anything stays as it is: {kept}");
    }

    /// Asserts that each request repeats what the model wrote in the turn before, where `matters` says so and the agent
    /// repeats it without the gateway.
    fn assert_words_come_back(&self, matters: impl Fn(&str) -> bool) {
        let mut repeated = 0;
        let (direct, through) = (self.turns(&self.direct), self.turns(&self.through));
        for (turn, (direct, through)) in direct.windows(2).zip(through.windows(2)).enumerate() {
            let words = |request: &Message| {
                self.agent.api.repeated(&self.model.reply(request).expect("a request for a turn"))
            };
            let (text, direct_text) = (through[1].text(), direct[1].text());
            let pairs = words(through[0]).into_iter().zip(words(direct[0]));
            for (words, _) in pairs.filter(|(words, direct)| matters(words) && direct_text.contains(direct)) {
                assert!(text.contains(&words), "turn {turn} came back without {words}:\n{text}");
                repeated += 1;
            }
        }
        assert!(repeated >= through.len(), "the agent repeats hardly anything: {repeated}");
    }

    fn turns<'a>(&self, outcome: &'a Outcome) -> Vec<&'a Message> {
        outcome.requests.iter().filter(|request| self.model.reply(request).is_some()).collect()
    }
}
