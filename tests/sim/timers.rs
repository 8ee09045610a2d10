//! Every state and timer of the four machines, in virtual time (RFC 3261 section 17, RFC 6026).

use std::time::Duration;

use trunkline::transaction::{
    ClientInvite, ClientNonInvite, Link, Moment, Packet, ServerInvite, ServerNonInvite, Status,
    Step, client_invite, client_non_invite, server_invite, server_non_invite,
};

fn packet(text: &str) -> Packet {
    text.as_bytes().into()
}

fn text(packet: &Packet) -> String {
    String::from_utf8(packet.to_vec()).unwrap()
}

fn ack(request: &[u8]) -> Option<Packet> {
    Some([b"ACK of ", request].concat().into())
}

/// Any of the four machines, as far as these tests drive it.
trait Machine: Sized {
    fn due(&self) -> Option<Moment>;
    fn tick(self, now: Moment) -> Step<Self>;
}

impl Machine for ClientInvite {
    fn due(&self) -> Option<Moment> {
        self.deadline()
    }
    fn tick(self, now: Moment) -> Step<Self> {
        self.handle(client_invite::Event::Time, now)
    }
}

impl Machine for ClientNonInvite {
    fn due(&self) -> Option<Moment> {
        self.deadline()
    }
    fn tick(self, now: Moment) -> Step<Self> {
        self.handle(client_non_invite::Event::Time, now)
    }
}

impl Machine for ServerInvite {
    fn due(&self) -> Option<Moment> {
        self.deadline()
    }
    fn tick(self, now: Moment) -> Step<Self> {
        self.handle(server_invite::Event::Time, now)
    }
}

impl Machine for ServerNonInvite {
    fn due(&self) -> Option<Moment> {
        self.deadline()
    }
    fn tick(self, now: Moment) -> Step<Self> {
        self.handle(server_non_invite::Event::Time, now)
    }
}

/// A machine and what it did, as lines `<ms> <what>`.
struct Run<S> {
    state: Option<S>,
    now: Moment,
    log: Vec<String>,
}

impl<S: Machine> Run<S> {
    fn new(step: Step<S>) -> Self {
        let mut run = Self { state: None, now: Moment::START, log: Vec::new() };
        run.take(step);
        run
    }

    fn take(&mut self, step: Step<S>) {
        let now = self.now.millis();
        self.log.extend(step.send.iter().map(|packet| format!("{now} {}", text(packet))));
        self.log.extend(step.tell.iter().map(|tell| format!("{now} {tell:?}")));
        self.state = Some(step.next);
    }

    /// Time passes to `until`, stopping at every deadline.
    fn pass(&mut self, until: u64) -> &mut Self {
        let until = Moment::from_millis(until);
        while let Some(due) = self.state.as_ref().unwrap().due().filter(|due| *due <= until) {
            self.now = due;
            let state = self.state.take().unwrap();
            self.take(state.tick(due));
        }
        self.now = until;
        self
    }

    fn step(&mut self, event: impl FnOnce(S, Moment) -> Step<S>) -> &mut Self {
        let state = self.state.take().unwrap();
        self.take(event(state, self.now));
        self
    }

    fn logged(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }
}

fn client_invite() -> Run<ClientInvite> {
    Run::new(ClientInvite::start(packet("INVITE"), Link::Datagram, Moment::START))
}

fn answered(status: Status) -> impl FnOnce(ClientInvite, Moment) -> Step<ClientInvite> {
    move |state, now| state.handle(client_invite::Event::Response(status, &ack), now)
}

fn client_other() -> Run<ClientNonInvite> {
    Run::new(ClientNonInvite::start(packet("BYE"), Link::Datagram, Moment::START))
}

fn replied(status: Status) -> impl FnOnce(ClientNonInvite, Moment) -> Step<ClientNonInvite> {
    move |state, now| state.handle(client_non_invite::Event::Response(status), now)
}

fn server_invite() -> Run<ServerInvite> {
    Run::new(Step { next: ServerInvite::start(Link::Datagram), send: None, tell: None })
}

fn respond(code: u16) -> impl FnOnce(ServerInvite, Moment) -> Step<ServerInvite> {
    let event = server_invite::Event::Respond(Status::of(code), packet(&code.to_string()));
    move |state, now| state.handle(event, now)
}

fn server_other() -> Run<ServerNonInvite> {
    Run::new(Step { next: ServerNonInvite::start(Link::Datagram), send: None, tell: None })
}

fn reply(code: u16) -> impl FnOnce(ServerNonInvite, Moment) -> Step<ServerNonInvite> {
    let event = server_non_invite::Event::Respond(Status::of(code), packet(&code.to_string()));
    move |state, now| state.handle(event, now)
}

fn invite_again(state: ServerInvite, now: Moment) -> Step<ServerInvite> {
    state.handle(server_invite::Event::Again, now)
}

fn invite_ack(state: ServerInvite, now: Moment) -> Step<ServerInvite> {
    state.handle(server_invite::Event::Ack, now)
}

fn other_again(state: ServerNonInvite, now: Moment) -> Step<ServerNonInvite> {
    state.handle(server_non_invite::Event::Again, now)
}

