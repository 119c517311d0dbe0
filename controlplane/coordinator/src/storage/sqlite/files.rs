//! The file of the embedded database: on a local disk, readable by its owner alone.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::sys::statfs::statfs;

use crate::storage::error::{Error, Result};

/// Kinds of file systems whose locks and shared memory do not hold between machines: what `statfs` reports, and a name.
const NETWORK: &[(i64, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x0102_1997, "9P"),
    (0x5346_414f, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x7461_636f, "OCFS2"),
];

/// Refuses a path on a network file system.
pub(super) fn refuse_network(path: &Path) -> Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let kind = statfs(folder).map_err(|error| {
        Error::Configuration(format!("{}: {error}: make the folder of the database first", folder.display()))
    })?;
    match network_name(kind.filesystem_type().0) {
        None => Ok(()),
        Some(name) => Err(Error::Configuration(format!(
            "{}: SQLite loses data on a network file system ({name}): use a local disk, or PostgreSQL",
            path.display()
        ))),
    }
}

fn network_name(kind: i64) -> Option<&'static str> {
    // Numbers over 2^31 may come with their sign spread.
    NETWORK.iter().find(|(known, _)| *known == kind & 0xffff_ffff).map(|(_, name)| *name)
}

/// Makes the file for its owner alone, when it is not there.
pub(super) fn make_private(path: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Error::Configuration(format!("{}: {error}", path.display()))),
    }
}

/// The path of a file that SQLite keeps beside the database.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_known_with_and_without_a_spread_sign() {
        assert_eq!(network_name(0x6969), Some("NFS"));
        assert_eq!(network_name(0xff53_4d42), Some("CIFS"));
        assert_eq!(network_name(i64::from(0xff53_4d42_u32.cast_signed())), Some("CIFS"));
        assert_eq!(network_name(0xef53), None, "ext4");
    }

    #[test]
    fn a_new_file_is_its_owners_alone_and_an_old_one_stays() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.db");
        make_private(&path).expect("made");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "x").expect("written");
        make_private(&path).expect("stays");
        assert_eq!(std::fs::read(&path).expect("read"), b"x");
        assert!(refuse_network(&folder.path().join("missing/a.db")).is_err());
        refuse_network(&path).expect("a local disk");
    }
}
