//! The DNS client of the engine, on a thread of its own: one question in, one answer out. What to
//! ask, when, and what to make of the answers is the engine's business.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{self, Name, RData};
use mio::Waker;
use tokio::sync::mpsc;

use crate::locate::{Answer, Data, MAX_IN_FLIGHT, Question, Record, RecordType};

/// How long one server gets for one try.
const TRY_LIMIT: Duration = Duration::from_secs(2);
/// Tries beyond the first.
const RETRIES: usize = 1;
/// How long a question may take altogether, whatever the servers do.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// How long the system's configuration is taken as read.
const CONFIG_AGE: Duration = Duration::from_secs(60);
/// Records looked at of one answer.
const MAX_RECORDS: usize = 1024;

/// The way to the thread. Dropping it ends the thread.
#[derive(Debug)]
pub(super) struct Resolver {
    questions: mpsc::Sender<Question>,
    answers: Receiver<(Question, Answer)>,
}

impl Resolver {
    /// Starts the thread; `server` instead of those that the system is configured with. `waker` is
    /// woken when an answer waits.
    pub(super) fn spawn(server: Option<SocketAddr>, waker: Arc<Waker>) -> io::Result<Self> {
        let (questions, asked) = mpsc::channel(MAX_IN_FLIGHT);
        let (answer, answers) = sync_channel(MAX_IN_FLIGHT);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serve = move || runtime.block_on(serve(asked, (answer, waker), server));
        std::thread::Builder::new().name("dns".into()).spawn(serve)?;
        Ok(Self { questions, answers })
    }

    /// Asks; a question that cannot be asked comes back.
    pub(super) fn ask(&self, question: Question) -> Result<(), Question> {
        self.questions.try_send(question).map_err(mpsc::error::TrySendError::into_inner)
    }

    /// The next answer that waits.
    pub(super) fn poll(&self) -> Option<(Question, Answer)> {
        self.answers.try_recv().ok()
    }
}

type Answers = (SyncSender<(Question, Answer)>, Arc<Waker>);

async fn serve(
    mut asked: mpsc::Receiver<Question>,
    (answers, waker): Answers,
    server: Option<SocketAddr>,
) {
    let mut client = Client::new(server);
    while let Some(question) = asked.recv().await {
        let (resolver, answers, waker) = (client.resolver(), answers.clone(), waker.clone());
        tokio::spawn(async move {
            let answer = match resolver {
                Ok(resolver) => ask(&resolver, &question).await,
                Err(why) => Answer::Failed(why),
            };
            // There is room for every question under way; when the engine is gone, nobody listens.
            if answers.try_send((question, answer)).is_ok() {
                drop(waker.wake());
            }
        });
    }
}

/// What questions are asked with.
struct Client {
    server: Option<SocketAddr>,
    resolver: Result<TokioResolver, String>,
    read: Instant,
}

impl Client {
    fn new(server: Option<SocketAddr>) -> Self {
        Self { server, resolver: build(server), read: Instant::now() }
    }

    /// As the system is configured now, or nearly: its servers may be others than at the start.
    fn resolver(&mut self) -> Result<TokioResolver, String> {
        if self.server.is_none() && self.read.elapsed() > CONFIG_AGE {
            (self.resolver, self.read) = (build(None), Instant::now());
        }
        self.resolver.clone()
    }
}

fn build(server: Option<SocketAddr>) -> Result<TokioResolver, String> {
    let mut builder = match server {
        Some(server) => {
            let mut one = NameServerConfig::udp_and_tcp(server.ip());
            one.connections.iter_mut().for_each(|connection| connection.port = server.port());
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![one]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
        None => TokioResolver::builder_tokio()
            .map_err(|error| format!("the system's DNS configuration cannot be read: {error}"))?,
    };
    let options: &mut ResolverOpts = builder.options_mut();
    options.timeout = TRY_LIMIT;
    options.attempts = RETRIES;
    // The engine keeps answers, for as long as it wants them.
    options.cache_size = 0;
    options.preserve_intermediates = true;
    options.use_hosts_file =
        if server.is_some() { ResolveHosts::Never } else { ResolveHosts::Always };
    builder.build().map_err(|error| error.to_string())
}

async fn ask(resolver: &TokioResolver, question: &Question) -> Answer {
    let record_type = match question.record_type {
        RecordType::Naptr => rr::RecordType::NAPTR,
        RecordType::Srv => rr::RecordType::SRV,
        RecordType::A => rr::RecordType::A,
        RecordType::Aaaa => rr::RecordType::AAAA,
    };
    // With the dot no search list applies: a manifest says whole names.
    let name = match Name::from_ascii(format!("{}.", question.name)) {
        Ok(name) => name,
        Err(error) => return Answer::Failed(error.to_string()),
    };
    let looked_up = tokio::time::timeout(ANSWER_LIMIT, resolver.lookup(name, record_type)).await;
    match looked_up {
        Ok(Ok(lookup)) => {
            let records = lookup.answers().iter().take(MAX_RECORDS);
            Answer::Records(records.filter_map(record).collect())
        }
        Ok(Err(error)) => failed(&error),
        Err(_) => Answer::Failed("no answer in time".to_owned()),
    }
}

/// What an error means: that there are no such records, or that nobody knows.
fn failed(error: &NetError) -> Answer {
    if let NetError::Dns(DnsError::NoRecordsFound(none)) = error {
        let exists = none.response_code == ResponseCode::NoError;
        if exists || none.response_code == ResponseCode::NXDomain {
            let ttl = none.negative_ttl.map(|seconds| Duration::from_secs(seconds.into()));
            return Answer::Absent { exists, ttl };
        }
        return Answer::Failed(none.response_code.to_string());
    }
    if let NetError::Dns(DnsError::ResponseCode(code)) = error {
        return Answer::Failed(code.to_string());
    }
    Answer::Failed(error.to_string())
}

fn record(record: &rr::Record) -> Option<Record> {
    let data = if let RData::A(ip) = &record.data {
        Data::Address(ip.0.into())
    } else if let RData::AAAA(ip) = &record.data {
        Data::Address(ip.0.into())
    } else if let RData::CNAME(name) = &record.data {
        Data::Alias(text(&name.0))
    } else if let RData::SRV(srv) = &record.data {
        let (priority, weight, port) = (srv.priority, srv.weight, srv.port);
        Data::Srv { priority, weight, port, target: text(&srv.target) }
    } else if let RData::NAPTR(naptr) = &record.data
        // A rewriting rule is of no use to SIP (RFC 3263 section 4.1).
        && naptr.regexp.is_empty()
    {
        Data::Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: String::from_utf8_lossy(&naptr.flags).into_owned(),
            services: String::from_utf8_lossy(&naptr.services).into_owned(),
            replacement: text(&naptr.replacement),
        }
    } else {
        return None;
    };
    let ttl = Duration::from_secs(record.ttl.into());
    Some(Record { owner: text(&record.name), ttl, data })
}

/// A name as the engine writes it: lower case, no dot at its end, the root as nothing.
fn text(name: &Name) -> String {
    name.to_lowercase().to_ascii().trim_end_matches('.').to_owned()
}