#[test]
fn timer_a_doubles_and_timer_b_gives_up_after_64_t1() {
    let log = client_invite().pass(100_000).logged();
    let sent = ["0", "500", "1500", "3500", "7500", "15500", "31500"];
    let mut expected: Vec<_> = sent.iter().map(|at| format!("{at} INVITE")).collect();
    expected.push("32000 TimedOut".into());
    assert_eq!(log, expected);
}

#[test]
fn a_provisional_stops_timers_a_and_b() {
    let mut run = client_invite();
    let log = run.pass(400).step(answered(Status::Provisional)).pass(3_600_000).logged();
    assert_eq!(log, ["0 INVITE", "400 Response"]);
    assert!(matches!(run.state, Some(ClientInvite::Proceeding { .. })));
}

#[test]
fn a_failure_is_acknowledged_each_time_until_timer_d() {
    let mut run = client_invite();
    run.step(answered(Status::Failure)).pass(20_000).step(answered(Status::Failure));
    let log = run.pass(31_999).step(answered(Status::Failure)).logged();
    assert_eq!(
        log,
        ["0 INVITE", "0 ACK of INVITE", "0 Response", "20000 ACK of INVITE", "31999 ACK of INVITE"]
    );
    run.pass(32_000);
    assert!(matches!(run.state, Some(ClientInvite::Terminated)));
}

#[test]
fn a_completed_client_ignores_provisionals_and_late_success() {
    let mut run = client_invite();
    run.step(answered(Status::Failure)).logged();
    run.step(answered(Status::Provisional)).step(answered(Status::Success));
    assert!(run.logged().is_empty());
}

#[test]
fn accepted_passes_every_2xx_up_until_timer_m() {
    let mut run = client_invite();
    run.step(answered(Status::Provisional)).step(answered(Status::Success)).pass(31_000);
    run.step(answered(Status::Success)).step(answered(Status::Failure));
    let log = run.step(answered(Status::Provisional)).logged();
    assert_eq!(log, ["0 INVITE", "0 Response", "0 Response", "31000 Response"]);
    run.pass(32_000);
    assert!(matches!(run.state, Some(ClientInvite::Terminated)));
}

#[test]
fn a_cancelled_invite_without_a_final_response_ends_after_64_t1() {
    let mut run = client_invite();
    run.step(answered(Status::Provisional)).pass(60_000).logged();
    run.step(|state, now| state.handle(client_invite::Event::Bound, now)).pass(70_000);
    run.step(answered(Status::Provisional)).pass(200_000);
    assert_eq!(run.logged(), ["70000 Response", "92000 TimedOut"]);
}

#[test]
fn a_bound_set_before_the_first_provisional_holds_after_it() {
    let mut run = client_invite();
    run.step(|state, now| state.handle(client_invite::Event::Bound, now)).pass(400);
    run.step(answered(Status::Provisional)).pass(200_000);
    assert_eq!(run.logged(), ["0 INVITE", "400 Response", "32000 TimedOut"]);
}

#[test]
fn an_unreachable_invite_ends_at_once_and_an_answered_one_goes_on() {
    let mut run = client_invite();
    run.step(|state, now| state.handle(client_invite::Event::Unreachable, now));
    assert_eq!(run.logged(), ["0 INVITE", "0 Unreachable"]);
    // It may have arrived all the same: of its answers those that make a dialog are heard.
    run.pass(20_000).step(answered(Status::Provisional)).step(answered(Status::Failure));
    run.step(answered(Status::Success)).pass(200_000);
    assert_eq!(run.logged(), ["20000 Response"]);
    assert!(matches!(run.state, Some(ClientInvite::Terminated)));
    let mut run = client_invite();
    run.step(answered(Status::Provisional)).logged();
    run.step(|state, now| state.handle(client_invite::Event::Unreachable, now));
    assert!(run.logged().is_empty());
    assert!(matches!(run.state, Some(ClientInvite::Proceeding { .. })));
}

