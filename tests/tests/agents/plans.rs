//! The plans, and the files that the agents find.

use aegis_tests::secrets::Seeded;

use crate::plan::{Act, Plan, Turn};

/// A working folder with secrets, and what the model does in it.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) plan: Plan,
    /// Name and text of each file.
    pub(crate) files: Vec<(&'static str, String)>,
    /// What the user says; all but the first go on with the session.
    pub(crate) prompts: &'static [&'static str],
    /// Values that a rule recognises at every place.
    pub(crate) recognisable: Vec<String>,
    /// Names and values of what stands beside its name in one file, and bare everywhere else.
    pub(crate) bare: Vec<(&'static str, String)>,
    /// Files that the plan makes, each with a text that it must then hold.
    pub(crate) made: Vec<(&'static str, String)>,
}

/// Appends its arguments to a file and prints them.
const CHECK: &str = "#!/bin/sh\nprintf '%s\\n' \"$@\" >> calls.log\nprintf 'checked %s\\n' \"$@\"\n";

/// A deployment with keys of known shape, and two passwords: one is always written beside its name, one never again.
pub(crate) fn deployment() -> Scenario {
    let mut seeded = Seeded::new(61);
    let (github, aws, named, bare) = (seeded.github(), seeded.aws(), seeded.password(), seeded.password());
    let env = format!(
        "# deployment\nGITHUB_TOKEN={github}\nAWS_ACCESS_KEY_ID={aws}\nDB_PASSWORD={named}\n\
         ADMIN_PASSWORD={bare}\nDB_HOST=db.internal\n"
    );
    Scenario {
        plan: DEPLOYMENT,
        files: vec![("deploy.env", env), ("check.sh", CHECK.to_owned())],
        prompts: &["Check the deployment and write its configuration.", "Are you sure?"],
        made: vec![
            ("calls.log", format!("{github}\n{aws}\nDB_PASSWORD={named}\n{bare}\n{bare}\n")),
            ("deploy.env", format!("GITHUB_USER=robot\nGITHUB_TOKEN={github}\n")),
            ("deploy.env", format!("ADMIN_PASSWORD={bare}2\n")),
            ("config.json", format!("\"admin\": [\"{bare}\"]")),
            ("notes.md", format!("| admin | {bare} |\n")),
        ],
        recognisable: vec![github, aws, named],
        bare: vec![("ADMIN_PASSWORD", bare)],
    }
}

const DEPLOYMENT: Plan = &[
    |_| Turn::of("I read the file first.", Act::Read { path: "deploy.env" }),
    |seen| {
        let (github, aws) = (seen.value("GITHUB_TOKEN")?, seen.value("AWS_ACCESS_KEY_ID")?);
        let (named, bare) = (seen.value("DB_PASSWORD")?, seen.value("ADMIN_PASSWORD")?);
        let command = format!(
            "sh check.sh '{github}' '{aws}' 'DB_PASSWORD={named}' '{bare}'\ncat >> calls.log <<< '{bare}'"
        );
        Turn::of(format!("The token is {github}. I check it with `{bare}`."), Act::Run { command })
    },
    |seen| {
        let github = seen.value("GITHUB_TOKEN")?;
        let old = format!("GITHUB_TOKEN={github}");
        let new = format!("GITHUB_USER=robot\nGITHUB_TOKEN={github}");
        Turn::of("The user is missing.", Act::Replace { path: "deploy.env", old, new })
    },
    |seen| {
        let old = format!("ADMIN_PASSWORD={}", seen.value("ADMIN_PASSWORD")?);
        let new = format!("{old}2");
        Turn::of("The password was told in part.", Act::Replace { path: "deploy.env", old, new })
    },
    |seen| {
        let text = format!(
            "{{\n  \"github\": {{\"token\": \"{}\"}},\n  \"aws\": \"{}\",\n  \"db\": \"DB_PASSWORD={}\",\n  \"admin\": [\"{}\"]\n}}\n",
            seen.value("GITHUB_TOKEN")?,
            seen.value("AWS_ACCESS_KEY_ID")?,
            seen.value("DB_PASSWORD")?,
            seen.value("ADMIN_PASSWORD")?
        );
        Turn::of("Now the configuration.", Act::Write { path: "config.json", text })
    },
    |seen| {
        let github = seen.value("GITHUB_TOKEN")?;
        let command = format!("cat config.json && printf %s 'token {github}' | base64 -w 0");
        Turn::of("I look at it.", Act::Run { command })
    },
    |seen| {
        let bare = seen.value("ADMIN_PASSWORD")?;
        let command = format!(
            "grep -rn '{bare}' . | sort; printf %s 'admin:{bare}' | base64 -w 0; printf '%s\\n' 'db_{bare}' '\"{bare}\"'"
        );
        Turn::of("I look for the password.", Act::Run { command })
    },
    |seen| {
        let text = format!(
            "# Access\n\nClone with {}.\n\n| user | password |\n|---|---|\n| admin | {} |\n",
            seen.value("GITHUB_TOKEN")?,
            seen.value("ADMIN_PASSWORD")?
        );
        Turn::of("I write it down.", Act::Write { path: "notes.md", text })
    },
    |seen| {
        let (github, named, bare) =
            (seen.value("GITHUB_TOKEN")?, seen.value("DB_PASSWORD")?, seen.value("ADMIN_PASSWORD")?);
        Turn::of(
            format!("Clone with {github}, connect with DB_PASSWORD={named}, log in with {bare}."),
            Act::Answer,
        )
    },
    |_| Turn::of("I read it again.", Act::Run { command: "cat notes.md calls.log".to_owned() }),
    |seen| {
        let bare = seen.value("ADMIN_PASSWORD")?;
        Turn::of(format!("Yes: {}, and {bare} for the admin.", seen.value("GITHUB_TOKEN")?), Act::Answer)
    },
];

/// Prints what is there, and is content when all is.
const TEST: &str = "#!/bin/sh\ncat deploy.env *.md config.json\nfor file in config.json notes.md access.md; do\n\
    test -e $file || { echo \"$file is missing\"; exit 1; }\ndone\n\
    grep -q DB_HOST deploy.env || { echo 'no host'; exit 1; }\n";

/// The same deployment for an agent whose model calls no tools: it writes edits, and is told what the tests print.
pub(crate) fn tested_deployment() -> Scenario {
    let Scenario { mut files, mut made, recognisable, bare, .. } = deployment();
    files[1] = ("check.sh", TEST.to_owned());
    let password = &bare[0].1;
    made.retain(|(name, text)| *name == "deploy.env" && text.contains("robot"));
    made.push(("config.json", format!("\"admin\": [\"{password}\"]")));
    made.push(("notes.md", format!("| admin | {password} |\n")));
    made.push(("access.md", format!("Log in with {password}\n")));
    let prompts = &["Check the deployment and write its configuration.", "Move the host.", "Are you sure?"];
    Scenario { plan: TESTED_DEPLOYMENT, files, prompts, recognisable, bare, made }
}

/// An edit as aider reads it: an empty search makes a new file.
fn edit(path: &str, old: &str, new: &str) -> String {
    format!("{path}\n```\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n\n")
}

const TESTED_DEPLOYMENT: Plan = &[
    |seen| {
        let github = seen.value("GITHUB_TOKEN")?;
        let text = format!(
            "{{\n  \"github\": \"{github}\",\n  \"db\": \"DB_PASSWORD={}\",\n  \"admin\": [\"{}\"]\n}}\n",
            seen.value("DB_PASSWORD")?,
            seen.value("ADMIN_PASSWORD")?
        );
        let old = format!("GITHUB_TOKEN={github}\n");
        let edits =
            edit("deploy.env", &old, &format!("GITHUB_USER=robot\n{old}")) + &edit("config.json", "", &text);
        Turn::of(format!("The token is {github}.\n\n{edits}"), Act::Answer)
    },
    |seen| {
        let text = format!("| user | password |\n|---|---|\n| admin | {} |\n", seen.value("ADMIN_PASSWORD")?);
        Turn::of(format!("A note is missing.\n\n{}", edit("notes.md", "", &text)), Act::Answer)
    },
    |seen| {
        let text = format!("Log in with {}\n", seen.value("ADMIN_PASSWORD")?);
        Turn::of(format!("One more.\n\n{}", edit("access.md", "", &text)), Act::Answer)
    },
    |seen| {
        let password = format!("ADMIN_PASSWORD={}\n", seen.value("ADMIN_PASSWORD")?);
        let old = format!("{password}DB_HOST=db.internal\n");
        Turn::of(format!("It goes.\n\n{}", edit("deploy.env", &old, &password)), Act::Answer)
    },
    |seen| {
        let password = format!("ADMIN_PASSWORD={}\n", seen.value("ADMIN_PASSWORD")?);
        let new = format!("DB_HOST=db.internal\n{password}");
        Turn::of(format!("It comes back.\n\n{}", edit("deploy.env", &password, &new)), Act::Answer)
    },
    |seen| {
        let (github, password) = (seen.value("GITHUB_TOKEN")?, seen.value("ADMIN_PASSWORD")?);
        Turn::of(format!("Yes: {github}, and {password} for the admin."), Act::Answer)
    },
];
