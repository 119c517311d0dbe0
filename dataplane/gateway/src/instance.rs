//! The file by which a running gateway is found: who it is and where it listens.
//!
//! It lies in the state folder, which belongs to one user alone. What merely answers at a usual port may be anybody's
//! program, and would be handed the keys of providers; what this folder names is the user's own. A gateway keeps its
//! file locked as long as it lives, so that one left behind by a crash can be recognised.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::os::{self, NotedName};

/// What the names of these files begin with; the process number follows.
const PREFIX: &str = "gateway-";
const SUFFIX: &str = ".json";
/// Longest file that is read, in bytes.
const MAX_LEN: u64 = 64 << 10;

/// A running gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its process.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Addresses that take traffic.
    pub listen: Vec<SocketAddr>,
    /// Address of `/healthz`, `/readyz` and `/metrics`.
    pub admin: SocketAddr,
    /// Whether clients must speak TLS.
    pub tls: bool,
    /// Its address for clients, as configured.
    pub public_url: Option<String>,
    /// Its configuration file, absolute.
    pub config: Option<PathBuf>,
    /// Its audit file.
    pub audit: Option<PathBuf>,
    /// It ends with the tool that it was started for, so no other tool should rely on it.
    pub attached: bool,
}

impl Instance {
    /// The address that a tool on this machine is given, without a trailing slash. None where clients must speak TLS
    /// and no name is configured that a certificate could fit.
    pub fn url(&self) -> Option<String> {
        if let Some(url) = &self.public_url {
            return Some(url.trim_end_matches('/').to_owned());
        }
        let listen = self.listen.first().filter(|_| !self.tls)?;
        Some(format!("http://{}", reachable(*listen)))
    }
}

/// The address by which a listener is reached from this machine: one on all addresses, on loopback.
pub fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The file of this process; removed when dropped.
#[derive(Debug)]
pub struct Announced {
    name: NotedName,
    /// Locked as long as it is open.
    _file: File,
}

impl Announced {
    /// Its name.
    pub fn name(&self) -> &NotedName {
        &self.name
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        // One that cannot be removed is no longer locked, and says nothing.
        self.name.remove();
    }
}

/// Writes the file of `instance` into the state `folder`, and removes those that crashes have left there.
pub fn announce(folder: &Path, instance: &Instance) -> io::Result<Announced> {
    for path in files(folder) {
        if matches!(open_locked(&path), Ok(None)) {
            let _ = fs::remove_file(&path);
        }
    }
    let path = folder.join(format!("{PREFIX}{}{SUFFIX}", instance.pid));
    // Under another name until it is locked: a file without a lock would be taken for one that was left behind.
    let draft = path.with_extension("new");
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.try_lock().map_err(io::Error::from)?;
    let text = serde_json::to_vec(instance)?;
    file.write_all(&text).and_then(|()| fs::rename(&draft, &path)).inspect_err(|_| {
        let _ = fs::remove_file(&draft);
    })?;
    Ok(Announced { name: NotedName::note(path)?, _file: file })
}

/// All gateways that run with this state `folder`; those that serve any tool first, then by process number.
pub fn find(folder: &Path) -> Vec<Instance> {
    let mut found: Vec<Instance> =
        files(folder).filter_map(|path| read(open_locked(&path).ok()??).ok()).collect();
    found.sort_by_key(|instance| (instance.attached, instance.pid));
    found
}

fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let is_ours = |name: &str| {
        let number = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
        number.is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(move |entry| entry.file_name().to_str().is_some_and(is_ours)).map(|entry| entry.path())
}

/// The file if a living gateway has it locked.
fn open_locked(path: &Path) -> io::Result<Option<File>> {
    let file = os::open_to_reread(path)?;
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => Ok(Some(file)),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn read(file: File) -> io::Result<Instance> {
    let mut text = Vec::new();
    file.take(MAX_LEN).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    fn instance(pid: u32) -> Instance {
        Instance {
            pid,
            version: "1.2.3".to_owned(),
            listen: vec![SocketAddr::from(([0, 0, 0, 0], 8080))],
            admin: SocketAddr::from(([127, 0, 0, 1], 9901)),
            tls: false,
            public_url: None,
            config: None,
            audit: None,
            attached: false,
        }
    }

    #[test]
    fn a_gateway_is_found_as_long_as_it_lives() {
        let folder = tempfile::tempdir().unwrap();
        let own = announce(folder.path(), &instance(7)).unwrap();
        let other = announce(folder.path(), &Instance { attached: true, ..instance(3) }).unwrap();
        let found = find(folder.path());
        assert_eq!(found.iter().map(|one| one.pid).collect::<Vec<_>>(), [7, 3]);
        assert_eq!(found[0], instance(7));
        assert_eq!(fs::metadata(folder.path().join("gateway-7.json")).unwrap().mode() & 0o777, 0o600);
        drop((own, other));
        assert!(find(folder.path()).is_empty());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_crash_left_says_nothing_and_is_removed_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join("gateway-9.json");
        fs::write(&left, serde_json::to_vec(&instance(9)).unwrap()).unwrap();
        let others = folder.path().join("gateway-x.json");
        fs::write(&others, "{}").unwrap();
        assert!(find(folder.path()).is_empty());
        let _own = announce(folder.path(), &instance(7)).unwrap();
        assert!(!left.exists() && others.exists());
        assert!(find(&folder.path().join("missing")).is_empty());
    }

    #[test]
    fn the_address_is_one_that_a_tool_can_use() {
        assert_eq!(instance(1).url().as_deref(), Some("http://127.0.0.1:8080"));
        let wide = Instance { listen: vec!["[::]:1".parse().unwrap()], ..instance(1) };
        assert_eq!(wide.url().as_deref(), Some("http://[::1]:1"));
        let tls = Instance { tls: true, ..instance(1) };
        assert_eq!(tls.url(), None);
        let named = Instance { public_url: Some("https://gate.example/".to_owned()), ..tls };
        assert_eq!(named.url().as_deref(), Some("https://gate.example"));
    }
}
