//! The fleet: gateways, which organisations they serve, their processes, and what these report.

use super::clock::{Micros, now};
use super::database::Tx;
use super::error::{Error, Result};
use super::ids::new_id;
use super::organisations::check_name;
use super::paging::{List, list, with_one_more};
use super::scope::Operator;
use super::value::{Row, values};

/// The organisation of gateways and join keys of the operator's shared pool; no organisation can have this id.
pub const SHARED_POOL: &str = "*";

/// A gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Its id.
    pub id: String,
    /// The organisation it belongs to, or [`SHARED_POOL`].
    pub organisation: String,
    /// The environment it was enrolled for.
    pub environment: Option<String>,
    /// Its name.
    pub name: String,
    /// Whether its certificate is refused.
    pub is_revoked: bool,
    /// What its signatures are checked with.
    pub public_key: Vec<u8>,
    /// The newest certificate it was given.
    pub certificate_serial: Option<String>,
    /// When that one expires.
    pub certificate_expires: Option<Micros>,
    /// When it was enrolled.
    pub enrolled: Micros,
}

/// A gateway that enrols.
#[derive(Debug, Clone)]
pub struct NewGateway<'n> {
    /// The organisation it belongs to, or [`SHARED_POOL`].
    pub organisation: &'n str,
    /// Its environment.
    pub environment: Option<&'n str>,
    /// Its name.
    pub name: &'n str,
    /// What its signatures are checked with.
    pub public_key: &'n [u8],
    /// The join key it came with.
    pub join_key: Option<&'n str>,
}

const COLUMNS: &str = "gateway_id, organisation_id, environment_id, name, state, public_key, certificate_serial, \
    certificate_expires_us, enrolled_us";

fn gateway(row: &Row) -> Result<Gateway> {
    Ok(Gateway {
        id: row.get("gateway_id")?,
        organisation: row.get("organisation_id")?,
        environment: row.get("environment_id")?,
        name: row.get("name")?,
        is_revoked: row.get::<String>("state")? != "active",
        public_key: row.get("public_key")?,
        certificate_serial: row.get("certificate_serial")?,
        certificate_expires: row.get("certificate_expires_us")?,
        enrolled: row.get("enrolled_us")?,
    })
}

/// Enrols a gateway and returns its id. One of an organisation serves that organisation from now on.
pub async fn enrol(tx: &mut Tx<Operator>, new: &NewGateway<'_>) -> Result<String> {
    check_name(new.name)?;
    let id = new_id("gw");
    let time = now();
    tx.execute(
        "INSERT INTO gateways (organisation_id, gateway_id, environment_id, name, state, public_key, join_key_id, \
            enrolled_us) VALUES ($1, $2, $3, $4, 'active', $5, $6, $7)",
        values![new.organisation, &id, new.environment, new.name, new.public_key, new.join_key, time],
    )
    .await?;
    if new.organisation != SHARED_POOL {
        assign(tx, new.organisation, &id).await?;
    }
    Ok(id)
}

/// Lets a gateway serve an organisation.
pub async fn assign(tx: &mut Tx<Operator>, organisation: &str, gateway: &str) -> Result<()> {
    let sql = "INSERT INTO gateway_assignments (organisation_id, gateway_id, assigned_us) VALUES ($1, $2, $3) \
               ON CONFLICT (organisation_id, gateway_id) DO NOTHING";
    tx.execute(sql, values![organisation, gateway, now()]).await.map(drop)
}

/// Ends that a gateway serves an organisation.
pub async fn unassign(tx: &mut Tx<Operator>, organisation: &str, gateway: &str) -> Result<()> {
    let sql = "DELETE FROM gateway_assignments WHERE organisation_id = $1 AND gateway_id = $2";
    tx.execute_one("assignment", sql, values![organisation, gateway]).await
}

/// The organisations that a gateway serves.
pub async fn assignments(tx: &mut Tx<Operator>, gateway: &str) -> Result<Vec<String>> {
    let sql =
        "SELECT organisation_id FROM gateway_assignments WHERE gateway_id = $1 ORDER BY organisation_id";
    tx.query(sql, values![gateway]).await?.iter().map(|row| row.get("organisation_id")).collect()
}

/// A gateway by its id.
pub async fn find(tx: &mut Tx<Operator>, id: &str) -> Result<Gateway> {
    let sql = format!("SELECT {COLUMNS} FROM gateways WHERE gateway_id = $1");
    gateway(&tx.query_first(&sql, values![id]).await?.ok_or(Error::NotFound("gateway"))?)
}

/// The gateways of an organisation, or of the shared pool.
pub async fn of_organisation(
    tx: &mut Tx<Operator>,
    organisation: &str,
    after: Option<&str>,
    limit: u32,
) -> Result<List<Gateway>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM gateways WHERE organisation_id = $1 AND gateway_id > $2 ORDER BY gateway_id LIMIT $3"
    );
    let parameters = values![organisation, after.unwrap_or_default(), with_one_more(limit)];
    let rows = tx.query(&sql, parameters).await?;
    list(&rows, limit, gateway, |gateway| &gateway.id)
}

