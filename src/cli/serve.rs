//! `trunkline serve`: the daemon. Wires the engine, the store, the followed directory, the loop and
//! the API together, and takes them down again.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, sleep, timeout};

use super::log::{self, LogFormat};
use super::{Exit, Failure, Format, Output, banner};
use crate::api::{self, Access, Token};
use crate::net::EngineHandle;
use crate::port::Target;
use crate::reconcile::{Handle, Ports, Runner};
use crate::source::secrets::LocalSecrets;
use crate::source::watch::{Directory, Watch};
use crate::store::Embedded;

/// The state directory below the working directory, unless `--state` names another.
const DEFAULT_STATE: &str = ".trunkline";

/// The port of a DNS server that names none.
const DNS_PORT: u16 = 53;

/// What is said at the start waits this long for the first look at the directory.
const FIRST_LOOK: Duration = Duration::from_secs(5);

/// How often the calls in progress are counted while draining.
const DRAIN_LOOK: Duration = Duration::from_millis(100);

/// How often secrets and certificates are looked up anew: a file of theirs changes without a
/// revision.
const RESYNC: Duration = Duration::from_secs(60);

/// Descriptors that we may use: what the engine may hold in connections, several times.
const DESCRIPTORS: u64 = 1 << 16;

/// The folder of secrets below the state directory, unless `--secrets` names another.
const DEFAULT_SECRETS: &str = "secrets";

/// Requests and a change in progress get this long to end.
const GOODBYE: Duration = Duration::from_secs(5);

/// Run the daemon: route calls as the manifests in a directory say, and follow the directory.
///
/// A change is checked, planned and applied whole; what has errors is refused with its line, and
/// the last good state keeps running. What was applied survives a restart. After `trunkline apply`
/// brought another tree than the directory's, that tree runs until the directory's content changes
/// next, or until SIGHUP.
///
/// Passwords and keys are looked up where the manifests say: in this process's environment, or in
/// files below `--secrets`. What cannot be found does not start (TL703), all else does. They are
/// looked up anew every minute and at SIGHUP.
///
/// SIGHUP applies the directory now. SIGTERM and Ctrl-C wait for calls in progress, at most
/// `--drain` seconds; a second one ends at once.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  trunkline serve voip/\n  trunkline serve voip/ --state /var/lib/trunkline --listen 127.0.0.1:7080"
)]
pub(super) struct Args {
    /// The directory of manifests to follow.
    #[arg(default_value = ".")]
    path: PathBuf,
    /// The directory that holds what must survive a restart; one daemon each.
    #[arg(long, env = "TRUNKLINE_STATE", value_name = "DIR", default_value = DEFAULT_STATE)]
    state: PathBuf,
    /// The address of the HTTP API; port 0 takes any free one. Off loopback it needs a token.
    #[arg(long, env = "TRUNKLINE_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:7080")]
    listen: SocketAddr,
    /// The DNS server that names of trunks are looked up at, port 53 unless it says another;
    /// absent: as the system is configured.
    #[arg(long, env = "TRUNKLINE_DNS", value_name = "ADDR[:PORT]", value_parser = dns_server)]
    dns: Option<SocketAddr>,
    /// A file with the bearer token that requests must carry.
    #[arg(long, env = "TRUNKLINE_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The folder that `{file: PATH}` and paths of certificates are relative to; in it,
    /// `tenants/NAME/` is for that tenant's resources only [default: `secrets` below --state].
    #[arg(long, env = "TRUNKLINE_SECRETS", value_name = "DIR")]
    secrets: Option<PathBuf>,
    /// Seconds that calls in progress get at the end.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    drain: u64,
    /// The form of the log on stderr.
    #[arg(long, value_enum, default_value = "human")]
    log_format: LogFormat,
}

pub(super) fn run(args: &Args, output: Output) -> Result<Exit, Failure> {
    let log_format = match output.format {
        Format::Json => LogFormat::Json,
        Format::Human | Format::Markdown => args.log_format,
    };
    let log = log::start(log_format, output.colors_stderr())
        .map_err(|error| Failure::failed(format!("cannot start the log: {error}")))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let ended = runtime.block_on(serve(args, output, log_format));
    // Work on the blocking pool that hangs (a dead network file system) must not keep us.
    runtime.shutdown_timeout(GOODBYE);
    drop(log);
    ended
}

/// The parts that run, in the order in which they end.
struct Running {
    handle: Handle,
    watch: Watch,
    api_stop: oneshot::Sender<()>,
    api: tokio::task::JoinHandle<std::io::Result<()>>,
    runner: tokio::task::JoinHandle<()>,
}

async fn serve(args: &Args, output: Output, log_format: LogFormat) -> Result<Exit, Failure> {
    let mut signals = Signals::new()?;
    let access = access(args)?;
    let store = Embedded::open(&args.state).map_err(|error| Failure::failed(error.to_string()))?;
    let (listener, address) = listen(args.listen).await?;
    let ports = Ports {
        source: Arc::new(Directory::new(&args.path)),
        store: Arc::new(store),
        target: engine(args)?,
    };
    let (runner, handle) =
        Runner::restore(ports).map_err(|error| Failure::failed(error.to_string()))?;
    if !handle.standing().is_ready() && !args.path.is_dir() {
        let message = format!("{} is not a directory", args.path.display());
        let help = "give the directory of manifests to follow";
        return Err(Failure::failed(message).help(help));
    }
    let runner = tokio::spawn(runner.run());
    let hinted = handle.clone();
    let watch = Watch::start(&args.path, move || hinted.hint())
        .map_err(|error| Failure::failed(format!("cannot follow the directory: {error}")))?;
    handle.hint();
    let (api_stop, stopped) = oneshot::channel::<()>();
    let api = tokio::spawn(api::serve(listener, handle.clone(), access, async {
        drop(stopped.await);
    }));
    say_hello(args, output, log_format, &handle, address).await;
    let running = Running { handle, watch, api_stop, api, runner };
    until_the_end(&mut signals, &running.handle, args.drain).await;
    goodbye(running).await;
    Ok(Exit::Ok)
}

