//! The loop as a pure machine: events in, commands out. One thing at a time; what arrives meanwhile
//! is merged into one further look, so that the newest content wins.

use std::collections::VecDeque;

use crate::model::Revision;

/// Approved plans that may wait for their turn; further ones are refused as busy.
pub const MAX_WAITING: usize = 8;

/// A plan that was approved, by number; whoever runs the machine knows what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The source may hold something new.
    Hint,
    /// A person wants the source applied, also what was dealt with before.
    Demand,
    /// A person approved a plan.
    Approved(Ticket),
    /// The source was read.
    Read(Revision),
    /// The source could not be read.
    Unreadable,
    /// The pause before the second look is over.
    PauseOver,
    /// What was read or approved has been weighed.
    Weighed(Verdict),
    /// The change is applied, or its failure is known.
    Finished {
        /// Whether it is in force now.
        applied: bool,
    },
    /// The work in progress ended in a defect of ours, without an outcome.
    Broke,
}

/// What a revision comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It has errors.
    Invalid,
    /// A guard refuses it, or the plan is not the one that was approved.
    Refused,
    /// It says what is in force already.
    Same,
    /// It changes something.
    Change,
}

/// What is to be done; each one but the reports is answered by an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Read the source: `Read` or `Unreadable` answers.
    Read,
    /// Wait a moment: `PauseOver` answers. A file may be half written.
    Pause,
    /// Check and plan what was read: `Weighed` answers.
    Weigh,
    /// Check and plan what was approved: `Weighed` answers.
    WeighApproved(Ticket),
    /// Apply what was weighed last: `Finished` answers.
    Apply,
    /// Note that what was weighed last is in force already.
    Rename,
    /// Say why what was weighed last is not applied.
    ReportRejected,
    /// Say that the source cannot be read.
    ReportUnreadable,
    /// Say that the source can be read, and holds what was dealt with before.
    ReportUnchanged,
    /// Say that what was looked at met a defect of ours.
    ReportBroke,
    /// Tell the approver that too much is waiting.
    ReportBusy(Ticket),
    /// Tell the approver that nothing comes of it, or that nothing had to.
    Answer(Ticket),
}

/// Whom the work in progress is for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum For {
    /// The source, at this revision.
    Source(Revision),
    /// An approver.
    Approver(Ticket),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Phase {
    Idle,
    Reading { nth: Nth, demanded: bool },
    Pausing { demanded: bool },
    Weighing { whom: For, nth: Nth, demanded: bool },
    Applying { whom: For },
}

/// What is wrong at the first look may be half written; what is wrong at the second is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nth {
    First,
    Second,
}

/// What the next look is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    None,
    Hinted,
    Demanded,
}

/// The machine. It is told what happens by [`Reconciler::handle`] and says what to do next.
#[derive(Debug, Clone)]
pub struct Reconciler {
    phase: Phase,
    /// The source's revision that was dealt with last: applied, refused, or found invalid.
    dealt: Option<Revision>,
    next: Look,
    waiting: VecDeque<Ticket>,
}

impl Reconciler {
    /// A machine that has dealt with a revision in an earlier life.
    pub fn new(dealt: Option<Revision>) -> Self {
        Self { phase: Phase::Idle, dealt, next: Look::None, waiting: VecDeque::new() }
    }

    /// The source's revision that was dealt with last.
    pub fn dealt(&self) -> Option<&Revision> {
        self.dealt.as_ref()
    }

    /// The approver that the work in progress is for; `None` when it is for the source.
    pub fn approver(&self) -> Option<Ticket> {
        match &self.phase {
            Phase::Weighing { whom: For::Approver(ticket), .. }
            | Phase::Applying { whom: For::Approver(ticket) } => Some(*ticket),
            Phase::Idle
            | Phase::Reading { .. }
            | Phase::Pausing { .. }
            | Phase::Weighing { .. }
            | Phase::Applying { .. } => None,
        }
    }

    /// Whether a change is being applied.
    pub fn is_applying(&self) -> bool {
        matches!(self.phase, Phase::Applying { .. })
    }

