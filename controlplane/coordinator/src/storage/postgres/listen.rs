//! Hints through LISTEN, on a connection of its own that no transaction pooler stands before.

use tokio::sync::mpsc;
use tokio_postgres::AsyncMessage;

use super::connect::Target;
use super::statement::fault;
use crate::storage::engine::Hints;
use crate::storage::error::Result;

/// Listens to `channel` until the connection ends or the hints are dropped.
pub(super) async fn listen(target: &Target, channel: &'static str) -> Result<Hints> {
    let (client, mut connection) = target.connect_raw().await?;
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        loop {
            let message = std::future::poll_fn(|context| connection.poll_message(context));
            let message = tokio::select! {
                message = message => message,
                () = sender.closed() => return,
            };
            match message {
                // One hint that waits is enough.
                Some(Ok(AsyncMessage::Notification(_))) => drop(sender.try_send(())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            }
        }
    });
    let sql = format!("LISTEN {channel}");
    client.batch_execute(&sql).await.map_err(|error| fault(&sql, &error))?;
    // The connection lives as long as its client.
    Ok(Hints::holding(receiver, Box::new(client)))
}
