//! Carries out what the state machine commands: reads, weighs, applies, reports. The only place of
//! the loop with a clock. Work that takes long runs on the blocking pool, one piece at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};

use super::handle::{ApproveError, Approved, Handle, MAX_PLANNING, MAX_REQUESTS, Request};
use super::outcome::{log_stalled, log_warnings, restored_words};
use super::state::{Command, Event, Reconciler, Ticket, Verdict};
use super::status::Standing;
use super::submission::{Submission, Submissions};
use super::weigh::{Weighed, plan_of, refuse_unusable, summary_line, verdict, weigh};
use crate::apply::{self, Failed, RestoreError, Wanted};
use crate::model::ResourceSet;
use crate::plan::Plan;
use crate::port::{Applied, Installed, Snapshot, Source, SourceError, Store, StoreError, Target};

/// What looks wrong is looked at again after this long before it is reported: it may have been
/// half written.
pub const PAUSE: Duration = Duration::from_millis(100);

/// Where the loop reads from, remembers, and acts on.
#[derive(Clone)]
pub struct Ports {
    /// What is followed.
    pub source: Arc<dyn Source>,
    /// Where the applied state survives.
    pub store: Arc<dyn Store>,
    /// What carries calls.
    pub target: Arc<dyn Target>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports").field("source", &self.source.describe()).finish_non_exhaustive()
    }
}

/// What a piece of work came to.
enum Done {
    Read(Result<Snapshot, SourceError>),
    Paused,
    Weighed(Box<Weighed>),
    Judged(Box<Weighed>, Option<ApproveError>),
    Applied(Box<Applying>),
    Broke,
}

/// A change, and what came of it.
pub(super) struct Applying {
    pub(super) plan: Plan,
    pub(super) wanted: Wanted,
    pub(super) result: Result<Installed, Failed>,
    /// What was found and put in force after an unknown outcome.
    pub(super) recovered: Option<Recovered>,
    pub(super) took: Duration,
}

pub(super) type Recovered = Result<Option<(Applied, Installed)>, RestoreError>;

type Reply = oneshot::Sender<Result<Approved, ApproveError>>;

/// The loop. [`Runner::run`] drives it until every handle is gone.
pub struct Runner {
    pub(super) ports: Ports,
    pub(super) machine: Reconciler,
    hints: Arc<Notify>,
    requests: mpsc::Receiver<Request>,
    pub(super) standing: watch::Sender<Arc<Standing>>,
    done_sender: mpsc::Sender<Done>,
    done: mpsc::Receiver<Done>,
    approvals: BTreeMap<Ticket, (Arc<Submission>, Reply)>,
    next_ticket: u64,
    /// What was read last.
    pub(super) snapshot: Option<Snapshot>,
    pub(super) unreadable: Option<SourceError>,
    /// What was weighed last.
    pub(super) weighed: Option<Box<Weighed>>,
    /// What the approver in turn is told.
    pub(super) answer: Option<Result<Approved, ApproveError>>,
    /// The store failed in a way that leaves its content unknown: nothing is written any more.
    pub(super) broken: Option<StoreError>,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("machine", &self.machine).finish_non_exhaustive()
    }
}

impl Runner {
    /// Reads the stored state, puts it in force, and makes a loop that goes on from there. Blocks
    /// for as long as that takes.
    pub fn restore(ports: Ports) -> Result<(Self, Handle), RestoreError> {
        let restored = apply::restore(&*ports.store, &*ports.target)?;
        let mut standing = Standing::new(ports.source.describe(), now());
        let mut dealt = None;
        if let Some((applied, installed)) = restored {
            log_stalled(&installed);
            tracing::info!(
                revision = %applied.revision, generation = applied.generation,
                resources = applied.resources.len(), "restored what was applied before"
            );
            dealt = applied.followed.clone();
            standing.wanted = Some(applied.revision.clone());
            standing.applied_well.set(true, "Restored", restored_words(&applied), now());
            standing.applied = Some(applied);
        }
        let (request_sender, requests) = mpsc::channel(MAX_REQUESTS);
        // One piece of work at a time, and its result is taken before the next one begins.
        let (done_sender, done) = mpsc::channel(1);
        let (standing, seen) = watch::channel(Arc::new(standing));
        let hints = Arc::new(Notify::new());
        let handle = Handle {
            hints: Arc::clone(&hints),
            requests: request_sender,
            standing: seen,
            submissions: Submissions::default(),
            planning: Arc::new(Semaphore::new(MAX_PLANNING)),
            store: Arc::clone(&ports.store),
            target: Arc::clone(&ports.target),
        };
        let runner = Self {
            ports,
            machine: Reconciler::new(dealt),
            hints,
            requests,
            standing,
            done_sender,
            done,
            approvals: BTreeMap::new(),
            next_ticket: 0,
            snapshot: None,
            unreadable: None,
            weighed: None,
            answer: None,
            broken: None,
        };
        Ok((runner, handle))
    }