/// Notes the certificate that a gateway was given.
pub async fn certify(tx: &mut Tx<Operator>, id: &str, serial: &str, expires: Micros) -> Result<()> {
    let sql = "UPDATE gateways SET certificate_serial = $1, certificate_expires_us = $2 \
               WHERE gateway_id = $3 AND state = 'active'";
    tx.execute_one("gateway", sql, values![serial, expires, id]).await
}

/// Refuses a gateway from now on.
pub async fn revoke(tx: &mut Tx<Operator>, id: &str) -> Result<()> {
    tx.execute_one("gateway", "UPDATE gateways SET state = 'revoked' WHERE gateway_id = $1", values![id])
        .await
}

/// A process of a gateway that says who it is.
#[derive(Debug, Clone)]
pub struct Hello<'h> {
    /// The gateway.
    pub gateway: &'h str,
    /// The process.
    pub boot: &'h str,
    /// The process whose place it takes, if it knows of one.
    pub takes_over: Option<&'h str>,
    /// The coordinator it speaks to.
    pub coordinator: &'h str,
    /// Where it comes from.
    pub address: &'h str,
    /// When it is.
    pub time: Micros,
    /// Microseconds of silence after which a process counts as gone.
    pub stale_after: Micros,
}

/// What becomes of a process that says hello.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Welcome {
    /// It may ship events and is sent policies.
    Admitted,
    /// Another process with the same identity lives: this one is refused, and the conflict is kept for the operator.
    Refused {
        /// The one that lives.
        live_boot: String,
    },
}

/// Admits a process of a gateway. Two at a time are admitted only when the second names the first as the one it takes
/// over from; then both may ship until the first one ends.
pub async fn hello(tx: &mut Tx<Operator>, hello: &Hello<'_>) -> Result<Welcome> {
    let sql = "SELECT state FROM gateways WHERE gateway_id = $1";
    let row = tx.query_locked(sql, values![hello.gateway]).await?;
    if row.first().ok_or(Error::NotFound("gateway"))?.get::<String>("state")? != "active" {
        return Err(Error::Refused("this gateway was revoked".into()));
    }
    let sql = "SELECT boot_id FROM gateway_boots \
               WHERE gateway_id = $1 AND boot_id <> $2 AND ended_us IS NULL AND seen_us > $3 ORDER BY started_us";
    let live = tx.query(sql, values![hello.gateway, hello.boot, hello.time - hello.stale_after]).await?;
    for row in &live {
        let live_boot: String = row.get("boot_id")?;
        if hello.takes_over != Some(live_boot.as_str()) && !is_taken_over(tx, hello, &live_boot).await? {
            note_conflict(tx, hello, &live_boot).await?;
            return Ok(Welcome::Refused { live_boot });
        }
    }
    // Those that fell silent do not come back: a process that does says hello, and is judged like any other.
    let sql = "UPDATE gateway_boots SET ended_us = seen_us \
               WHERE gateway_id = $1 AND boot_id <> $2 AND ended_us IS NULL AND seen_us <= $3";
    tx.execute(sql, values![hello.gateway, hello.boot, hello.time - hello.stale_after]).await?;
    let sql = "INSERT INTO gateway_boots (gateway_id, boot_id, takes_over, coordinator, started_us, seen_us) \
               VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (gateway_id, boot_id) \
               DO UPDATE SET coordinator = excluded.coordinator, seen_us = excluded.seen_us, ended_us = NULL";
    let parameters = values![hello.gateway, hello.boot, hello.takes_over, hello.coordinator, hello.time];
    tx.execute(sql, parameters).await?;
    Ok(Welcome::Admitted)
}

/// Whether the process that lives and the one that says hello were admitted together: one of them took over from the
/// other, and comes back after its connection broke.
async fn is_taken_over(tx: &mut Tx<Operator>, hello: &Hello<'_>, live_boot: &str) -> Result<bool> {
    let sql = "SELECT takes_over FROM gateway_boots WHERE gateway_id = $1 AND boot_id = $2";
    let live = tx.query_first(sql, values![hello.gateway, live_boot]).await?;
    let live_takes: Option<String> = live.map_or(Ok(None), |row| row.get("takes_over"))?;
    let own = tx.query_first(sql, values![hello.gateway, hello.boot]).await?;
    let own_takes: Option<String> = own.map_or(Ok(None), |row| row.get("takes_over"))?;
    Ok(live_takes.as_deref() == Some(hello.boot) || own_takes.as_deref() == Some(live_boot))
}

async fn note_conflict(tx: &mut Tx<Operator>, hello: &Hello<'_>, live_boot: &str) -> Result<()> {
    let sql = "INSERT INTO gateway_conflicts (gateway_id, boot_id, live_boot_id, address, seen_us) \
               VALUES ($1, $2, $3, $4, $5) ON CONFLICT (gateway_id, boot_id, live_boot_id) \
               DO UPDATE SET address = excluded.address, seen_us = excluded.seen_us";
    let parameters = values![hello.gateway, hello.boot, live_boot, hello.address, hello.time];
    tx.execute(sql, parameters).await.map(drop)
}

