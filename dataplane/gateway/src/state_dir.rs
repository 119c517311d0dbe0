//! The gateway's own folder and the master key in it.
//!
//! The key makes all tokens: whoever has it can confirm guesses of secrets. It is created once, with 256 random bits,
//! never replaced, never printed, and refused when anybody but its owner could read it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aegis_settings::Problem;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::config::Settings;
use crate::hex;
use crate::os::{self, OTHERS_WRITE};

/// Name of the key file in the state folder.
pub const KEY_FILE: &str = "master.key";
/// Name of the file in the state folder that holds the key of the known values.
pub const KNOWN_KEY_FILE: &str = "known.key";
/// Name of the audit log in the state folder.
pub const AUDIT_FILE: &str = "audit.jsonl";
/// Length of the master key in bytes.
pub const KEY_LEN: usize = 32;

/// What a key file is for.
struct KeyUse {
    /// Its name in the state folder.
    file: &'static str,
    /// The setting that names another one.
    setting: &'static str,
    /// What to do when it is damaged.
    advice: &'static str,
}

const MASTER: KeyUse = KeyUse {
    file: KEY_FILE,
    setting: "tokens.key_file",
    advice: "restore it from a backup; a new key makes other tokens",
};
const KNOWN: KeyUse = KeyUse {
    file: KNOWN_KEY_FILE,
    setting: "known_values.key_file",
    advice: "restore it from a backup; with a new key the values must be imported again",
};

/// A master key; erased from memory when dropped.
pub type MasterKey = Zeroizing<[u8; KEY_LEN]>;

/// The state folder that holds for `settings`: the configured one, systemd's, or the usual place of this user.
pub fn folder(settings: &Settings) -> PathBuf {
    choose_folder(settings.state.dir.as_deref(), nix::unistd::geteuid().is_root(), |name| {
        std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    })
}

fn choose_folder(
    configured: Option<&Path>,
    root: bool,
    variable: impl Fn(&str) -> Option<PathBuf>,
) -> PathBuf {
    const NAME: &str = "aegis-gateway";
    let of_user = || match (variable("XDG_STATE_HOME"), variable("HOME")) {
        (Some(states), _) => states.join(NAME),
        (None, Some(home)) => home.join(".local/state").join(NAME),
        (None, None) => Path::new("/var/lib").join(NAME),
    };
    match (configured, variable("STATE_DIRECTORY")) {
        (Some(folder), _) => folder.to_path_buf(),
        (None, Some(folder)) => folder,
        (None, None) if root => Path::new("/var/lib").join(NAME),
        (None, None) => of_user(),
    }
}

/// Makes the state folder (0700) when it is missing; refuses one that others may change.
pub fn prepare_folder(folder: &Path) -> Result<(), Problem> {
    let shown = folder.display();
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(|error| {
        Problem::error(
            "state.dir",
            format!("cannot create {shown}: {error}"),
            "give a writable folder with --state DIR",
        )
    })?;
    refuse_shared(folder)
}

/// Refuses a folder that others than its owner may change, or that cannot be looked at.
fn refuse_shared(folder: &Path) -> Result<(), Problem> {
    let shown = folder.display();
    let mode = fs::metadata(folder).map(|data| data.mode() & 0o777).map_err(|error| {
        Problem::error(
            "state.dir",
            format!("cannot look at {shown}: {error}"),
            "give another folder with --state DIR",
        )
    })?;
    if mode & OTHERS_WRITE != 0 {
        let what = format!("others may change the files in {shown} (mode {mode:03o})");
        return Err(Problem::error("state.dir", what, format!("chmod 700 {shown}")));
    }
    Ok(())
}

/// What a start with `settings` would refuse of the state folder that is there. One with a key in it, into which no audit
/// log is written, is only read.
pub fn problem_at_start(settings: &Settings) -> Option<Problem> {
    let folder = folder(settings);
    let makes_key = has_key_in_folder(settings) && !folder.join(MASTER.file).exists();
    let keeps_audit = settings.audit.enabled && settings.audit.file.is_none();
    let is_prepared = folder.exists() && (makes_key || keeps_audit);
    if is_prepared { refuse_shared(&folder).err() } else { None }
}

/// What becomes of a master key that the state folder does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingKey {
    /// It is created.
    Create,
    /// A passing one serves: nothing is sent with it.
    Invent,
    /// It is an error: there was one, and another would make other tokens.
    Refuse,
}