/// An address with or without a port.
fn dns_server(text: &str) -> Result<SocketAddr, String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let alone = bare.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, DNS_PORT));
    text.parse().or(alone).map_err(|_| "write an address: 192.0.2.53 or 192.0.2.53:5353".to_owned())
}

/// As many files and connections as we can use and the system lets us have: what it gives at first is often 1,024,
/// for the sake of programs that could not name more.
fn raise_descriptors() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard.min(DESCRIPTORS)
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard.min(DESCRIPTORS), hard)
    {
        tracing::warn!(%error, soft, "the limit of open files stays as it is");
    }
}

fn engine(args: &Args) -> Result<Arc<dyn Target>, Failure> {
    raise_descriptors();
    let folder = args.secrets.clone().unwrap_or_else(|| args.state.join(DEFAULT_SECRETS));
    let engine = EngineHandle::spawn(args.dns)
        .map_err(|error| Failure::failed(format!("cannot start the SIP engine: {error}")))?;
    Ok(Arc::new(engine.with_secrets(Arc::new(LocalSecrets::new(folder)))))
}

fn access(args: &Args) -> Result<Access, Failure> {
    let token = args.token_file.as_deref().map(Token::read).transpose();
    let token = token.map_err(|error| Failure::failed(error.to_string()))?;
    Access::new(args.listen, token).ok_or_else(|| {
        let message = format!("{} is off loopback, and there is no token", args.listen);
        Failure::failed(message).help("give a --token-file FILE, or listen on 127.0.0.1")
    })
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let bound = TcpListener::bind(address).await.and_then(|listener| {
        let address = listener.local_addr()?;
        Ok((listener, address))
    });
    bound.map_err(|error| {
        let message = format!("the API cannot listen on {address}: {error}");
        Failure::failed(message)
            .help("give another address with --listen ADDR; port 0 takes any free one")
    })
}

/// Tells what runs once the directory was looked at for the first time.
async fn say_hello(
    args: &Args,
    output: Output,
    log_format: LogFormat,
    handle: &Handle,
    address: SocketAddr,
) {
    let looked = handle.wait_until(|standing| standing.first_look_is_over());
    // Slow file systems do not keep the daemon from saying where it is.
    drop(timeout(FIRST_LOOK, looked).await);
    let standing = handle.standing();
    let url = format!("http://{address}");
    tracing::info!(api = %url, source = %standing.source, ready = standing.is_ready(), "serving");
    if log_format == LogFormat::Human {
        let observed = tokio::task::block_in_place(|| handle.observe());
        output.say(&banner::text(&standing, observed.ok().as_ref(), &url, &args.path));
    }
}

struct Signals {
    hangup: Signal,
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            let failed = |error| Failure::failed(format!("cannot listen for signals: {error}"));
            signal(kind).map_err(failed)
        };
        Ok(Self {
            hangup: listen(SignalKind::hangup())?,
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn end(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Ends when a person or the system wants it to and the calls in progress have had their time.
async fn until_the_end(signals: &mut Signals, handle: &Handle, drain: u64) {
    let mut resync = tokio::time::interval(RESYNC);
    resync.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = signals.hangup.recv() => {
                tracing::info!("SIGHUP: applying the directory");
                handle.demand().await;
                refresh(handle).await;
            }
            _ = resync.tick() => refresh(handle).await,
            _ = signals.interrupt.recv() => break,
            _ = signals.terminate.recv() => break,
        }
    }
    tracing::info!("ending; calls in progress get at most {drain} s, a second signal ends at once");
    tokio::select! {
        () = signals.end() => tracing::warn!("ending at once"),
        () = sleep(Duration::from_secs(drain)) => tracing::warn!("calls are cut off: time is up"),
        () = drained(handle.clone()) => {}
    }
}

async fn refresh(handle: &Handle) {
    if let Err(error) = handle.refresh().await {
        tracing::error!("secrets and certificates cannot be looked up anew: {error}");
    }
}

async fn drained(handle: Handle) {
    loop {
        let asked = handle.clone();
        let observed = tokio::task::spawn_blocking(move || asked.observe()).await;
        // An engine that does not answer has no calls that could be waited for.
        if observed.map_or(0, |observed| observed.map_or(0, |seen| seen.active_calls)) == 0 {
            return;
        }
        sleep(DRAIN_LOOK).await;
    }
}

async fn goodbye(running: Running) {
    let Running { handle, watch, api_stop, api, runner } = running;
    // The watch and the API hold handles; the loop ends when the last one is gone.
    drop(tokio::task::spawn_blocking(move || drop(watch)).await);
    drop(handle);
    drop(api_stop);
    drop(timeout(GOODBYE, api).await);
    drop(timeout(GOODBYE, runner).await);
    tracing::info!("ended");
}