    /// Runs until every handle is gone; what is being applied then is finished first.
    pub async fn run(mut self) {
        loop {
            let event = tokio::select! {
                Some(done) = self.done.recv() => self.take(done),
                request = self.requests.recv() => match request {
                    Some(request) => self.request(request),
                    None if self.machine.is_idle() => return,
                    // Nobody asks any more: only the work in progress is left to wait for.
                    None => match self.done.recv().await {
                        Some(done) => self.take(done),
                        None => return,
                    },
                },
                () = self.hints.notified() => Event::Hint,
            };
            let commands = self.machine.handle(event);
            let busy = !self.machine.is_idle();
            // Busy is told before work begins, idle after its outcome is: who sees the loop idle
            // after a reading sees what came of it.
            self.tell_busy(self.standing.borrow().busy || busy);
            for command in commands {
                self.carry_out(command);
            }
            self.tell_busy(busy);
        }
    }

    fn tell_busy(&self, busy: bool) {
        if self.standing.borrow().busy != busy {
            self.publish(|standing| standing.busy = busy);
        }
    }

    fn request(&mut self, request: Request) -> Event {
        match request {
            Request::Demand => Event::Demand,
            Request::Approve { submission, reply } => {
                let ticket = Ticket(self.next_ticket);
                self.next_ticket += 1;
                self.approvals.insert(ticket, (submission, reply));
                Event::Approved(ticket)
            }
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Read => {
                let source = Arc::clone(&self.ports.source);
                self.work(move || Done::Read(source.read()));
            }
            Command::Pause => {
                let sender = self.done_sender.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(PAUSE).await;
                    drop(sender.send(Done::Paused).await);
                });
            }
            Command::Weigh => self.weigh(),
            Command::WeighApproved(ticket) => self.weigh_approved(ticket),
            Command::Apply => self.apply(),
            Command::Rename => self.rename(),
            Command::ReportRejected => self.report_rejected(),
            Command::ReportUnreadable => self.report_unreadable(),
            Command::ReportUnchanged => {
                self.source_is_readable();
                let seen = self.snapshot.take().map(|snapshot| snapshot.revision);
                if seen.is_some() && self.standing.borrow().seen != seen {
                    self.publish(|standing| standing.seen = seen);
                }
            }
            Command::ReportBroke => self.report_broke(),
            Command::ReportBusy(ticket) => self.reply(ticket, Err(ApproveError::Busy)),
            Command::Answer(ticket) => {
                let answer = self.answer.take();
                self.reply(ticket, answer.unwrap_or(Err(ApproveError::Stopped)));
            }
        }
    }

    /// Runs a piece of work on the blocking pool; its result comes back as an event.
    fn work(&self, work: impl FnOnce() -> Done + Send + 'static) {
        let sender = self.done_sender.clone();
        let working = tokio::task::spawn_blocking(work);
        tokio::spawn(async move {
            // A panic is a defect of ours; it must not leave the loop waiting for ever.
            drop(sender.send(working.await.unwrap_or(Done::Broke)).await);
        });
    }

    fn take(&mut self, done: Done) -> Event {
        match done {
            Done::Read(Ok(snapshot)) => {
                let revision = snapshot.revision.clone();
                self.snapshot = Some(snapshot);
                Event::Read(revision)
            }
            Done::Read(Err(error)) => {
                self.unreadable = Some(error);
                Event::Unreadable
            }
            Done::Paused => Event::PauseOver,
            Done::Weighed(weighed) => {
                let verdict = weighed.verdict;
                self.weighed = Some(weighed);
                Event::Weighed(verdict)
            }
            Done::Judged(weighed, refusal) => {
                let verdict = weighed.verdict;
                self.answer = Some(refusal.map_or_else(|| Ok(self.unchanged(&weighed)), Err));
                self.weighed = Some(weighed);
                Event::Weighed(verdict)
            }
            Done::Applied(applying) => Event::Finished { applied: self.applied(*applying) },
            Done::Broke => {
                self.broke();
                Event::Broke
            }
        }
    }

    fn live(&self) -> Arc<ResourceSet> {
        let standing = self.standing.borrow();
        standing
            .applied
            .as_ref()
            .map_or_else(Arc::default, |applied| Arc::clone(&applied.resources))
    }

    pub(super) fn generation(&self) -> u64 {
        self.standing.borrow().applied.as_ref().map_or(0, |applied| applied.generation)
    }

    fn weigh(&mut self) {
        self.source_is_readable();
        let Some(snapshot) = self.snapshot.take() else { return };
        self.publish(|standing| standing.seen = Some(snapshot.revision.clone()));
        let (live, target) = (self.live(), Arc::clone(&self.ports.target));
        self.work(move || {
            let observed = target.observe().ok();
            let Snapshot { revision, tree } = snapshot;
            let mut weighed = weigh(&tree, revision, &live, observed.as_ref());
            refuse_unusable(&mut weighed, &*target);
            Done::Weighed(Box::new(weighed))
        });
    }

    /// The plan is made again from what was submitted: it must be the one that was approved.
    fn weigh_approved(&mut self, ticket: Ticket) {
        let Some((submission, _)) = self.approvals.get(&ticket) else { return };
        let (submission, live) = (Arc::clone(submission), self.live());
        self.work(move || {
            let plan = plan_of(&submission.desired, &live, None);
            let stale = (plan.digest != submission.digest).then(|| ApproveError::Stale {
                approved: submission.digest.clone(),
                found: plan.digest.clone(),
            });
            let verdict = if stale.is_some() { Verdict::Refused } else { verdict(&plan) };
            let refusal = stale.or_else(|| {
                plan.is_refused().then(|| ApproveError::Refused(plan.refusals.clone()))
            });
            let weighed = Weighed {
                revision: submission.revision.clone(),
                verdict,
                diagnostics: Vec::new(),
                sources: Arc::clone(submission.desired.sources()),
                desired: Some(submission.desired.clone()),
                plan: Some(plan),
            };
            Done::Judged(Box::new(weighed), refusal)
        });
    }

    fn reply(&mut self, ticket: Ticket, answer: Result<Approved, ApproveError>) {
        if let Some((_, reply)) = self.approvals.remove(&ticket) {
            // Whoever asked may have gone away; what was done stays done.
            drop(reply.send(answer));
        }
    }

    /// Applies what was weighed last, in the order that the executor documents.
    fn apply(&mut self) {
        let Some(weighed) = self.weighed.take() else { return };
        log_warnings(&weighed);
        let Weighed { revision, desired: Some(desired), plan: Some(plan), .. } = *weighed else {
            return;
        };
        let followed = match self.machine.approver() {
            Some(_) => self.machine.dealt().cloned(),
            None => Some(revision.clone()),
        };
        let wanted = Wanted {
            generation: self.generation() + 1,
            revision,
            followed,
            resources: in_force(desired.resources()),
            summary: summary_line(&plan.summary),
            began_unix_ms: now(),
        };
        let ports = self.ports.clone();
        let broken = self.broken.clone();
        self.work(move || {
            let began = Instant::now();
            let (result, recovered) = match broken {
                Some(error) => (Err(Failed::NotBegun(error)), None),
                None => apply_or_recover(&plan, &wanted, &ports),
            };
            let took = began.elapsed();
            Done::Applied(Box::new(Applying { plan, wanted, result, recovered, took }))
        });
    }

    pub(super) fn publish(&self, change: impl FnOnce(&mut Standing)) {
        self.standing.send_modify(|standing| change(Arc::make_mut(standing)));
    }
}

/// What of a desired state comes into force: not its tests.
fn in_force(desired: &Arc<ResourceSet>) -> Arc<ResourceSet> {
    if desired.iter().all(|(id, _)| id.kind.is_ever_live()) {
        return Arc::clone(desired);
    }
    let live = desired.iter().filter(|(id, _)| id.kind.is_ever_live());
    Arc::new(live.map(|(_, resource)| Arc::clone(resource)).collect())
}

/// When the outcome is unknown, what the store says then is put in force.
fn apply_or_recover(
    plan: &Plan,
    wanted: &Wanted,
    ports: &Ports,
) -> (Result<Installed, Failed>, Option<Recovered>) {
    let result = apply::apply(plan, wanted, &*ports.store, &*ports.target);
    let unknown = matches!(result, Err(Failed::Unknown(_)));
    let recovered = unknown.then(|| apply::restore(&*ports.store, &*ports.target));
    (result, recovered)
}

/// The wall clock, for display only.
pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