#[test]
fn timer_e_doubles_to_t2_and_timer_f_gives_up_after_64_t1() {
    let log = client_other().pass(100_000).logged();
    let sent = [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    let mut expected: Vec<_> = sent.iter().map(|at| format!("{at} BYE")).collect();
    expected.push("32000 TimedOut".into());
    assert_eq!(log, expected);
}

#[test]
fn a_proceeding_request_is_sent_again_at_t2_and_still_gives_up() {
    let mut run = client_other();
    run.pass(100).step(replied(Status::Provisional)).logged();
    let log = run.pass(100_000).logged();
    let sent = [4100, 8100, 12_100, 16_100, 20_100, 24_100, 28_100];
    let mut expected: Vec<_> = sent.iter().map(|at| format!("{at} BYE")).collect();
    expected.push("32000 TimedOut".into());
    assert_eq!(log, expected);
}

#[test]
fn timer_k_absorbs_repeated_finals_for_t4() {
    let mut run = client_other();
    run.step(replied(Status::Success)).pass(4_999).step(replied(Status::Success));
    assert_eq!(run.logged(), ["0 BYE", "0 Response"]);
    assert!(matches!(run.state, Some(ClientNonInvite::Completed { .. })));
    run.pass(5_000);
    assert!(matches!(run.state, Some(ClientNonInvite::Terminated)));
}

#[test]
fn a_repeated_invite_gets_the_last_provisional() {
    let mut run = server_invite();
    run.step(invite_again).step(respond(100)).step(invite_again).step(respond(180));
    let log = run.step(invite_again).pass(3_600_000).logged();
    assert_eq!(log, ["0 100", "0 100", "0 180", "0 180"]);
}

#[test]
fn timer_g_repeats_a_failure_and_timer_h_gives_up_after_64_t1() {
    let mut run = server_invite();
    let log = run.step(respond(486)).pass(100_000).logged();
    let sent = [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    let mut expected: Vec<_> = sent.iter().map(|at| format!("{at} 486")).collect();
    expected.push("32000 NoAck".into());
    assert_eq!(log, expected);
}

#[test]
fn an_ack_stops_timer_g_and_timer_i_absorbs_further_acks_for_t4() {
    let mut run = server_invite();
    run.step(respond(486)).pass(400).step(invite_ack).pass(5_399);
    run.step(invite_ack).step(invite_again);
    assert_eq!(run.logged(), ["0 486"]);
    assert!(matches!(run.state, Some(ServerInvite::Confirmed { .. })));
    run.pass(5_400);
    assert!(matches!(run.state, Some(ServerInvite::Terminated)));
}

#[test]
fn an_accepted_server_absorbs_the_invite_until_timer_l_and_repeats_its_2xx_on_demand() {
    let mut run = server_invite();
    run.step(respond(200)).pass(500).step(invite_again).step(respond(200));
    run.step(respond(486)).step(respond(180)).pass(31_999);
    assert_eq!(run.logged(), ["0 200", "500 200"]);
    assert!(matches!(run.state, Some(ServerInvite::Accepted { .. })));
    run.pass(32_000);
    assert!(matches!(run.state, Some(ServerInvite::Terminated)));
}

#[test]
fn the_first_final_response_stands() {
    let mut run = server_invite();
    run.step(respond(486)).step(respond(200)).step(respond(603));
    assert_eq!(run.logged(), ["0 486"]);
    let mut run = server_other();
    run.step(reply(200)).step(reply(500));
    assert_eq!(run.logged(), ["0 200"]);
}

#[test]
fn a_repeated_request_gets_the_last_response_until_timer_j() {
    let mut run = server_other();
    run.step(other_again).step(reply(100)).step(other_again).step(reply(200)).pass(31_999);
    run.step(other_again);
    assert_eq!(run.logged(), ["0 100", "0 100", "0 200", "31999 200"]);
    run.pass(32_000).step(other_again);
    assert!(run.logged().is_empty());
    assert!(matches!(run.state, Some(ServerNonInvite::Terminated)));
}

#[test]
fn a_late_driver_sends_once_and_not_once_per_missed_interval() {
    let mut run = client_invite();
    run.logged();
    run.now = Moment::from_millis(20_000);
    run.step(ClientInvite::tick);
    assert_eq!(run.logged(), ["20000 INVITE"]);
    let due = run.state.as_ref().unwrap().deadline().unwrap();
    assert!(due > run.now && due - run.now <= Duration::from_secs(12));
}

#[test]
fn over_a_connection_nothing_is_repeated_and_nothing_lingers() {
    let link = Link::Stream(None);
    let start = Moment::START;
    let mut run = Run::new(ClientInvite::start(packet("INVITE"), link, start));
    assert_eq!(run.pass(40_000).logged(), ["0 INVITE", "32000 TimedOut"]);
    let mut run = Run::new(ClientInvite::start(packet("INVITE"), link, start));
    run.step(answered(Status::Provisional)).pass(900).step(answered(Status::Failure));
    assert_eq!(
        run.pass(900).logged(),
        ["0 INVITE", "0 Response", "900 ACK of INVITE", "900 Response"]
    );
    assert!(matches!(run.state, Some(ClientInvite::Terminated)));
    let mut run = Run::new(ClientNonInvite::start(packet("BYE"), link, start));
    run.pass(900).step(replied(Status::Provisional)).pass(20_000).step(replied(Status::Success));
    assert_eq!(run.pass(20_000).logged(), ["0 BYE", "900 Response", "20000 Response"]);
    assert!(matches!(run.state, Some(ClientNonInvite::Terminated)));
    let mut run = Run::new(Step { next: ServerInvite::start(link), send: None, tell: None });
    run.step(respond(486)).pass(31_999);
    assert_eq!(run.logged(), ["0 486"]);
    run.step(|state, now| state.handle(server_invite::Event::Ack, now)).pass(31_999);
    assert!(matches!(run.state, Some(ServerInvite::Terminated)));
    let mut run = Run::new(Step { next: ServerNonInvite::start(link), send: None, tell: None });
    run.step(reply(200)).pass(0);
    assert!(matches!(run.state, Some(ServerNonInvite::Terminated)));
}