/// The master key of `settings`: given in the configuration, in the named file, or in the state folder; `missing` says
/// what is done where that has none yet.
pub fn master_key(settings: &Settings, missing: MissingKey) -> Result<MasterKey, Problem> {
    if let Some(key) = &settings.tokens.key {
        return decode(key.expose().as_bytes()).ok_or_else(|| {
            Problem::error("tokens.key", "not 64 hexadecimal digits", "make one with `openssl rand -hex 32`")
        });
    }
    if let Some(path) = &settings.tokens.key_file {
        return read(&MASTER, path);
    }
    let path = folder(settings).join(MASTER.file);
    if is_missing(&path) {
        match missing {
            MissingKey::Create => {}
            MissingKey::Invent => return random_key(),
            MissingKey::Refuse => {
                let what = format!("{} was deleted", path.display());
                let help = "put it back; another key would make other tokens";
                return Err(Problem::error("state.dir", what, help));
            }
        }
    }
    in_folder(&MASTER, settings, missing == MissingKey::Create)
}

/// Whether the master key of `settings` is the one in the state folder.
pub fn has_key_in_folder(settings: &Settings) -> bool {
    settings.tokens.key.is_none() && settings.tokens.key_file.is_none()
}

/// What tells one master key from another, and nothing of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyFingerprint([u8; 32]);

impl KeyFingerprint {
    /// The fingerprint of `key`.
    pub fn of(key: &MasterKey) -> KeyFingerprint {
        KeyFingerprint(
            Sha256::new().chain_update("aegis master key\n").chain_update(key.as_slice()).finalize().into(),
        )
    }
}

/// What is there as long as the state folder is: the master key in it, or the folder itself where the key comes from elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateMarker {
    /// Its path.
    pub path: PathBuf,
    /// Whether it is the master key.
    pub is_key: bool,
}

impl StateMarker {
    /// That of the state folder of `settings`; none where a gateway that has started has no use for it.
    pub fn of(settings: &Settings) -> Option<StateMarker> {
        let (folder, is_key) = (folder(settings), has_key_in_folder(settings));
        let path = if is_key { folder.join(MASTER.file) } else { folder };
        path.exists().then_some(StateMarker { path, is_key })
    }

    /// Reads the master key that it is.
    pub fn read_key(&self) -> Result<KeyFingerprint, Problem> {
        read(&MASTER, &self.path).map(|key| KeyFingerprint::of(&key))
    }
}

/// The key of the known values: in the named file, or in the state folder, where it is created when `create` allows it.
/// It is another one than the master key, so that a list can be made and used where no tokens are.
pub fn known_key(settings: &Settings, create: bool) -> Result<MasterKey, Problem> {
    match &settings.known_values.key_file {
        Some(path) => read(&KNOWN, path),
        None => in_folder(&KNOWN, settings, create),
    }
}

/// The key of this use in the state folder.
fn in_folder(key: &KeyUse, settings: &Settings, create: bool) -> Result<MasterKey, Problem> {
    let folder = folder(settings);
    let path = folder.join(key.file);
    if create && is_missing(&path) {
        prepare_folder(&folder)?;
        create_key(&folder, &path).map_err(|error| {
            let what = format!("cannot create {}: {error}", path.display());
            Problem::error(key.setting, what, "give a writable folder with --state DIR")
        })?;
    }
    read(key, &path)
}

/// Whether nothing is there. What cannot be looked at, as a link that leads to itself, is no reason to make a key.
fn is_missing(path: &Path) -> bool {
    matches!(path.try_exists(), Ok(false))
}

/// 256 random bits.
pub(crate) fn random_key() -> Result<MasterKey, Problem> {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    getrandom::fill(&mut *key)
        .map_err(|error| Problem::error("tokens.key", format!("no random numbers: {error}"), ""))?;
    Ok(key)
}

/// Writes a new key under a name of its own and links it into place: a reader sees a whole key or none, and of two
/// gateways that start at once one wins.
fn create_key(folder: &Path, path: &Path) -> io::Result<()> {
    let key = random_key().map_err(|problem| io::Error::other(problem.what))?;
    let digits = Zeroizing::new(hex::HEXLOWER.encode(&*key));
    let name = path.file_name().unwrap_or_default().display();
    let draft = folder.join(format!("{name}.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let written =
        file.write_all(digits.as_bytes()).and_then(|()| file.write_all(b"\n")).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    });
    fs::remove_file(&draft)?;
    linked?;
    File::open(folder)?.sync_all()
}

fn read(key: &KeyUse, path: &Path) -> Result<MasterKey, Problem> {
    let shown = path.display();
    let problem = |what: String, help: String| Problem::error(key.setting, what, help);
    let mut file = os::open_to_reread(path).map_err(|error| {
        problem(
            format!("cannot read {shown}: {error}"),
            "give the path of a key file, or remove the key to use the state folder".to_owned(),
        )
    })?;
    // The mode of what was opened, not of what the name may mean by now.
    let mode = file
        .metadata()
        .map(|data| data.mode() & 0o777)
        .map_err(|error| problem(format!("cannot look at {shown}: {error}"), String::new()))?;
    if os::is_open_to_others(mode) {
        return Err(problem(
            format!("others may read or change {shown} (mode {mode:03o})"),
            format!("chmod 600 {shown}"),
        ));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(128));
    Read::take(&mut file, 128)
        .read_to_end(&mut text)
        .map_err(|error| problem(format!("cannot read {shown}: {error}"), String::new()))?;
    decode(text.trim_ascii())
        .ok_or_else(|| problem(format!("{shown} does not hold 64 hexadecimal digits"), key.advice.to_owned()))
}

