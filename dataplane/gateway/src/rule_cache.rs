//! Compiled rules on disk, so that a start takes milliseconds and not the time of a compilation.
//!
//! The engine trusts the databases it is given: a made-up one could make it read and write memory at will. So a file is
//! used only if this user owns it and its folder, and nobody else may write to either, and only if it is sealed with
//! the key that lies beside it, which nobody else may read: bytes that another program put, left or changed here never
//! reach the engine. What remains is whoever can read and write as this user, and that one needs no detour. Nothing
//! here is worth not starting for: without a usable place the rules are compiled each time.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aegis_detect::{CacheKey, RuleError, Rules, Selection};
use nix::fcntl::OFlag;
use zeroize::Zeroizing;

use crate::config::Settings;
use crate::os::OTHERS_WRITE;
use crate::state_dir;

/// Files that are kept, the newest ones.
const KEEP: usize = 8;
/// A larger file is none of ours.
const MAX_FILE: u64 = 64 << 20;
/// What a writer that died has left behind is removed after this time.
const ABANDONED: Duration = Duration::from_secs(3_600);
/// Permissions of others that make a key unfit: any.
const OTHERS_ANYTHING: u32 = 0o077;
/// The key that caches are sealed with, made with the first of them.
const SEAL: &str = "rules-seal.key";
const PREFIX: &str = "rules-";
const SUFFIX: &str = ".db";
const UNFINISHED: &str = ".tmp";

/// A place for compiled rules, or none.
#[derive(Debug, Clone, Default)]
pub struct RuleCache {
    folder: Option<PathBuf>,
    read_only: bool,
}

/// Where rules came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RulesOrigin {
    /// From the file.
    Cache,
    /// They were compiled.
    Compiled,
}

impl RuleCache {
    /// The place of the person who types a command: `$AEGIS_CACHE_DIR`, `$XDG_CACHE_HOME/aegis` or `~/.cache/aegis`.
    pub fn of_user() -> RuleCache {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = variable("AEGIS_CACHE_DIR")
            .or_else(|| variable("XDG_CACHE_HOME").map(|caches| caches.join("aegis")))
            .or_else(|| variable("HOME").map(|home| home.join(".cache/aegis")));
        RuleCache { folder, read_only: false }
    }

    /// The place of the gateway: `cache.dir`, or `cache` in the state folder.
    pub fn of_gateway(settings: &Settings) -> RuleCache {
        let folder = settings.cache.dir.clone().unwrap_or_else(|| state_dir::folder(settings).join("cache"));
        RuleCache { folder: Some(folder), read_only: false }
    }

    /// The same place, of which nothing is changed.
    #[must_use]
    pub fn read_only(self) -> RuleCache {
        RuleCache { read_only: true, ..self }
    }

    /// [`Rules::load`], from the cache if it holds them; otherwise they are put there.
    pub fn load(&self, selection: &Selection<'_>) -> Result<(Arc<Rules>, RulesOrigin), RuleError> {
        let Some(folder) = &self.folder else { return compile(selection) };
        let name = format!("{PREFIX}{}{SUFFIX}", Rules::cache_key(selection));
        match read_seal(folder).and_then(|seal| Ok((seal, read(folder, &name, OTHERS_WRITE)?))) {
            Ok((seal, bytes)) => match Rules::from_cache(selection, &seal, &bytes) {
                Ok(rules) => return Ok((rules, RulesOrigin::Cache)),
                Err(RuleError::StaleCache) => tracing::debug!(name, "compiled rules on disk are stale"),
                Err(error) => return Err(error),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::debug!(folder = %folder.display(), %error, "compiled rules cannot be used");
            }
        }
        let (rules, origin) = compile(selection)?;
        if !self.read_only {
            let kept = prepare(folder)
                .and_then(|()| seal_or_new(folder))
                .and_then(|seal| rules.to_cache(&seal).map_err(io::Error::other))
                .and_then(|bytes| write(folder, &name, &bytes))
                .and_then(|()| clean(folder));
            if let Err(error) = kept {
                tracing::debug!(folder = %folder.display(), %error, "compiled rules cannot be kept");
            }
        }
        Ok((rules, origin))
    }
}

fn compile(selection: &Selection<'_>) -> Result<(Arc<Rules>, RulesOrigin), RuleError> {
    Ok((Rules::load(selection)?, RulesOrigin::Compiled))
}

