//! A running coordinator, from its start to its end.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::{info, warn};

use crate::authority::load_or_make;
use crate::config::Settings;
use crate::grpc::{Bound, GrpcServer};
use crate::parts;
use crate::service::Service;
use crate::storage::{Database, day_of, new_id, now};
use crate::{http, storage};

/// How long a start waits for another process that makes the tables.
const SCHEMA_PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks after partitions and expired events.
const MAINTENANCE_EVERY: Duration = Duration::from_secs(3_600);
/// The same while expired events are left.
const MAINTENANCE_AGAIN: Duration = Duration::from_secs(1);
/// Between two times that the write-ahead log is bounded.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(10);

/// Runs until it is asked to stop; the error is for people.
pub async fn run(settings: Settings) -> Result<(), String> {
    let database = parts::open_database(&settings).map_err(|error| error.to_string())?;
    if settings.database.url.is_none() {
        database.migrate().await.map_err(|error| error.to_string())?;
    }
    database.wait_for_schema(SCHEMA_PATIENCE).await.map_err(|error| error.to_string())?;
    database
        .maintain_events(day_of(now()))
        .await
        .map_err(|error| format!("making room for events: {error}"))?;
    let sealer = parts::sealer(&settings, true).map_err(|error| error.to_string())?;
    let authority = load_or_make(&database, &sealer).await.map_err(|error| error.to_string())?;

    let http = TcpListener::bind(settings.http.listen)
        .await
        .map_err(|error| format!("http.listen: cannot listen on {}: {error}", settings.http.listen))?;
    let bound = Bound::bind(settings.grpc.listen)
        .await
        .map_err(|error| format!("grpc.listen: cannot listen on {}: {error}", settings.grpc.listen))?;
    let service = Service {
        database: database.clone(),
        authority: Arc::new(authority),
        settings: Arc::new(settings.coordinator),
        name: new_id("coord").into(),
    };
    let address = |listener: std::io::Result<std::net::SocketAddr>| {
        listener.map_or_else(|_| "?".to_owned(), |address| address.to_string())
    };
    info!(
        http = address(http.local_addr()),
        grpc = address(bound.address()),
        database = database.engine(),
        "the coordinator runs"
    );

    let (ask, stop) = watch::channel(false);
    let grpc = GrpcServer::new(service.clone(), &settings.grpc)?;
    let maintaining = tokio::spawn(maintain(database.clone()));
    let bounding = tokio::spawn(bound_log(database));
    let serving =
        async { tokio::try_join!(grpc.serve(bound, stop.clone()), http::serve(http, service, stop.clone())) };
    let mut serving = std::pin::pin!(serving);
    let served = tokio::select! {
        served = &mut serving => served,
        () = asked_to_stop() => {
            info!("the coordinator stops");
            // Whoever serves holds the other end.
            let _ = ask.send(true);
            serving.await
        }
    };
    maintaining.abort();
    bounding.abort();
    served.map(drop)
}

/// Waits for SIGTERM or SIGINT.
async fn asked_to_stop() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        warn!("signals cannot be taken: only SIGKILL stops this process");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Makes partitions ahead and drops what is expired.
async fn maintain(database: Database) {
    let mut pause = MAINTENANCE_EVERY;
    loop {
        tokio::time::sleep(pause).await;
        match database.maintain_events(day_of(now())).await {
            Ok(done) => pause = if done.is_unfinished { MAINTENANCE_AGAIN } else { MAINTENANCE_EVERY },
            Err(error) => warn!(%error, "cannot look after the partitions of events"),
        }
    }
}

/// Bounds the write-ahead log of the embedded database.
async fn bound_log(database: Database) {
    loop {
        tokio::time::sleep(CHECKPOINT_EVERY).await;
        match database.checkpoint().await {
            Ok(()) | Err(storage::Error::Conflict { .. }) => {}
            Err(error) => warn!(%error, "cannot bound the database's write-ahead log"),
        }
    }
}
