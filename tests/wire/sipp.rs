//! SIPp as a caller or a callee, with its own count of what went wrong.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tempfile::TempDir;

use crate::daemon::DEADLINE;
use crate::network::{ENGINE, Network};

/// Seconds after which SIPp ends by itself, as a failure: longer than the shortest session.
const GIVE_UP: &str = "90";

/// A running SIPp; killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Sipp {
    child: Child,
    scenario: &'static str,
    folder: TempDir,
}

/// What SIPp counted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) successful: u64,
    pub(crate) failed: u64,
    pub(crate) retransmissions: u64,
}

impl Counts {
    /// So many calls, none failed, nothing sent twice.
    pub(crate) fn clean(calls: u64) -> Self {
        Self { successful: calls, failed: 0, retransmissions: 0 }
    }
}

/// How SIPp speaks: `u1` UDP, `t1` one TCP connection, `tn` one for each call.
pub(crate) type Mode = &'static str;

impl Sipp {
    /// Places calls to `number` from the address `last`, `rate` a second.
    pub(crate) fn call(
        network: &Network,
        (last, caller): (u8, &str),
        (scenario, number): (&'static str, &str),
        load: (u64, u64),
    ) -> Self {
        Self::call_over("u1", network, (last, caller), (scenario, number), load)
    }

    /// The same over TCP or UDP.
    pub(crate) fn call_over(
        mode: Mode,
        network: &Network,
        (last, caller): (u8, &str),
        (scenario, number): (&'static str, &str),
        (calls, rate): (u64, u64),
    ) -> Self {
        let ends = (network.at(last), network.at(ENGINE));
        Self::call_between(mode, ends, caller, (scenario, number), (calls, rate))
    }

    /// The same from one address to another.
    pub(crate) fn call_between(
        mode: Mode,
        (from, to): (SocketAddr, SocketAddr),
        caller: &str,
        (scenario, number): (&'static str, &str),
        (calls, rate): (u64, u64),
    ) -> Self {
        let (calls, rate, target) = (calls.to_string(), rate.to_string(), to.to_string());
        let extra = ["-s", number, "-key", "caller", caller, "-m", &calls, "-r", &rate, &target];
        Self::start((mode, from), scenario, &extra)
    }

    /// The same with proofs for a URI (without its `sip:`), ten a second.
    pub(crate) fn prove(
        network: &Network,
        (last, caller): (u8, &str),
        (scenario, service): (&'static str, &str),
        (uri, calls): (&str, u64),
    ) -> Self {
        let (calls, target) = (calls.to_string(), network.at(ENGINE).to_string());
        let who = ["-s", service, "-key", "caller", caller, "-auth_uri", uri];
        let extra = [&who[..], &["-m", &calls, "-r", "10", &target]].concat();
        Self::start(("u1", network.at(last)), scenario, &extra)
    }

    /// Answers `calls` calls at the address `last`; bound when this returns.
    pub(crate) fn answer(network: &Network, last: u8, scenario: &'static str, calls: u64) -> Self {
        Self::answer_over("u1", network, last, scenario, calls)
    }

    /// The same over TCP or UDP.
    pub(crate) fn answer_over(
        mode: Mode,
        network: &Network,
        last: u8,
        scenario: &'static str,
        calls: u64,
    ) -> Self {
        Self::answer_for(mode, network, last, (scenario, "service"), calls)
    }

    /// The same with a number that the scenario names.
    pub(crate) fn answer_for(
        mode: Mode,
        network: &Network,
        last: u8,
        (scenario, number): (&'static str, &str),
        calls: u64,
    ) -> Self {
        Self::answer_at(mode, network.at(last), (scenario, number), calls)
    }

    /// The same at an address.
    pub(crate) fn answer_at(
        mode: Mode,
        at: SocketAddr,
        (scenario, number): (&'static str, &str),
        calls: u64,
    ) -> Self {
        let extra = ["-s", number, "-m", &calls.to_string()];
        let mut sipp = Self::start((mode, at), scenario, &extra);
        let deadline = Instant::now() + DEADLINE;
        while !is_bound(mode, at) {
            let ended = sipp.child.try_wait().unwrap();
            assert!(ended.is_none(), "{scenario} ended: {}", sipp.errors());
            assert!(Instant::now() < deadline, "{scenario} does not listen: {}", sipp.errors());
            std::thread::yield_now();
        }
        sipp
    }

    fn start((mode, own): (Mode, SocketAddr), scenario: &'static str, extra: &[&str]) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/wire/scenarios")
            .join(scenario)
            .with_extension("xml");
        assert!(file.is_file(), "no scenario {}", file.display());
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("sipp");
        command.current_dir(folder.path()).env("TERM", "xterm").arg("-sf").arg(file);
        command.args([
            "-max_socket",
            "1000",
            "-t",
            mode,
            "-i",
            &own.ip().to_string(),
            "-p",
            &own.port().to_string(),
            "-nostdin",
            "-nd",
        ]);
        command.args(["-trace_stat", "-stf", "counts.csv", "-fd", "1"]);
        command.args(["-trace_err", "-error_file", "errors.log"]);
        command.args(["-timeout", GIVE_UP, "-timeout_error"]).args(extra);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("cannot run sipp ({error}): apt-get install sip-tester")
        });
        Self { child, scenario, folder }
    }

    /// Waits for its end and gives its counts; what it complained about is printed.
    pub(crate) fn finish(mut self) -> Counts {
        let status = self.child.wait().unwrap();
        let counts = self.counts();
        if !status.success() || counts.failed > 0 {
            eprintln!("{} ended with {status}: {counts:?}\n{}", self.scenario, self.errors());
        }
        counts
    }

    fn counts(&self) -> Counts {
        let text = std::fs::read_to_string(self.folder.path().join("counts.csv")).unwrap();
        let mut lines = text.lines();
        let names: Vec<&str> = lines.next().unwrap().split(';').collect();
        let values: Vec<&str> = lines.next_back().unwrap().split(';').collect();
        let column = |name: &str| {
            let at = names.iter().position(|found| *found == name).unwrap();
            values[at].parse().unwrap()
        };
        Counts {
            successful: column("SuccessfulCall(C)"),
            failed: column("FailedCall(C)"),
            retransmissions: column("Retransmissions(C)"),
        }
    }

    fn errors(&self) -> String {
        let log = std::fs::read(self.folder.path().join("errors.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).chars().take(4000).collect()
    }
}

impl Drop for Sipp {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Whether someone listens there, without disturbing them: as the kernel lists it.
pub(crate) fn is_bound(mode: Mode, address: SocketAddr) -> bool {
    let words = |octets: &[u8]| -> String {
        let words = octets.chunks(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap()));
        words.map(|word| format!("{word:08X}")).collect()
    };
    let (ip, family) = match address.ip() {
        IpAddr::V4(ip) => (words(&ip.octets()), ""),
        IpAddr::V6(ip) => (words(&ip.octets()), "6"),
    };
    let wanted = format!(" {ip}:{:04X} ", address.port());
    let table = if mode == "u1" { "udp" } else { "tcp" };
    let table = std::fs::read_to_string(format!("/proc/net/{table}{family}")).unwrap();
    table.contains(&wanted)
}