fn decode(digits: &[u8]) -> Option<MasterKey> {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    hex::decode_into(digits, &mut *key).then_some(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn settings_in(folder: &Path) -> Settings {
        let mut settings = Settings::default();
        settings.state.dir = Some(folder.to_path_buf());
        settings
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_key_is_made_once_and_kept_private() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings_in(&folder.path().join("a/b"));
        let first = master_key(&settings, MissingKey::Create).unwrap();
        assert_ne!(*first, [0; KEY_LEN]);
        assert_eq!(*master_key(&settings, MissingKey::Create).unwrap(), *first);
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&folder.path().join("a/b")), 0o700);
        assert_eq!(mode(&folder.path().join("a/b/master.key")), 0o600);
        assert_eq!(fs::read_dir(folder.path().join("a/b")).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn without_leave_to_create_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings_in(&folder.path().join("new"));
        assert!(master_key(&settings, MissingKey::Invent).is_ok());
        assert!(master_key(&settings, MissingKey::Refuse).unwrap_err().what.contains("was deleted"));
        assert_eq!(StateMarker::of(&settings), None);
        assert!(!folder.path().join("new").exists());
    }

    #[test]
    fn of_many_that_start_at_once_all_get_the_same_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        create_key(folder.path(), &path).unwrap();
        let key = fs::read(&path).unwrap();
        create_key(folder.path(), &path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), key);
    }

    #[test]
    fn open_permissions_are_refused_with_the_command_to_run() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings_in(folder.path());
        master_key(&settings, MissingKey::Create).unwrap();
        let path = folder.path().join(KEY_FILE);
        for mode in [0o640, 0o604, 0o620, 0o644] {
            set_mode(&path, mode);
            let problem = master_key(&settings, MissingKey::Create).unwrap_err();
            assert_eq!(problem.help, format!("chmod 600 {}", path.display()));
            assert!(problem.what.contains(&format!("(mode {mode:03o})")), "{}", problem.what);
        }
        set_mode(&path, 0o400);
        assert!(master_key(&settings, MissingKey::Create).is_ok());
        fs::remove_file(&path).unwrap();
        set_mode(folder.path(), 0o770);
        let problem = master_key(&settings, MissingKey::Create).unwrap_err();
        assert_eq!(problem.help, format!("chmod 700 {}", folder.path().display()));
    }

    #[test]
    fn damaged_and_missing_keys_are_named_and_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = settings_in(folder.path());
        let path = folder.path().join(KEY_FILE);
        fs::write(&path, "ab".repeat(31)).unwrap();
        set_mode(&path, 0o600);
        assert!(
            master_key(&settings, MissingKey::Create).unwrap_err().what.contains("64 hexadecimal digits")
        );
        settings.tokens.key_file = Some(folder.path().join("other.key"));
        assert!(
            master_key(&settings, MissingKey::Create).unwrap_err().what.contains("other.key: No such file")
        );
        assert!(!folder.path().join("other.key").exists());
        settings.tokens.key_file = None;
        settings.tokens.key = Some(crate::config::Secret::new("0A".repeat(32)));
        assert_eq!(*master_key(&settings, MissingKey::Create).unwrap(), [10; KEY_LEN]);
    }

    #[test]
    fn a_key_that_is_a_link_to_itself_is_told_and_not_invented() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(KEY_FILE);
        std::os::unix::fs::symlink(&path, &path).unwrap();
        for missing in [MissingKey::Create, MissingKey::Invent, MissingKey::Refuse] {
            let problem = master_key(&settings_in(folder.path()), missing).unwrap_err();
            assert!(problem.what.starts_with(&format!("cannot read {}", path.display())), "{}", problem.what);
        }
    }

    #[test]
    fn the_folder_is_the_configured_one_or_the_usual_one() {
        let home = |name: &str| (name == "HOME").then(|| PathBuf::from("/home/a"));
        let none = |_: &str| None;
        let systemd = |name: &str| (name == "STATE_DIRECTORY").then(|| PathBuf::from("/var/lib/x"));
        assert_eq!(choose_folder(Some(Path::new("/s")), true, systemd), Path::new("/s"));
        assert_eq!(choose_folder(None, false, systemd), Path::new("/var/lib/x"));
        assert_eq!(choose_folder(None, true, home), Path::new("/var/lib/aegis-gateway"));
        assert_eq!(choose_folder(None, false, home), Path::new("/home/a/.local/state/aegis-gateway"));
        assert_eq!(choose_folder(None, false, none), Path::new("/var/lib/aegis-gateway"));
    }
}
