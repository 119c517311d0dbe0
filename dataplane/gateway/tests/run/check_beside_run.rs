//! `check` beside `run`: what one refuses, the other does, with the same words.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use crate::{Running, free, gateway, provider};

/// Exit code and standard error of a command with a state folder, behind what a shell does before.
fn outcome(command: &str, shell: &str, state: &Path, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut program = Command::new("sh");
    let (traffic, admin) = (free().to_string(), free().to_string());
    program.arg("-c").arg(format!("{shell} exec \"$0\" \"$@\"")).arg(gateway().get_program());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AEGIS_")) {
        program.env_remove(name);
    }
    program.args([command, "--listen", &traffic, "--admin", &admin, "--shards", "2", "--state"]).arg(state);
    let Output { status, stderr, .. } = program.envs(variables.iter().copied()).output().expect("it runs");
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[test]
fn what_run_would_not_start_with_is_wrong_for_check() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder_of_mode = |name: &str, mode: u32| {
        let path = folder.path().join(name);
        std::fs::create_dir(&path).expect("created");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
        path
    };
    let (open, private) = (folder_of_mode("open", 0o777), folder_of_mode("private", 0o700));
    let key = "0f".repeat(32);
    let none: &[(&str, &str)] = &[];
    for (shell, state, variables, says) in [
        ("", &open, none, "others may change the files in"),
        ("", &open, &[("AEGIS_TOKENS_KEY", key.as_str())], "others may change the files in"),
        ("ulimit -n 60;", &private, none, "too few for one client on each of 2 shards"),
        ("", &private, &[("AEGIS_AUDIT_FILE", "")], "AEGIS_AUDIT_FILE: audit.file: the path is empty"),
        ("", &private, &[("AEGIS_LOG_ACCESS", "")], "AEGIS_LOG_ACCESS: log.access: the path is empty"),
        ("", &private, &[("AEGIS_LOG_LEVEL", "")], "AEGIS_LOG_LEVEL: log.level: `` has an empty part"),
    ] {
        for (command, expected) in [("check", 1), ("run", 2)] {
            let (code, said) = outcome(command, shell, state, variables);
            assert!(code == Some(expected) && said.contains(says), "{command}: {code:?} {says}\n{said}");
        }
    }
    // A folder that is only read may be anybody's.
    let elsewhere = private.join("audit.jsonl").display().to_string();
    let variables = [("AEGIS_TOKENS_KEY", key.as_str()), ("AEGIS_AUDIT_FILE", &elsewhere)];
    let (code, said) = outcome("check", "", &open, &variables);
    assert_eq!(code, Some(0), "{said}");
}

/// It may be asked before a reload, so it is no fault by itself.
#[test]
fn check_warns_of_a_gateway_that_runs_with_the_state_folder() {
    let it = Running::start("", provider(Duration::ZERO));
    let says = format!("another gateway (process {}) runs with the state folder", it.child.id());
    for (command, code, severity) in [("check", 0, "warning"), ("run", 2, "error")] {
        let (found, said) = outcome(command, "", &it.path("state"), &[]);
        assert!(
            found == Some(code) && said.contains(&format!("{severity}: ")) && said.contains(&says),
            "{said}"
        );
    }
}
