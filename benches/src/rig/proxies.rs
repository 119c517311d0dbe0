//! The programs compared, and their configurations: one worker, keep-alive on both sides, no access log,
//! replies to streaming requests passed on as they come. nginx runs three times, because it matters: with its stock
//! handling of request bodies (read to the end first, into a file above 16 KiB), reading them to the end into memory,
//! which is what a proxy does that holds a body, and passing them on as they come through a large buffer, which is the
//! fastest it can be made.

use super::process::{Running, free_address};
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A reverse proxy under measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proxy {
    /// Our gateway with its defaults: all rules, tokenizing, access log, audit log.
    Gateway,
    /// The same without access and audit log, as nginx and `HAProxy` run.
    GatewayQuiet,
    /// nginx, which scans nothing, with its stock handling of request bodies.
    Nginx,
    /// nginx that holds bodies in memory: `client_body_buffer_size 64m`.
    NginxMemory,
    /// nginx with `proxy_request_buffering off` and a body buffer of 128 KiB.
    NginxStream,
    /// `HAProxy`, which scans nothing.
    Haproxy,
}

impl Proxy {
    /// All of them, nginx first: it is what the others are compared with.
    pub const ALL: [Self; 6] =
        [Self::Nginx, Self::NginxMemory, Self::NginxStream, Self::Haproxy, Self::Gateway, Self::GatewayQuiet];

    /// Whether it tokenizes and restores.
    pub fn is_restoring(self) -> bool {
        matches!(self, Self::Gateway | Self::GatewayQuiet)
    }

    /// Whether the others are compared with it.
    pub fn is_base(self) -> bool {
        matches!(self, Self::Nginx | Self::NginxMemory | Self::NginxStream)
    }

    /// As printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "aegis",
            Self::GatewayQuiet => "aegis-quiet",
            Self::Nginx => "nginx",
            Self::NginxMemory => "nginx-memory",
            Self::NginxStream => "nginx-stream",
            Self::Haproxy => "haproxy",
        }
    }
}

/// Where programs are, where they run, and where their files go.
pub struct RigPaths<'a> {
    /// The gateway's program.
    pub gateway: PathBuf,
    /// Arguments for the gateway besides the rig's own.
    pub gateway_args: &'a [String],
    /// Temporary folder.
    pub folder: &'a Path,
    /// The backend.
    pub backend: SocketAddr,
    /// CPU of the proxies.
    pub cpu: usize,
    /// CPU of the rig.
    pub home: usize,
}

/// Finds a program in `PATH` or the system folders that `PATH` often leaves out.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    folders.map(|f| f.join(program)).find(|p| p.is_file())
}

/// Says which programs are missing and how to get them.
pub fn check(wanted: &[Proxy], gateway: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    for proxy in wanted {
        match proxy {
            Proxy::Gateway | Proxy::GatewayQuiet if !gateway.is_file() => missing
                .push(format!("{} is not there: cargo build --release -p aegis-gateway", gateway.display())),
            Proxy::Nginx | Proxy::NginxMemory | Proxy::NginxStream => missing.extend(absent("nginx")),
            Proxy::Haproxy => missing.extend(absent("haproxy")),
            Proxy::Gateway | Proxy::GatewayQuiet => {}
        }
    }
    missing.dedup();
    if missing.is_empty() { Ok(()) } else { Err(io::Error::other(missing.join("\n"))) }
}

fn absent(program: &str) -> Option<String> {
    find(program).is_none().then(|| format!("{program} is not installed: apt-get install {program}"))
}

impl RigPaths<'_> {
    /// Starts one proxy before the backend.
    pub fn start(&self, proxy: Proxy) -> io::Result<Running> {
        let address = free_address()?;
        let command = match proxy {
            Proxy::Nginx => self.nginx("nginx", address, "")?,
            Proxy::NginxMemory => self.nginx("nginx-memory", address, "client_body_buffer_size 64m;")?,
            Proxy::NginxStream => {
                let tuned = "proxy_request_buffering off; client_body_buffer_size 128k;";
                self.nginx("nginx-stream", address, tuned)?
            }
            Proxy::Haproxy => self.haproxy(address)?,
            Proxy::Gateway => self.gateway("aegis", address)?,
            Proxy::GatewayQuiet => {
                let mut command = self.gateway("aegis-quiet", address)?;
                command.args(["--log-level", "warn"]).env("AEGIS_AUDIT_ENABLED", "false");
                command
            }
        };
        let log = self.folder.join(format!("{}.log", proxy.name()));
        Running::start(command, self.cpu, self.home, address, &log)
    }

    fn nginx(&self, name: &str, address: SocketAddr, bodies: &str) -> io::Result<Command> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        let prefix = folder.clone();
        let folder = folder.display();
        let backend = self.backend;
        let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("  {kind}_temp_path {folder}/nginx-{kind};\n"))
            .concat();
        let config = format!(
            "daemon off;\nmaster_process off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log stderr warn;\n\
             events {{ worker_connections 4096; }}\nhttp {{\n  access_log off;\n  sendfile on;\n  tcp_nopush on;\n{temp}\
             \x20 keepalive_requests 1000000000;\n  keepalive_timeout 600s;\n  client_max_body_size 64m;\n\
             \x20 upstream backend {{ server {backend}; keepalive 1024; keepalive_requests 1000000000; }}\n\
             \x20 server {{\n    listen {address};\n    proxy_http_version 1.1;\n    proxy_set_header Connection \"\";\n\
             \x20   {bodies}\n    location / {{ proxy_pass http://backend; }}\n\
             \x20   location = /v1/messages {{ proxy_buffering off; proxy_pass http://backend; }}\n  }}\n}}\n"
        );
        let path = prefix.join("nginx.conf");
        std::fs::write(&path, config)?;
        let mut command = Command::new(find("nginx").unwrap_or_else(|| "nginx".into()));
        command.arg("-p").arg(&prefix).arg("-e").arg("stderr").arg("-c").arg(path);
        Ok(command)
    }

    fn haproxy(&self, address: SocketAddr) -> io::Result<Command> {
        let config = format!(
            "global\n  nbthread 1\n  maxconn 4096\ndefaults\n  mode http\n  option http-keep-alive\n  option http-no-delay\n\
             \x20 http-reuse always\n  timeout connect 5s\n  timeout client 600s\n  timeout server 600s\n\
             \x20 timeout http-keep-alive 600s\nfrontend front\n  bind {address}\n  default_backend back\n\
             backend back\n  server mock {} pool-max-conn -1\n",
            self.backend
        );
        let path = self.folder.join("haproxy.cfg");
        std::fs::write(&path, config)?;
        let mut command = Command::new(find("haproxy").unwrap_or_else(|| "haproxy".into()));
        command.arg("-db").arg("-f").arg(path);
        Ok(command)
    }

    fn gateway(&self, name: &str, address: SocketAddr) -> io::Result<Command> {
        let state = self.folder.join(name);
        std::fs::create_dir_all(&state)?;
        let mut command = Command::new(&self.gateway);
        command
            .arg("run")
            .args(["--listen", &address.to_string(), "--admin", "127.0.0.1:0", "--shards", "1"])
            .arg("--state")
            .arg(state)
            .args(["--upstream", &format!("openai=http://{}", self.backend)])
            .args(["--upstream", &format!("anthropic=http://{}", self.backend)])
            .args(self.gateway_args);
        Ok(command)
    }
}
