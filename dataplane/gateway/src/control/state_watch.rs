//! Looks once a second whether the state folder is still there.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::shared::Shared;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Watches `path` for ever, on a thread that may wait: a disk that does not answer keeps nobody else.
pub(super) async fn keep_watch(shared: Arc<Shared>, path: PathBuf) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        let looked_for = path.clone();
        let looked = tokio::task::spawn_blocking(move || looked_for.symlink_metadata()).await;
        let is_gone = matches!(looked, Ok(Err(error)) if error.kind() == ErrorKind::NotFound);
        if !shared.state_folder.set_gone(is_gone) {
            continue;
        }
        let file = path.display();
        if is_gone {
            tracing::error!(%file, "the state folder was deleted, or the master key in it: the next start would make other tokens; put it back");
        } else {
            tracing::info!(%file, "what was deleted of the state folder is back");
        }
    }
}