/// Two processes with one identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The process that was refused.
    pub boot: String,
    /// The process that lived.
    pub live_boot: String,
    /// Where the refused one came from.
    pub address: String,
    /// When it last tried.
    pub seen: Micros,
}

/// Conflicts of a gateway's identity, the newest first, at most `limit`.
pub async fn conflicts(tx: &mut Tx<Operator>, gateway: &str, limit: u32) -> Result<Vec<Conflict>> {
    let sql = "SELECT boot_id, live_boot_id, address, seen_us FROM gateway_conflicts \
               WHERE gateway_id = $1 ORDER BY seen_us DESC LIMIT $2";
    let rows = tx.query(sql, values![gateway, limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(Conflict {
                boot: row.get("boot_id")?,
                live_boot: row.get("live_boot_id")?,
                address: row.get("address")?,
                seen: row.get("seen_us")?,
            })
        })
        .collect()
}

/// Notes that a process is there. False: it was ended, and must say hello again.
pub async fn seen(tx: &mut Tx<Operator>, gateway: &str, boot: &str, time: Micros) -> Result<bool> {
    let sql =
        "UPDATE gateway_boots SET seen_us = $1 WHERE gateway_id = $2 AND boot_id = $3 AND ended_us IS NULL";
    Ok(tx.execute(sql, values![time, gateway, boot]).await? > 0)
}

/// Notes that a process has ended.
pub async fn goodbye(tx: &mut Tx<Operator>, gateway: &str, boot: &str, time: Micros) -> Result<()> {
    let sql =
        "UPDATE gateway_boots SET ended_us = $1 WHERE gateway_id = $2 AND boot_id = $3 AND ended_us IS NULL";
    tx.execute(sql, values![time, gateway, boot]).await.map(drop)
}

/// What a process reports of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The gateway.
    pub gateway: String,
    /// The process.
    pub boot: String,
    /// When it came.
    pub received: Micros,
    /// Version and build.
    pub build: String,
    /// Whether it takes no new connections.
    pub is_draining: bool,
    /// Age of the oldest event that was not shipped, in microseconds.
    pub oldest_unsent: Option<Micros>,
    /// By how much its clock is ahead.
    pub clock_skew: Micros,
    /// Which key its tokens are made with.
    pub token_key_fingerprint: String,
    /// Its last error.
    pub last_error: Option<String>,
    /// All of the report, as JSON.
    pub document: String,
}

const REPORT_COLUMNS: &str = "gateway_id, boot_id, received_us, build, is_draining, oldest_unsent_us, clock_skew_us, \
    token_key_fingerprint, last_error, document";

fn report(row: &Row) -> Result<Report> {
    Ok(Report {
        gateway: row.get("gateway_id")?,
        boot: row.get("boot_id")?,
        received: row.get("received_us")?,
        build: row.get("build")?,
        is_draining: row.get("is_draining")?,
        oldest_unsent: row.get("oldest_unsent_us")?,
        clock_skew: row.get("clock_skew_us")?,
        token_key_fingerprint: row.get("token_key_fingerprint")?,
        last_error: row.get("last_error")?,
        document: row.get("document")?,
    })
}

/// Keeps the newest report of a process.
pub async fn keep_report(tx: &mut Tx<Operator>, report: &Report) -> Result<()> {
    let sql = format!(
        "INSERT INTO gateway_reports ({REPORT_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
         ON CONFLICT (gateway_id, boot_id) DO UPDATE SET received_us = excluded.received_us, build = excluded.build, \
            is_draining = excluded.is_draining, oldest_unsent_us = excluded.oldest_unsent_us, \
            clock_skew_us = excluded.clock_skew_us, token_key_fingerprint = excluded.token_key_fingerprint, \
            last_error = excluded.last_error, document = excluded.document"
    );
    let parameters = values![
        &report.gateway,
        &report.boot,
        report.received,
        &report.build,
        report.is_draining,
        report.oldest_unsent,
        report.clock_skew,
        &report.token_key_fingerprint,
        report.last_error.as_ref(),
        &report.document,
    ];
    tx.execute(&sql, parameters).await.map(drop)
}

/// The newest reports of the gateways that serve an organisation, of processes that have not ended.
pub async fn reports(tx: &mut Tx<Operator>, organisation: &str) -> Result<Vec<Report>> {
    let columns =
        REPORT_COLUMNS.split(", ").map(|name| format!("r.{}", name.trim())).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT {columns} FROM gateway_reports r \
         JOIN gateway_assignments a ON a.gateway_id = r.gateway_id AND a.organisation_id = $1 \
         JOIN gateway_boots b ON b.gateway_id = r.gateway_id AND b.boot_id = r.boot_id AND b.ended_us IS NULL \
         ORDER BY r.gateway_id, r.boot_id"
    );
    tx.query(&sql, values![organisation]).await?.iter().map(report).collect()
}