    /// Whether nothing is being done or waits to be.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Idle && self.next == Look::None && self.waiting.is_empty()
    }

    /// Takes what happened; the commands are to be carried out in order.
    pub fn handle(&mut self, event: Event) -> Vec<Command> {
        let mut commands = Vec::new();
        match event {
            Event::Hint => self.next = self.next.max(Look::Hinted),
            Event::Demand => self.next = Look::Demanded,
            Event::Approved(ticket) if self.waiting.len() >= MAX_WAITING => {
                commands.push(Command::ReportBusy(ticket));
            }
            Event::Approved(ticket) => self.waiting.push_back(ticket),
            Event::Read(revision) => self.read(revision, &mut commands),
            Event::Unreadable => self.unreadable(&mut commands),
            Event::PauseOver => self.pause_over(&mut commands),
            Event::Weighed(verdict) => self.weighed(verdict, &mut commands),
            Event::Finished { applied } => self.finished(applied, &mut commands),
            Event::Broke => self.broke(&mut commands),
        }
        if self.phase == Phase::Idle {
            self.start(&mut commands);
        }
        commands
    }

    /// Begins what waits. A person's approval goes before the source.
    fn start(&mut self, commands: &mut Vec<Command>) {
        if let Some(ticket) = self.waiting.pop_front() {
            let whom = For::Approver(ticket);
            self.phase = Phase::Weighing { whom, nth: Nth::First, demanded: false };
            commands.push(Command::WeighApproved(ticket));
            return;
        }
        let demanded = match std::mem::replace(&mut self.next, Look::None) {
            Look::None => return,
            Look::Hinted => false,
            Look::Demanded => true,
        };
        self.phase = Phase::Reading { nth: Nth::First, demanded };
        commands.push(Command::Read);
    }

    fn read(&mut self, revision: Revision, commands: &mut Vec<Command>) {
        let Phase::Reading { nth, demanded } = self.phase else { return };
        if !demanded && self.dealt.as_ref() == Some(&revision) {
            self.phase = Phase::Idle;
            commands.push(Command::ReportUnchanged);
        } else {
            self.phase = Phase::Weighing { whom: For::Source(revision), nth, demanded };
            commands.push(Command::Weigh);
        }
    }

    fn unreadable(&mut self, commands: &mut Vec<Command>) {
        let Phase::Reading { nth, demanded } = self.phase else { return };
        match nth {
            Nth::First => {
                self.phase = Phase::Pausing { demanded };
                commands.push(Command::Pause);
            }
            Nth::Second => {
                self.phase = Phase::Idle;
                commands.push(Command::ReportUnreadable);
            }
        }
    }

    fn pause_over(&mut self, commands: &mut Vec<Command>) {
        let Phase::Pausing { demanded } = self.phase else { return };
        // The look that begins now sees whatever was hinted at until now.
        let demanded = demanded || self.next == Look::Demanded;
        self.next = Look::None;
        self.phase = Phase::Reading { nth: Nth::Second, demanded };
        commands.push(Command::Read);
    }

    fn weighed(&mut self, verdict: Verdict, commands: &mut Vec<Command>) {
        let Phase::Weighing { whom, nth, demanded } = self.phase.clone() else { return };
        self.phase = match (verdict, whom) {
            (Verdict::Change, whom) => {
                commands.push(Command::Apply);
                Phase::Applying { whom }
            }
            // Half a checkout may be refused as it may be invalid.
            (Verdict::Invalid | Verdict::Refused, For::Source(_)) if nth == Nth::First => {
                commands.push(Command::Pause);
                Phase::Pausing { demanded }
            }
            (Verdict::Invalid | Verdict::Refused, For::Source(revision)) => {
                self.dealt = Some(revision);
                commands.push(Command::ReportRejected);
                Phase::Idle
            }
            (Verdict::Same, For::Source(revision)) => {
                self.dealt = Some(revision);
                commands.push(Command::Rename);
                Phase::Idle
            }
            (Verdict::Invalid | Verdict::Refused | Verdict::Same, For::Approver(ticket)) => {
                commands.push(Command::Answer(ticket));
                Phase::Idle
            }
        };
    }

    /// The same input would break again: it counts as dealt with. Unless it was being applied,
    /// which says nothing about the input.
    fn broke(&mut self, commands: &mut Vec<Command>) {
        match std::mem::replace(&mut self.phase, Phase::Idle) {
            Phase::Idle => return,
            Phase::Weighing { whom: For::Approver(ticket), .. }
            | Phase::Applying { whom: For::Approver(ticket) } => {
                commands.push(Command::Answer(ticket));
                return;
            }
            Phase::Weighing { whom: For::Source(revision), .. } => self.dealt = Some(revision),
            Phase::Applying { whom: For::Source(_) } => self.dealt = None,
            Phase::Reading { .. } | Phase::Pausing { .. } => {}
        }
        commands.push(Command::ReportBroke);
    }

    fn finished(&mut self, applied: bool, commands: &mut Vec<Command>) {
        let Phase::Applying { whom } = self.phase.clone() else { return };
        self.phase = Phase::Idle;
        match whom {
            For::Approver(ticket) => commands.push(Command::Answer(ticket)),
            // A failure is tried again at the next look: the cause may have gone.
            For::Source(revision) => self.dealt = applied.then_some(revision),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(name: &str) -> Revision {
        Revision(name.to_owned())
    }

    fn run(machine: &mut Reconciler, events: &[Event]) -> Vec<Command> {
        events.iter().flat_map(|event| machine.handle(event.clone())).collect()
    }

    fn applied(name: &str) -> Reconciler {
        let mut machine = Reconciler::new(None);
        let events = [
            Event::Hint,
            Event::Read(revision(name)),
            Event::Weighed(Verdict::Change),
            Event::Finished { applied: true },
        ];
        let commands = run(&mut machine, &events);
        assert_eq!(commands, [Command::Read, Command::Weigh, Command::Apply]);
        assert!(machine.is_idle());
        machine
    }

    #[test]
    fn identical_content_is_neither_weighed_nor_applied() {
        let mut machine = applied("a");
        let commands = run(&mut machine, &[Event::Hint, Event::Read(revision("a"))]);
        assert_eq!(commands, [Command::Read, Command::ReportUnchanged]);
        assert!(machine.is_idle());
    }

    #[test]
    fn a_demand_weighs_identical_content_again() {
        let mut machine = applied("a");
        let events = [Event::Demand, Event::Read(revision("a")), Event::Weighed(Verdict::Same)];
        let commands = run(&mut machine, &events);
        assert_eq!(commands, [Command::Read, Command::Weigh, Command::Rename]);
    }

    #[test]
    fn hints_while_busy_become_one_further_look() {
        let mut machine = Reconciler::new(None);
        let events = [
            Event::Hint,
            Event::Hint,
            Event::Read(revision("a")),
            Event::Hint,
            Event::Weighed(Verdict::Change),
            Event::Hint,
        ];
        assert_eq!(run(&mut machine, &events), [Command::Read, Command::Weigh, Command::Apply]);
        assert_eq!(machine.handle(Event::Finished { applied: true }), [Command::Read]);
        let unchanged = machine.handle(Event::Read(revision("a")));
        assert_eq!(unchanged, [Command::ReportUnchanged]);
        assert!(machine.is_idle());
    }

    #[test]
    fn an_invalid_revision_is_looked_at_twice_before_it_is_reported_and_then_left_alone() {
        let mut machine = applied("a");
        let events = [
            Event::Hint,
            Event::Read(revision("b")),
            Event::Weighed(Verdict::Invalid),
            Event::PauseOver,
            Event::Read(revision("b")),
            Event::Weighed(Verdict::Invalid),
        ];
        let commands = run(&mut machine, &events);
        let looks = [Command::Read, Command::Weigh];
        let expected = [&looks[..], &[Command::Pause], &looks, &[Command::ReportRejected]].concat();
        assert_eq!(commands, expected);
        let again = run(&mut machine, &[Event::Hint, Event::Read(revision("b"))]);
        assert_eq!(again, [Command::Read, Command::ReportUnchanged]);
    }

    #[test]
    fn what_a_guard_refuses_may_be_half_a_checkout_too() {
        let mut machine = applied("a");
        let half = [Event::Hint, Event::Read(revision("b")), Event::Weighed(Verdict::Refused)];
        assert_eq!(run(&mut machine, &half).last(), Some(&Command::Pause));
        let whole = [Event::PauseOver, Event::Read(revision("c")), Event::Weighed(Verdict::Change)];
        assert_eq!(run(&mut machine, &whole).last(), Some(&Command::Apply));
    }

    #[test]
    fn a_half_written_file_is_applied_when_the_second_look_finds_it_whole() {
        let mut machine = applied("a");
        let events = [
            Event::Hint,
            Event::Read(revision("half")),
            Event::Weighed(Verdict::Invalid),
            Event::Hint,
            Event::PauseOver,
            Event::Read(revision("whole")),
            Event::Weighed(Verdict::Change),
            Event::Finished { applied: true },
        ];
        let commands = run(&mut machine, &events);
        assert!(!commands.contains(&Command::ReportRejected), "{commands:?}");
        assert_eq!(commands.last(), Some(&Command::Apply));
        assert_eq!(machine.dealt(), Some(&revision("whole")));
        assert!(machine.is_idle(), "the hint was answered by the second look");
    }

    #[test]
    fn going_back_to_the_applied_content_after_an_invalid_edit_is_noticed() {
        let mut machine = applied("a");
        let invalid = [
            Event::Hint,
            Event::Read(revision("b")),
            Event::Weighed(Verdict::Invalid),
            Event::PauseOver,
            Event::Read(revision("b")),
            Event::Weighed(Verdict::Invalid),
        ];
        run(&mut machine, &invalid);
        let back = [Event::Hint, Event::Read(revision("a")), Event::Weighed(Verdict::Same)];
        let commands = run(&mut machine, &back);
        assert_eq!(commands, [Command::Read, Command::Weigh, Command::Rename]);
    }

    #[test]
    fn an_unreadable_source_is_read_twice_then_reported() {
        let mut machine = applied("a");
        let events = [Event::Hint, Event::Unreadable, Event::PauseOver, Event::Unreadable];
        let commands = run(&mut machine, &events);
        let expected = [Command::Read, Command::Pause, Command::Read, Command::ReportUnreadable];
        assert_eq!(commands, expected);
        assert_eq!(machine.dealt(), Some(&revision("a")));
    }

    #[test]
    fn a_failed_change_is_tried_again_at_the_next_look() {
        let mut machine = Reconciler::new(None);
        let events = [
            Event::Hint,
            Event::Read(revision("a")),
            Event::Weighed(Verdict::Change),
            Event::Finished { applied: false },
        ];
        run(&mut machine, &events);
        let again = run(&mut machine, &[Event::Hint, Event::Read(revision("a"))]);
        assert_eq!(again, [Command::Read, Command::Weigh]);
    }

    #[test]
    fn an_approval_waits_for_the_change_in_progress_and_goes_before_the_next_look() {
        let mut machine = Reconciler::new(None);
        let events = [
            Event::Hint,
            Event::Read(revision("a")),
            Event::Weighed(Verdict::Change),
            Event::Approved(Ticket(1)),
            Event::Hint,
        ];
        run(&mut machine, &events);
        let next = machine.handle(Event::Finished { applied: true });
        assert_eq!(next, [Command::WeighApproved(Ticket(1))]);
        assert_eq!(machine.handle(Event::Weighed(Verdict::Change)), [Command::Apply]);
        let next = machine.handle(Event::Finished { applied: true });
        assert_eq!(next, [Command::Answer(Ticket(1)), Command::Read]);
        // The source still holds what was dealt with: it does not undo the approved plan.
        let unchanged = machine.handle(Event::Read(revision("a")));
        assert_eq!(unchanged, [Command::ReportUnchanged]);
    }

    #[test]
    fn approvals_beyond_the_bound_are_answered_busy() {
        let mut machine = Reconciler::new(None);
        machine.handle(Event::Hint);
        let most = u64::try_from(MAX_WAITING).unwrap();
        for ticket in 0..most {
            assert_eq!(machine.handle(Event::Approved(Ticket(ticket))), []);
        }
        let busy = machine.handle(Event::Approved(Ticket(most)));
        assert_eq!(busy, [Command::ReportBusy(Ticket(most))]);
    }

    #[test]
    fn a_defect_ends_the_work_and_not_the_loop() {
        let mut machine = applied("a");
        let broken = [Event::Hint, Event::Read(revision("b")), Event::Hint, Event::Broke];
        let commands = run(&mut machine, &broken);
        let looks = [Command::Read, Command::Weigh, Command::ReportBroke, Command::Read];
        assert_eq!(commands, looks);
        let again = machine.handle(Event::Read(revision("b")));
        assert_eq!(again, [Command::ReportUnchanged], "it would break again");
        machine.handle(Event::Approved(Ticket(1)));
        assert_eq!(machine.handle(Event::Broke), [Command::Answer(Ticket(1))]);
        assert!(machine.is_idle());
    }

    #[test]
    fn a_refused_approval_is_answered_without_a_change() {
        let mut machine = applied("a");
        let approved = machine.handle(Event::Approved(Ticket(7)));
        assert_eq!(approved, [Command::WeighApproved(Ticket(7))]);
        let answered = machine.handle(Event::Weighed(Verdict::Refused));
        assert_eq!(answered, [Command::Answer(Ticket(7))]);
        assert!(machine.is_idle());
    }
}
