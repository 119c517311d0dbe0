//! Real coding agents, unmodified, in sessions of many turns: once with the provider itself, once through the gateway.
//!
//! The provider plays a model that reads a file with secrets, runs commands, edits, writes and answers; all it writes is
//! built from what it received. `tests/run.sh` installs the agents and runs these ignored tests.

mod api;
mod judge;
mod plan;
mod plans;
mod provider;
mod session;
mod tools;

use std::sync::OnceLock;

use crate::api::Api;
use crate::judge::Comparison;
use crate::session::Agent;
use crate::tools::Tools;

const CLAUDE_CODE: Agent = Agent { tools: Tools::ClaudeCode, api: Api::Anthropic };
const CODEX: Agent = Agent { tools: Tools::Codex, api: Api::Responses };
const CODEX_PROGRAMS: Agent = Agent { tools: Tools::CodexPrograms, api: Api::Responses };
const OPENCODE: Agent = Agent { tools: Tools::OpenCode, api: Api::Chat };

/// The sessions in a deployment, run once for all tests that look at them.
fn deployment(agent: Agent) -> &'static Comparison {
    static RUNS: [OnceLock<Comparison>; 4] = [const { OnceLock::new() }; 4];
    RUNS[agent.tools as usize].get_or_init(|| Comparison::of(agent, plans::deployment()))
}

fn works_alike(agent: Agent) {
    let run = deployment(agent);
    run.assert_same_work();
    run.assert_told_values_hidden();
    run.assert_history_stays();
}

fn hides_bare_values(agent: Agent) {
    deployment(agent).assert_bare_values_hidden();
}

fn keeps_private_keys(agent: Agent) {
    let run = Comparison::of(agent, plans::private_key());
    run.assert_same_work();
    run.assert_told_values_hidden();
    run.assert_history_stays();
}

/// One test an agent, in a module.
macro_rules! each_agent {
    ($module:ident, $check:ident, $reason:literal) => {
        mod $module {
            #[test]
            #[ignore = $reason]
            fn claude_code() {
                super::$check(super::CLAUDE_CODE);
            }

            #[test]
            #[ignore = $reason]
            fn codex() {
                super::$check(super::CODEX);
            }

            #[test]
            #[ignore = $reason]
            fn codex_programs() {
                super::$check(super::CODEX_PROGRAMS);
            }

            #[test]
            #[ignore = $reason]
            fn opencode() {
                super::$check(super::OPENCODE);
            }
        }
    };
}

each_agent!(deployments, works_alike, "needs the agents in tests/agents/node_modules: run tests/run.sh");
each_agent!(
    bare_values,
    hides_bare_values,
    "a value found by its name is hidden only beside its name so far"
);
each_agent!(private_keys, keeps_private_keys, "a private key is one token so far, which agents cannot edit");