/// Refuses what another user owns or has one of these permissions to.
fn only_ours(data: &fs::Metadata, others: u32) -> io::Result<()> {
    let refuse = |what: &str| Err(io::Error::new(io::ErrorKind::PermissionDenied, what));
    if data.uid() != nix::unistd::geteuid().as_raw() {
        return refuse("another user owns it");
    }
    if data.mode() & others != 0 {
        return refuse("others may change or read it");
    }
    Ok(())
}

fn read_seal(folder: &Path) -> io::Result<CacheKey> {
    let bytes = Zeroizing::new(read(folder, SEAL, OTHERS_ANYTHING)?);
    let key = bytes.as_slice().try_into().map_err(io::Error::other)?;
    Ok(CacheKey::new(Zeroizing::new(key)))
}

/// The key of this place; one that is missing or unfit is made anew, and with it all caches here.
fn seal_or_new(folder: &Path) -> io::Result<CacheKey> {
    if let Ok(seal) = read_seal(folder) {
        return Ok(seal);
    }
    let mut key = Zeroizing::new([0; CacheKey::LEN]);
    getrandom::fill(&mut *key).map_err(io::Error::other)?;
    write(folder, SEAL, &*key)?;
    // Of two processes that start at once the later key counts, for both.
    read_seal(folder)
}

fn read(folder: &Path, name: &str, others: u32) -> io::Result<Vec<u8>> {
    only_ours(&fs::metadata(folder)?, OTHERS_WRITE)?;
    // A pipe would block, a link lead elsewhere.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(folder.join(name))?;
    // Of the file that is open, whatever has its name by now.
    let data = file.metadata()?;
    only_ours(&data, others)?;
    if !data.is_file() || data.len() > MAX_FILE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a cache of compiled rules"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(data.len()).unwrap_or_default());
    file.take(MAX_FILE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Makes the folder if it is missing.
fn prepare(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    only_ours(&fs::metadata(folder)?, OTHERS_WRITE)
}

/// Puts the file in its place whole or not at all.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = folder.join(format!("{name}.{}{UNFINISHED}", std::process::id()));
    let written = create(&unfinished)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&unfinished, folder.join(name)));
    if written.is_err() {
        // It may not exist.
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn create(path: &Path) -> io::Result<File> {
    let create = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match create() {
        // A process with our number died here before.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path).and_then(|()| create())
        }
        other => other,
    }
}

