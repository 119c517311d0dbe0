//! The agents' tools: how each wants the same act called.

use std::path::Path;

use serde_json::{Value, json};

use crate::api::{Call, Input};
use crate::plan::Act;

/// A set of tools, as an agent offers them to its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tools {
    /// Claude Code.
    ClaudeCode,
    /// Codex with models that call each tool by its name.
    Codex,
    /// Codex with models that write programs, in which the tools are functions.
    CodexPrograms,
    /// opencode.
    OpenCode,
    /// gemini-cli.
    Gemini,
    /// aider, which has none: it reads edits from the text, and runs its tests by itself.
    Aider,
    /// Continue's command line.
    Continue,
}

impl Tools {
    /// The call that does `act` in the folder `work`, none for the last word.
    pub(crate) fn call(self, act: &Act, work: &Path) -> Option<Call> {
        match self {
            Tools::ClaudeCode => claude_code(act, work),
            Tools::OpenCode => opencode(act, work),
            Tools::Codex => codex(act),
            Tools::Gemini => gemini(act),
            Tools::Aider => None,
            Tools::Continue => continue_cli(act, work),
            Tools::CodexPrograms => codex(act).map(|call| program(&call)),
        }
    }
}

fn json_call(tool: &'static str, input: Value) -> Call {
    Call { tool, input: Input::Json(input) }
}

fn claude_code(act: &Act, work: &Path) -> Option<Call> {
    Some(match act {
        Act::Read { path } => json_call("Read", json!({"file_path": work.join(path)})),
        Act::Run { command } => json_call("Bash", json!({"command": command, "description": "Run it"})),
        Act::Replace { path, old, new } => json_call(
            "Edit",
            json!({"file_path": work.join(path), "old_string": old, "new_string": new, "replace_all": false}),
        ),
        Act::Write { path, text } => {
            json_call("Write", json!({"file_path": work.join(path), "content": text}))
        }
        Act::Answer => return None,
    })
}

fn opencode(act: &Act, work: &Path) -> Option<Call> {
    Some(match act {
        Act::Read { path } => json_call("read", json!({"filePath": work.join(path)})),
        Act::Run { command } => json_call("bash", json!({"command": command, "description": "Run it"})),
        Act::Replace { path, old, new } => {
            json_call("edit", json!({"filePath": work.join(path), "oldString": old, "newString": new}))
        }
        Act::Write { path, text } => {
            json_call("write", json!({"filePath": work.join(path), "content": text}))
        }
        Act::Answer => return None,
    })
}

/// Its tools for files refuse those whose names promise secrets, so the model turns to the shell.
fn continue_cli(act: &Act, work: &Path) -> Option<Call> {
    let run = |command: String| json_call("Bash", json!({"command": command}));
    let is_refused = |path: &str| Path::new(path).extension().is_some_and(|end| end == "env");
    Some(match act {
        Act::Read { path } if is_refused(path) => run(format!("cat {path}")),
        Act::Read { path } => json_call("Read", json!({"filepath": work.join(path)})),
        Act::Run { command } => run(command.clone()),
        Act::Replace { path, old, new } if is_refused(path) => run(format!(
            "cat > old.part <<'END'\n{old}\nEND\ncat > new.part <<'END'\n{new}\nEND\npython3 - {path} <<'END'\n\
             import pathlib, sys\nfile = pathlib.Path(sys.argv[1])\n\
             old, new = (pathlib.Path(name).read_text()[:-1] for name in (\"old.part\", \"new.part\"))\n\
             file.write_text(file.read_text().replace(old, new, 1))\nEND\nrm old.part new.part\n"
        )),
        Act::Replace { path, old, new } => {
            json_call("Edit", json!({"file_path": work.join(path), "old_string": old, "new_string": new}))
        }
        Act::Write { path, text } => {
            json_call("Write", json!({"filepath": work.join(path), "content": text}))
        }
        Act::Answer => return None,
    })
}

fn gemini(act: &Act) -> Option<Call> {
    Some(match act {
        Act::Read { path } => json_call("read_file", json!({"file_path": path})),
        Act::Run { command } => {
            json_call("run_shell_command", json!({"command": command, "description": "Run it"}))
        }
        Act::Replace { path, old, new } => json_call(
            "replace",
            json!({"file_path": path, "instruction": "As said.", "old_string": old, "new_string": new}),
        ),
        Act::Write { path, text } => json_call("write_file", json!({"file_path": path, "content": text})),
        Act::Answer => return None,
    })
}

fn codex(act: &Act) -> Option<Call> {
    let run = |command: &str| json_call("exec_command", json!({"cmd": command}));
    let patch = |hunk: String| Call {
        tool: "apply_patch",
        input: Input::Text(format!("*** Begin Patch\n{hunk}*** End Patch\n")),
    };
    let signed =
        |sign: &str, text: &str| text.lines().flat_map(|line| [sign, line, "\n"]).collect::<String>();
    Some(match act {
        Act::Read { path } => run(&format!("cat {path}")),
        Act::Run { command } => run(command),
        Act::Replace { path, old, new } => {
            patch(format!("*** Update File: {path}\n@@\n{}{}", signed("-", old), signed("+", new)))
        }
        Act::Write { path, text } => patch(format!("*** Add File: {path}\n{}", signed("+", text))),
        Act::Answer => return None,
    })
}

/// The program that makes this call and says what came of it.
fn program(call: &Call) -> Call {
    let argument = match &call.input {
        Input::Json(input) => input.clone(),
        Input::Text(text) => Value::from(text.as_str()),
    };
    let program =
        format!("const result = await tools.{}({argument});\ntext(result.output ?? result);\n", call.tool);
    Call { tool: "exec", input: Input::Text(program) }
}
