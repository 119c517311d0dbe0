//! Real coding agents, unmodified, in sessions of many turns: once with the provider itself, once through the gateway.
//!
//! The provider plays a model that reads a file with secrets, runs commands, edits, writes and answers; all it writes is
//! built from what it received. `tests/run.sh` installs the agents and runs these ignored tests.

mod api;
mod judge;
mod keys;
mod plan;
mod plans;
mod provider;
mod session;
mod tools;

use std::sync::OnceLock;

use aegis_tests::compatibility;

use crate::api::Api;
use crate::judge::Comparison;
use crate::session::Agent;
use crate::tools::Tools;

const CLAUDE_CODE: Agent = Agent { tools: Tools::ClaudeCode, api: Api::Anthropic };
const CODEX: Agent = Agent { tools: Tools::Codex, api: Api::Responses };
const CODEX_PROGRAMS: Agent = Agent { tools: Tools::CodexPrograms, api: Api::Responses };
const OPENCODE: Agent = Agent { tools: Tools::OpenCode, api: Api::Chat };

const GEMINI: Agent = Agent { tools: Tools::Gemini, api: Api::Google };
const AIDER: Agent = Agent { tools: Tools::Aider, api: Api::ChatText };
const CONTINUE: Agent = Agent { tools: Tools::Continue, api: Api::Chat };

/// The sessions in a deployment, run once for all tests that look at them.
fn deployment(agent: Agent) -> &'static Comparison {
    static RUNS: [OnceLock<Comparison>; 7] = [const { OnceLock::new() }; 7];
    let is_aider = agent.tools == Tools::Aider;
    let scenario = if is_aider { plans::tested_deployment } else { plans::deployment };
    RUNS[agent.tools as usize].get_or_init(|| Comparison::of(agent, scenario()))
}

fn works_alike(agent: Agent) {
    let run = deployment(agent);
    run.assert_same_work();
    run.assert_recognisable_values_hidden();
    run.assert_history_stays();
    run.assert_audited_as_documented();
    compatibility::passed(agent.name());
}

fn hides_bare_values(agent: Agent) {
    deployment(agent).assert_bare_values_hidden();
}

fn keeps_private_keys(agent: Agent) {
    let run = Comparison::of(agent, keys::scenario());
    run.assert_same_work();
    run.assert_recognisable_values_hidden();
    run.assert_history_stays();
}

/// Tests of these names in a module, each for an agent.
macro_rules! tests {
    ($module:ident, $check:ident, $reason:literal, $($name:ident: $agent:ident),*) => {
        mod $module {
            $(
                #[test]
                #[ignore = $reason]
                fn $name() {
                    super::$check(super::$agent);
                }
            )*
        }
    };
}

tests!(
    deployments, works_alike, "needs the agents in tests/agents/node_modules: run tests/run.sh",
    claude_code: CLAUDE_CODE, codex: CODEX, codex_programs: CODEX_PROGRAMS, opencode: OPENCODE
);
tests!(
    further_deployments, works_alike, "needs the agents in tests/agents/full: run tests/full.sh agents",
    gemini: GEMINI, aider: AIDER, continue_cli: CONTINUE
);
tests!(
    bare_values, hides_bare_values, "needs the agents in tests/agents/node_modules: run tests/run.sh",
    claude_code: CLAUDE_CODE, codex: CODEX, codex_programs: CODEX_PROGRAMS, opencode: OPENCODE
);
tests!(
    further_bare_values, hides_bare_values, "needs the agents in tests/agents/full: run tests/full.sh agents",
    gemini: GEMINI, aider: AIDER, continue_cli: CONTINUE
);
tests!(
    private_keys, keeps_private_keys, "needs the agents in tests/agents/node_modules: run tests/run.sh",
    claude_code: CLAUDE_CODE, codex: CODEX, codex_programs: CODEX_PROGRAMS, opencode: OPENCODE
);
tests!(
    further_private_keys, keeps_private_keys, "needs the agents in tests/agents/full: run tests/full.sh agents",
    gemini: GEMINI
);
