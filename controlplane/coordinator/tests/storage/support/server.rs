//! A PostgreSQL server of this process: on a socket and a free port, in a temporary folder, gone with the process however
//! that ends.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use aegis_coordinator::storage::{Database, PostgresSettings, day_of, now};

/// Where Debian's package has its programs.
const PROGRAMS: &str = "/usr/lib/postgresql/15/bin";
/// How long the server may take to start on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(120);
/// A database with the schema, that others are copied from.
const TEMPLATE: &str = "migrated";

pub(crate) struct Server {
    pub(crate) folder: PathBuf,
    pub(crate) port: u16,
    /// Certificate of the authority that signed the server's.
    pub(crate) authority: PathBuf,
    names: AtomicU32,
    /// Its standard input is open as long as this process lives.
    _keeper: Keeper,
}

/// Keeps a program running until it is dropped, or this process has ended.
pub(crate) struct Keeper(Child);

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// A free port, by the system's choice.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// A command as somebody else than root, whom PostgreSQL refuses.
pub(crate) fn unprivileged(program: &Path) -> Command {
    if !nix::unistd::Uid::effective().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", user(), "--regid", group(), "--clear-groups"]).arg(program);
    command
}

fn user() -> &'static str {
    let is_there = Command::new("id").arg("postgres").output().is_ok_and(|out| out.status.success());
    if is_there { "postgres" } else { "nobody" }
}

fn group() -> &'static str {
    if user() == "postgres" { "postgres" } else { "nogroup" }
}

/// Gives a folder to the user of [`unprivileged`].
pub(crate) fn give(folder: &Path) {
    if nix::unistd::Uid::effective().is_root() {
        let owner = format!("{}:{}", user(), group());
        let status = Command::new("chown").arg("-R").arg(owner).arg(folder).status().expect("chown runs");
        assert!(status.success());
    }
}

/// Runs a program until this process ends, whatever ends it, and then removes `folder`. An immediate end is SIGQUIT
/// to PostgreSQL and SIGTERM to its pooler.
pub(crate) fn keep_running(command: &Command, folder: &Path) -> Keeper {
    let script = r#"folder=$1; shift; "$@" </dev/null & read -r _; kill -QUIT $!; kill -TERM $!; wait; rm -rf "$folder""#;
    let shell = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(folder)
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh runs");
    Keeper(shell)
}

impl Server {
    /// The server, started by whoever asks first.
    pub(crate) fn get() -> &'static Server {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Server::start)
    }

    fn start() -> Server {
        let folder = tempfile::Builder::new().prefix("aegis-pg.").tempdir().expect("a folder").keep();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("set");
        let data = folder.join("data");
        std::fs::create_dir(&data).expect("made");
        give(&folder);
        let mut init = unprivileged(&Path::new(PROGRAMS).join("initdb"));
        init.args([
            "--no-sync",
            "--auth=trust",
            "--locale=C",
            "--encoding=UTF8",
            "--username=postgres",
            "-D",
        ]);
        let out = init.arg(&data).current_dir("/").output().expect("initdb runs: install postgresql");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let authority = certificates(&folder);
        give(&folder);
        let port = free_port();
        let mut server = unprivileged(&Path::new(PROGRAMS).join("postgres"));
        server.arg("-D").arg(&data).arg("-k").arg(&folder).arg("-p").arg(port.to_string());
        let certificate = format!("ssl_cert_file={}", folder.join("server.pem").display());
        let key = format!("ssl_key_file={}", folder.join("server.key").display());
        for setting in [
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "full_page_writes=off",
            "max_connections=300",
            "max_locks_per_transaction=512",
            "shared_buffers=64MB",
            "ssl=on",
            &certificate,
            &key,
        ] {
            server.args(["-c", setting]);
        }
        let keeper = keep_running(&server, &folder);
        let server = Server { folder, port, authority, names: AtomicU32::new(0), _keeper: keeper };
        // A thread of its own: whoever asks for the server may be inside a runtime.
        std::thread::scope(|scope| {
            scope.spawn(|| super::runtime().block_on(server.prepare())).join().expect("prepared");
        });
        server
    }

    /// Makes the owner, and the database that others are copied from.
    async fn prepare(&self) {
        let begun = Instant::now();
        let client = loop {
            match self.connect("postgres").await {
                Ok(client) => break client,
                Err(error) => assert!(begun.elapsed() < PATIENCE, "the server does not start: {error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        client.batch_execute("CREATE ROLE aegis_owner LOGIN CREATEROLE").await.expect("made");
        client.batch_execute(&format!("CREATE DATABASE {TEMPLATE} OWNER aegis_owner")).await.expect("made");
        let database = Database::open_postgres(&self.settings(TEMPLATE)).expect("opened");
        database.migrate().await.expect("migrated");
        database.maintain_events(day_of(now())).await.expect("partitions");
        drop(database);
        // Copies are made of a database that nobody is connected to.
        client
            .batch_execute(&format!("ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false"))
            .await
            .expect("set");
        let sql =
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{TEMPLATE}'");
        client.batch_execute(&sql).await.expect("ended");
    }

    async fn connect(&self, database: &str) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        let (client, connection) =
            tokio_postgres::connect(&self.url("postgres", database), tokio_postgres::NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// A connection with every right.
    pub(crate) async fn superuser(&self, database: &str) -> tokio_postgres::Client {
        self.connect(database).await.expect("connected")
    }

    /// The URL of a role through the socket.
    pub(crate) fn url(&self, role: &str, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{role}@{folder}:{}/{database}", self.port)
    }

    /// Makes a database and returns its name.
    pub(crate) fn database(&self, is_migrated: bool) -> String {
        let name = format!("t{}", self.names.fetch_add(1, Ordering::SeqCst));
        let template = if is_migrated { TEMPLATE } else { "template0" };
        let mut psql = Command::new(Path::new(PROGRAMS).join("psql"))
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-p"])
            .arg(self.port.to_string())
            .arg("-h")
            .arg(&self.folder)
            .arg("postgres")
            .stdin(Stdio::piped())
            .spawn()
            .expect("psql runs");
        let sql = format!("CREATE DATABASE {name} OWNER aegis_owner TEMPLATE {template}");
        psql.stdin.take().expect("open").write_all(sql.as_bytes()).expect("written");
        assert!(psql.wait().expect("ended").success(), "{sql}");
        name
    }

    /// How the coordinator reaches a database.
    pub(crate) fn settings(&self, database: &str) -> PostgresSettings {
        PostgresSettings {
            owner: Some(self.url("aegis_owner", database)),
            ..super::settings(self.url("aegis_app", database), self.url("aegis_ingest", database))
        }
    }
}

/// Makes an authority and the server's certificate, and returns where the former's is.
fn certificates(folder: &Path) -> PathBuf {
    let authority_key = rcgen::KeyPair::generate().expect("a key");
    let mut authority = rcgen::CertificateParams::default();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&authority_key).expect("signed");
    let issuer = rcgen::Issuer::from_params(&authority, &authority_key);
    let key = rcgen::KeyPair::generate().expect("a key");
    let names = vec!["localhost".to_owned()];
    let server =
        rcgen::CertificateParams::new(names).expect("a name").signed_by(&key, &issuer).expect("signed");
    std::fs::write(folder.join("server.pem"), server.pem()).expect("written");
    let path = folder.join("server.key");
    std::fs::write(&path, key.serialize_pem()).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
    let path = folder.join("authority.pem");
    std::fs::write(&path, certificate.pem()).expect("written");
    path
}
