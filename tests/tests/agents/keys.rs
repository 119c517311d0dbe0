//! Private keys of every kind in one session: each is read, copied, edited inside, patched, copied by the shell and printed
//! again. They are made on the spot, by the programs that people make them with.

use std::path::Path;
use std::process::Command;

use crate::plan::{Act, Plan, Seen, Turn};
use crate::plans::Scenario;

/// Shortest line of a key that counts as secret: what is left over of the last one may be met by chance.
const LINE_MIN: usize = 16;

/// A file with a key, as the model is told of it.
struct KeyFile {
    name: &'static str,
    copy: &'static str,
    /// What the first and the last line begin with.
    first: &'static str,
    last: &'static str,
    /// From which line on, and how many, an edit shows; another line is put behind the first. They are of the key alone, or
    /// hold what says so: a line that all keys of a kind begin with is hidden only where the key stands around it.
    edit: (usize, usize),
    /// Where the lines that must not be seen begin and end, in words that stand before and behind them.
    secret: (&'static str, &'static str),
    /// Makes it, in a folder of its own.
    made_by: &'static str,
}

const COUNT: usize = 8;

/// In the order in which they are read. No two begin with the same words, and no name is what keys hold in base64.
const FILES: [KeyFile; COUNT] = [
    KeyFile {
        name: "rsa.pem",
        copy: "copy-rsa.pem",
        first: "-----BEGIN RSA",
        last: "-----END RSA",
        edit: (2, 2),
        secret: ("KEY-----\n", "\n-----END"),
        made_by: "openssl genrsa -traditional 2048 2>/dev/null",
    },
    KeyFile {
        name: "ec.pem",
        copy: "copy-ec.pem",
        first: "-----BEGIN EC",
        last: "-----END EC",
        edit: (2, 2),
        secret: ("KEY-----\n", "\n-----END"),
        made_by: "openssl ecparam -name secp384r1 -genkey -noout",
    },
    KeyFile {
        name: "signing.pem",
        copy: "copy-signing.pem",
        first: "-----BEGIN PRIVATE",
        last: "-----END PRIVATE",
        edit: (1, 2),
        secret: ("KEY-----\n", "\n-----END"),
        made_by: "openssl genpkey -algorithm ed25519",
    },
    KeyFile {
        name: "id_login",
        copy: "copy-id_login",
        first: "-----BEGIN OPENSSH",
        last: "-----END OPENSSH",
        edit: (2, 2),
        secret: ("KEY-----\n", "\n-----END"),
        made_by: "ssh-keygen -q -t ed25519 -N '' -C me -f made && cat made",
    },
    KeyFile {
        name: "mail.asc",
        copy: "copy-mail.asc",
        first: "-----BEGIN PGP",
        last: "-----END PGP",
        edit: (3, 2),
        secret: ("BLOCK-----\n\n", "\n-----END"),
        made_by: "umask 077; mkdir home; export GNUPGHOME=$PWD/home; gpg='gpg --batch --quiet --pinentry-mode loopback'
            $gpg --passphrase '' --quick-gen-key 'a <a@mail.example>' ed25519 sign never 2>/dev/null
            $gpg --armor --export-secret-keys; gpgconf --kill all",
    },
    KeyFile {
        name: "login.ppk",
        copy: "copy-login.ppk",
        first: "PuTTY-User-Key-File-",
        last: "Private-MAC:",
        edit: (6, 3),
        secret: ("Private-Lines: 1\n", "\nPrivate-MAC"),
        made_by: "puttygen -q -t ed25519 -C me --new-passphrase /dev/null -o made && cat made",
    },
    KeyFile {
        name: "ssh2.key",
        copy: "copy-ssh2.key",
        first: "---- BEGIN SSH2",
        last: "---- END SSH2",
        edit: (3, 2),
        // The line before is the same in all such keys, and is looked for nowhere else.
        secret: ("fSxlbmNyeXB0e3JzYS\n", "\n---- END"),
        made_by: "puttygen -q -t rsa -b 1024 -C me --new-passphrase /dev/null -o made &&
            puttygen made -O private-sshcom -o ssh2 && cat ssh2",
    },
    KeyFile {
        name: "key.jwk",
        copy: "copy-key.jwk",
        first: "{\"kty\"",
        last: "{\"kty\"",
        edit: (0, 1),
        secret: ("\"d\":\"", "\""),
        made_by: "node -e 'const pair = crypto.generateKeyPairSync(\"ec\", {namedCurve: \"P-256\"});
            console.log(JSON.stringify(pair.privateKey.export({format: \"jwk\"})))'",
    },
];

impl KeyFile {
    fn make(&self, folder: &Path) -> String {
        let dir = folder.join(self.name);
        std::fs::create_dir(&dir).expect("a folder");
        let output =
            Command::new("sh").args(["-c", self.made_by]).current_dir(&dir).output().expect("sh runs");
        let key = String::from_utf8(output.stdout).expect("a key is text");
        let whole =
            key.starts_with(self.first) && key.lines().last().is_some_and(|line| line.starts_with(self.last));
        assert!(
            output.status.success() && whole,
            "tests/run.sh installs what makes {}: {key}{}",
            self.name,
            String::from_utf8_lossy(&output.stderr)
        );
        key
    }

    /// The lines that no provider may see.
    fn secrets(&self, key: &str) -> Vec<String> {
        let (_, rest) = key.split_once(self.secret.0).expect("what stands before the secret lines");
        let (body, _) = rest.split_once(self.secret.1).expect("what stands behind them");
        let lines: Vec<String> =
            body.lines().filter(|line| line.len() >= LINE_MIN).map(str::to_owned).collect();
        assert!(!lines.is_empty(), "{}: {key}", self.name);
        lines
    }

    /// Some of its lines, as an edit shows them, and the same with a line between.
    fn edited(&self, lines: &[String]) -> (Vec<String>, Vec<String>) {
        let (from, count) = self.edit;
        let old = lines[from..from + count].to_vec();
        let mut new = old.clone();
        new.insert(1, NOTE.to_owned());
        (old, new)
    }

    /// The lines that the model read of it, at first.
    fn read(&self, seen: &Seen) -> Result<Vec<String>, String> {
        seen.first_lines(self.first, self.last)
    }
}

const NOTE: &str = "# the key of the test";

/// A folder of keys.
pub(crate) fn scenario() -> Scenario {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let keys: Vec<String> = FILES.iter().map(|file| file.make(folder.path())).collect();
    let mut made = Vec::new();
    for (file, key) in FILES.iter().zip(&keys) {
        let lines: Vec<String> = key.lines().map(str::to_owned).collect();
        let text = file.edited(&lines).1.join("\n") + "\n";
        made.extend([(file.name, text.clone()), (file.copy, text)]);
    }
    let all: String = keys.concat();
    made.extend([("shell.txt", all.clone()), ("written.txt", all)]);
    Scenario {
        plan: PLAN,
        prompts: &["Copy the keys and note where they came from."],
        recognisable: FILES.iter().zip(&keys).flat_map(|(file, key)| file.secrets(key)).collect(),
        bare: Vec::new(),
        made,
        files: FILES.iter().map(|file| file.name).zip(keys).collect(),
    }
}

fn read<const KEY: usize>(_: &Seen) -> Result<Turn, String> {
    let path = FILES[KEY].name;
    Turn::of(format!("I read {path}."), Act::Read { path })
}

fn write<const KEY: usize>(seen: &Seen) -> Result<Turn, String> {
    let file = &FILES[KEY];
    let text = file.read(seen)?.join("\n") + "\n";
    Turn::of("I copy it.", Act::Write { path: file.copy, text })
}

fn replace<const KEY: usize>(seen: &Seen) -> Result<Turn, String> {
    let file = &FILES[KEY];
    let (old, new) = file.edited(&file.read(seen)?);
    Turn::of("I edit the first.", Act::Replace { path: file.name, old: old.join("\n"), new: new.join("\n") })
}

/// A diff that puts a line into each copy, where the edits of the others were.
fn patch(seen: &Seen) -> Result<Turn, String> {
    let mut diff = String::new();
    for file in &FILES {
        let (copy, number) = (file.copy, file.edit.0 + 1);
        let (old, new) = file.edited(&file.read(seen)?);
        diff.extend([
            format!("--- a/{copy}\n+++ b/{copy}\n"),
            format!("@@ -{number},{} +{number},{} @@\n", old.len(), new.len()),
        ]);
        for (at, line) in new.iter().enumerate() {
            let sign = if at == 1 { '+' } else { ' ' };
            diff.extend([sign.to_string(), format!("{line}\n")]);
        }
    }
    let command = format!("git apply - <<'DIFF' && echo patched\n{diff}DIFF");
    Turn::of("I patch the copies.", Act::Run { command })
}

fn names() -> String {
    FILES.map(|file| file.name).join(" ")
}

/// The shell writes all keys into one file.
fn written(seen: &Seen) -> Result<Turn, String> {
    let mut text = String::new();
    for file in &FILES {
        text += &(file.read(seen)?.join("\n") + "\n");
    }
    Turn::of("I write them again.", Act::Run { command: format!("cat > written.txt <<'KEYS'\n{text}KEYS") })
}

const PLAN: Plan = &[
    // Before anything is edited.
    |_| {
        Turn::of(
            "The shell copies them.",
            Act::Run { command: format!("cat {} > shell.txt; mkdir kept; cp {0} kept", names()) },
        )
    },
    read::<0>,
    write::<0>,
    replace::<0>,
    read::<1>,
    write::<1>,
    replace::<1>,
    read::<2>,
    write::<2>,
    replace::<2>,
    read::<3>,
    write::<3>,
    replace::<3>,
    read::<4>,
    write::<4>,
    replace::<4>,
    read::<5>,
    write::<5>,
    replace::<5>,
    read::<6>,
    write::<6>,
    replace::<6>,
    read::<7>,
    write::<7>,
    replace::<7>,
    patch,
    written,
    |_| {
        Turn::of(
            "The copies, and what was edited:",
            Act::Run { command: format!("cat -n copy-*; cat {}", names()) },
        )
    },
    |_| {
        Turn::of(
            "The end of each:",
            Act::Run { command: format!("tail -q -n +3 {}; cat shell.txt | tail -n 40", names()) },
        )
    },
    |_| Turn::of("Done.", Act::Answer),
];
