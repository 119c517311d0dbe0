//! Gateways that run, what they say of themselves, and whether their ports are free where none does.

use std::net::{SocketAddr, TcpListener};

use super::diagnosis::Diagnosis;
use crate::cli::admin_client;
use crate::config::Settings;
use crate::instance::Instance;

/// Looks at the gateways of this state folder.
pub(super) fn examine(settings: &Settings, instances: &[Instance]) -> Vec<Diagnosis> {
    if instances.is_empty() {
        return none_runs(settings);
    }
    instances.iter().flat_map(of_instance).collect()
}

fn none_runs(settings: &Settings) -> Vec<Diagnosis> {
    let help = "start one with `aegis-gateway run`, or have `aegis-gateway exec -- TOOL` do it";
    let mut diagnoses = vec![Diagnosis::note("no gateway runs with this state folder", help)];
    let traffic = settings.server.listen.iter().map(|address| (*address, "server.listen", "--listen"));
    for (address, setting, flag) in traffic.chain([(settings.admin.listen, "admin.listen", "--admin")]) {
        diagnoses.push(port(address, setting, flag));
    }
    diagnoses
}

fn port(address: SocketAddr, setting: &str, flag: &str) -> Diagnosis {
    match TcpListener::bind(address) {
        Ok(_) => Diagnosis::good(format!("{address} ({setting}) is free")),
        Err(error) => Diagnosis::problem(
            format!("{address} ({setting}) cannot be used: {error}"),
            &format!(
                "another program may have it (ss -ltnp shows which); choose another address with {flag} ADDR"
            ),
        ),
    }
}

fn of_instance(instance: &Instance) -> Vec<Diagnosis> {
    let Instance { pid, version, listen, admin, .. } = instance;
    let listen: Vec<String> = listen.iter().map(ToString::to_string).collect();
    let whose = if instance.attached { ", for one tool" } else { "" };
    let mut diagnoses = vec![match admin_client::get(*admin, "/healthz") {
        Ok(answer) if answer.status == 200 => {
            Diagnosis::good(format!("process {pid} listens on {}{whose}", listen.join(", ")))
        }
        Ok(answer) => Diagnosis::problem(
            format!("process {pid}: its admin listener {admin} answers {}", answer.status),
            "see its log; restart it",
        ),
        Err(error) => Diagnosis::problem(
            format!("process {pid}: its admin listener {admin} does not answer: {error}"),
            "see its log; restart it",
        ),
    }];
    if version != env!("CARGO_PKG_VERSION") {
        let what = format!("process {pid} is version {version}, this program {}", env!("CARGO_PKG_VERSION"));
        diagnoses.push(Diagnosis::warning(what, "restart the gateway"));
    }
    diagnoses.extend(readiness(*pid, *admin));
    diagnoses.extend(requests(*pid, *admin));
    diagnoses
}

fn readiness(pid: u32, admin: SocketAddr) -> Vec<Diagnosis> {
    let Ok(answer) = admin_client::get(admin, "/readyz") else { return Vec::new() };
    let said: Vec<&str> = answer.body.lines().filter(|line| !["ready", "not ready"].contains(line)).collect();
    let help = "for an address of an upstream: does this machine resolve its name? --online tries it";
    if answer.status != 200 {
        return vec![Diagnosis::problem(format!("process {pid} is not ready: {}", said.join("; ")), help)];
    }
    let remarks = said.iter().map(|remark| Diagnosis::warning(format!("process {pid}: {remark}"), help));
    [Diagnosis::good(format!("process {pid} is ready"))].into_iter().chain(remarks).collect()
}

/// How many requests it has answered.
fn requests(pid: u32, admin: SocketAddr) -> Option<Diagnosis> {
    let page = admin_client::get(admin, "/metrics").ok().filter(|answer| answer.status == 200)?.body;
    let total = sum(&page, "aegis_requests_total");
    if total == 0 {
        let help = "does a tool point here? see below";
        return Some(Diagnosis::note(format!("process {pid} has answered no request yet"), help));
    }
    let found = sum(&page, "aegis_findings_total");
    Some(Diagnosis::good(format!("process {pid} has answered {total} requests, with {found} findings")))
}

/// The sum of a counter over its labels.
fn sum(page: &str, name: &str) -> u64 {
    let samples =
        page.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
    samples.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_summed_over_their_labels() {
        let page = "# TYPE a counter\na_total{x=\"1\"} 2\na_total{x=\"2\"} 3\na_total_other 9\nb_total 7\n";
        assert_eq!((sum(page, "a_total"), sum(page, "b_total"), sum(page, "c_total")), (5, 7, 0));
    }

    #[test]
    fn a_taken_port_is_a_problem_with_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let diagnosis = port(taken.local_addr().unwrap(), "server.listen", "--listen");
        assert!(diagnosis.what.contains("cannot be used") && diagnosis.help.contains("--listen ADDR"));
    }
}