/// Removes all but the newest files, and what was never finished.
fn clean(folder: &Path) -> io::Result<()> {
    let mut files: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        // Another process may have removed it meanwhile.
        let Ok(changed) = entry.metadata().and_then(|data| data.modified()) else { continue };
        if name.ends_with(SUFFIX) {
            files.push((changed, entry.path()));
        } else if name.ends_with(UNFINISHED) && changed.elapsed().is_ok_and(|age| age > ABANDONED) {
            let _ = fs::remove_file(entry.path());
        }
    }
    files.sort_by(|(a, _), (b, _)| b.cmp(a));
    for (_, path) in files.iter().skip(KEEP) {
        let _ = fs::remove_file(path);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn cache(folder: &Path) -> RuleCache {
        RuleCache { folder: Some(folder.to_path_buf()), read_only: false }
    }

    fn origin(cache: &RuleCache) -> RulesOrigin {
        cache.load(&Selection::default()).expect("the built-in rules").1
    }

    fn only_file(folder: &Path) -> PathBuf {
        let mut files: Vec<PathBuf> =
            fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        files.retain(|path| !path.ends_with(SEAL));
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    }

    #[test]
    fn rules_are_kept_and_taken_again() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = place.path().join("new/aegis");
        assert_eq!(origin(&cache(&folder).read_only()), RulesOrigin::Compiled);
        assert!(!folder.exists(), "nothing is changed");
        assert_eq!(origin(&cache(&folder)), RulesOrigin::Compiled);
        let file = only_file(&folder);
        let mode = |path: &Path| fs::metadata(path).expect("there").mode() & 0o777;
        assert_eq!((mode(&folder), mode(&file), mode(&folder.join(SEAL))), (0o700, 0o600, 0o600));
        assert_eq!(origin(&cache(&folder)), RulesOrigin::Cache);
        assert_eq!(origin(&cache(&folder).read_only()), RulesOrigin::Cache);
        assert_eq!(origin(&RuleCache::default()), RulesOrigin::Compiled);
    }

    #[test]
    fn what_is_damaged_is_written_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = cache(folder.path());
        origin(&cache);
        let file = only_file(folder.path());
        let good = fs::read(&file).expect("there");
        for bad in [&good[..good.len() - 1], b"", b"\0"] {
            fs::write(&file, bad).expect("ours");
            assert_eq!(origin(&cache), RulesOrigin::Compiled);
            assert_eq!(origin(&cache), RulesOrigin::Cache);
        }
    }

    #[test]
    fn what_others_could_have_written_is_not_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = cache(folder.path());
        origin(&cache);
        let file = only_file(folder.path());
        for mode in [0o620, 0o602, 0o666] {
            set_mode(&file, mode);
            assert_eq!(origin(&cache.clone().read_only()), RulesOrigin::Compiled, "{mode:o}");
        }
        assert_eq!(origin(&cache), RulesOrigin::Compiled);
        assert_eq!(origin(&cache), RulesOrigin::Cache, "it was written again");
        set_mode(folder.path(), 0o777);
        assert_eq!(origin(&cache), RulesOrigin::Compiled);
        set_mode(folder.path(), 0o700);
        let elsewhere = tempfile::tempdir().expect("a folder");
        fs::rename(&file, elsewhere.path().join("x")).expect("moved");
        symlink(elsewhere.path().join("x"), &file).expect("a link");
        assert_eq!(origin(&cache.clone().read_only()), RulesOrigin::Compiled);
        if nix::unistd::geteuid().is_root() {
            origin(&cache);
            std::os::unix::fs::chown(&file, Some(12_345), None).expect("root");
            assert_eq!(origin(&cache.clone().read_only()), RulesOrigin::Compiled, "another user's file");
        }
    }

    #[test]
    fn what_another_key_sealed_is_not_used() {
        let [ours, theirs] = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
        assert_eq!(origin(&cache(ours.path())), RulesOrigin::Compiled);
        assert_eq!(origin(&cache(theirs.path())), RulesOrigin::Compiled);
        let (file, key) = (only_file(ours.path()), ours.path().join(SEAL));
        fs::copy(only_file(theirs.path()), &file).expect("ours");
        set_mode(&file, 0o600);
        assert_eq!(
            origin(&cache(ours.path()).read_only()),
            RulesOrigin::Compiled,
            "whole, but of another place"
        );
        assert_eq!(origin(&cache(ours.path())), RulesOrigin::Compiled);
        assert_eq!(origin(&cache(ours.path())), RulesOrigin::Cache, "it was written again");
        for mode in [0o640, 0o604, 0o620] {
            set_mode(&key, mode);
            assert_eq!(
                origin(&cache(ours.path()).read_only()),
                RulesOrigin::Compiled,
                "a key that others have"
            );
        }
        let known = fs::read(&key).expect("ours");
        for bad in [&known[1..], b""] {
            fs::write(&key, bad).expect("ours");
            assert_eq!(origin(&cache(ours.path())), RulesOrigin::Compiled);
            assert_ne!(fs::read(&key).expect("ours"), known, "a new key");
            assert_eq!(origin(&cache(ours.path())), RulesOrigin::Cache);
        }
        fs::remove_file(&key).expect("ours");
        assert_eq!(origin(&cache(ours.path()).read_only()), RulesOrigin::Compiled);
        assert!(!key.exists(), "nothing is changed");
    }

    #[test]
    fn an_unusable_place_is_no_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "").expect("ours");
        for place in [file.as_path(), &file.join("below"), Path::new("/proc/no/such/place")] {
            assert_eq!(origin(&cache(place)), RulesOrigin::Compiled);
        }
    }

    #[test]
    fn old_files_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |name: &str, age: u64| {
            let file = File::create(folder.path().join(name)).expect("ours");
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("ours");
        };
        for age in 0..=KEEP as u64 {
            put(&format!("rules-{age}.db"), age * 10);
        }
        put("rules-x.db.1.tmp", 10);
        put("rules-y.db.1.tmp", 2 * ABANDONED.as_secs());
        put("something else", 1_000_000);
        clean(folder.path()).expect("ours");
        let there = |name: &str| folder.path().join(name).exists();
        assert!(there("rules-0.db") && there(&format!("rules-{}.db", KEEP - 1)));
        assert!(!there(&format!("rules-{KEEP}.db")), "one more than is kept");
        assert!(there("rules-x.db.1.tmp") && !there("rules-y.db.1.tmp") && there("something else"));
    }
}
