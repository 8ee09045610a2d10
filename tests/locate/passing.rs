//! What time and failures do to a name: TTLs, old answers, trust, bounds.

use std::collections::BTreeSet;
use std::time::Duration;

use trunkline::locate::{GRACE, GUEST_TIME, Locator, MAX_GUESTS, MAX_IN_FLIGHT, MAX_STALE};
use trunkline::model::{Protocol, ServerName};
use trunkline::transaction::Moment;

use crate::zone::{TTL, Zone};

struct World {
    locator: Locator,
    zone: Zone,
    name: ServerName,
    now: Moment,
    asked: usize,
}

impl World {
    fn new(lines: &[&str]) -> Self {
        let name =
            ServerName { host: "c.example".to_owned(), port: Some(5060), protocol: Protocol::Udp };
        let mut zone = Zone::default();
        zone.set(lines);
        let mut world =
            Self { locator: Locator::default(), zone, name, now: Moment::START, asked: 0 };
        world.locator.want(BTreeSet::from([world.name.clone()]), world.now);
        world.drain();
        world
    }

    fn drain(&mut self) {
        while let Some(question) = self.locator.poll_question() {
            self.asked += 1;
            if let Some(answer) = self.zone.answer(&question) {
                self.locator.answer(&question, answer, self.now);
            }
        }
    }

    fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(due) = self.locator.next_timeout().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.locator.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    fn targets(&self) -> Vec<String> {
        let mut targets = self.locator.targets(&self.name, &mut |_| 0);
        targets.sort();
        targets.iter().map(|target| target.ip().to_string()).collect()
    }

    fn trusts(&self, ip: &str) -> bool {
        self.locator.names_at(ip.parse().unwrap()).any(|(name, _)| *name == self.name)
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_answer_is_asked_for_again_when_its_time_is_over() {
    let mut world = World::new(&["c.example A 192.0.2.1"]);
    assert_eq!(world.asked, 2);
    world.pass(TTL - SECOND);
    assert_eq!(world.asked, 2);
    world.zone.set(&["c.example A 192.0.2.9"]);
    assert_eq!(world.targets(), ["192.0.2.1"]);
    world.pass(SECOND);
    assert_eq!(world.asked, 4);
    assert_eq!(world.targets(), ["192.0.2.9"]);
}

#[test]
fn an_address_that_is_gone_is_no_target_and_trusted_a_while() {
    let mut world = World::new(&["c.example A 192.0.2.1", "c.example A 192.0.2.2"]);
    world.zone.set(&["c.example A 192.0.2.2"]);
    world.pass(TTL);
    assert_eq!(world.targets(), ["192.0.2.2"]);
    world.pass(GRACE - SECOND);
    assert!(world.trusts("192.0.2.1") && world.trusts("192.0.2.2"));
    world.pass(SECOND);
    assert!(!world.trusts("192.0.2.1") && world.trusts("192.0.2.2"));
}

#[test]
fn an_address_that_comes_back_in_time_never_lost_its_trust() {
    let both = ["c.example A 192.0.2.1", "c.example A 192.0.2.2"];
    let mut world = World::new(&both);
    world.zone.set(&["c.example A 192.0.2.2"]);
    world.pass(TTL);
    world.zone.set(&both);
    world.pass(TTL);
    assert_eq!(world.targets(), ["192.0.2.1", "192.0.2.2"]);
    world.pass(GRACE + TTL);
    assert!(world.trusts("192.0.2.1"));
}

#[test]
fn old_answers_serve_while_the_dns_fails_but_not_for_ever() {
    for fail in [|zone: &mut Zone| zone.fail("Server Failure"), |zone: &mut Zone| zone.fail("slow")]
    {
        let mut world = World::new(&["c.example A 192.0.2.1"]);
        fail(&mut world.zone);
        world.pass(MAX_STALE);
        assert_eq!(world.targets(), ["192.0.2.1"]);
        let servers = world.locator.servers(&world.name).unwrap();
        assert_eq!(servers.stale.unwrap().0.to_string(), "c.example A");
        world.pass(TTL + GRACE + 2 * SECOND * 60);
        assert_eq!(world.targets(), Vec::<String>::new());
        assert!(!world.trusts("192.0.2.1"));
        world.zone.recover();
        world.pass(60 * SECOND);
        assert_eq!(world.targets(), ["192.0.2.1"]);
    }
}

#[test]
fn a_failed_question_is_asked_again_soon_and_then_ever_less_often() {
    let mut world = World::new(&["c.example A 192.0.2.1"]);
    world.zone.fail("Server Failure");
    world.pass(TTL);
    let mut before = world.asked;
    // Two questions, tried after 2, 4, 8, 16, 32, 60, 60 seconds.
    for wait in [2, 4, 8, 16, 32, 60, 60] {
        world.pass(wait * SECOND - Duration::from_millis(1));
        assert_eq!(world.asked, before, "{wait}");
        world.pass(Duration::from_millis(1));
        assert_eq!(world.asked, before + 2, "{wait}");
        before = world.asked;
    }
}

#[test]
fn an_answer_that_takes_every_target_away_counts_after_its_grace() {
    let mut world = World::new(&["c.example A 192.0.2.1"]);
    world.zone.set(&[]);
    world.pass(TTL);
    assert_eq!(world.targets(), ["192.0.2.1"]);
    assert_eq!(
        world.locator.servers(&world.name).unwrap().lack.unwrap().to_string(),
        "there is no name c.example (NXDOMAIN)"
    );
    world.pass(GRACE);
    assert_eq!(world.targets(), Vec::<String>::new());
    assert!(!world.trusts("192.0.2.1"));
}

#[test]
fn so_many_questions_are_under_way_and_a_name_that_hangs_keeps_no_other_up() {
    let mut locator = Locator::default();
    let names = (0..200).map(|at| ServerName {
        host: format!("c{at}.example"),
        port: Some(5060),
        protocol: Protocol::Udp,
    });
    let names: BTreeSet<ServerName> = names.collect();
    locator.want(names.clone(), Moment::START);
    let zone = Zone::default();
    let mut hanging = Vec::new();
    let mut asked = BTreeSet::new();
    while let Some(question) = locator.poll_question() {
        asked.insert(question.clone());
        // All but one slot hang.
        if hanging.len() < MAX_IN_FLIGHT - 1 {
            hanging.push(question);
        } else {
            locator.answer(&question, zone.answer(&question).unwrap(), Moment::START);
        }
    }
    assert_eq!(asked.len(), 400);
    locator.want(BTreeSet::new(), Moment::START);
    for question in hanging {
        locator.answer(&question, zone.answer(&question).unwrap(), Moment::START);
    }
    locator.want(names, Moment::START);
    let under_way = std::iter::from_fn(|| locator.poll_question()).count();
    assert_eq!(under_way, MAX_IN_FLIGHT);
}

#[test]
fn names_that_share_an_answer_all_follow_it() {
    let mut locator = Locator::default();
    let mut zone = Zone::default();
    let lines = |last: u8| {
        let services = (0..50).map(|at| format!("_sip._udp.c{at}.example SRV 1 0 5060 h.example"));
        services.chain([format!("h.example A 192.0.2.{last}")]).collect::<Vec<String>>()
    };
    let set = |zone: &mut Zone, lines: &[String]| {
        zone.set(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    };
    set(&mut zone, &lines(1));
    let names: Vec<ServerName> = (0..50)
        .map(|at| ServerName {
            host: format!("c{at}.example"),
            port: None,
            protocol: Protocol::Udp,
        })
        .collect();
    locator.want(names.iter().cloned().collect(), Moment::START);
    let mut asked = 0;
    let mut drain = |locator: &mut Locator, zone: &Zone, now: Moment| {
        while let Some(question) = locator.poll_question() {
            asked += 1;
            locator.answer(&question, zone.answer(&question).unwrap(), now);
        }
        asked
    };
    // NAPTR and SRV of each, one A and one AAAA for all.
    assert_eq!(drain(&mut locator, &zone, Moment::START), 102);
    assert!(locator.take_changed());
    let later = Moment::START + TTL;
    locator.handle_timeout(later);
    drain(&mut locator, &zone, later);
    assert!(!locator.take_changed(), "the same answers are no news");
    set(&mut zone, &lines(2));
    let later = later + TTL;
    locator.handle_timeout(later);
    drain(&mut locator, &zone, later);
    for name in &names {
        let targets = locator.targets(name, &mut |_| 0);
        assert_eq!(targets, ["192.0.2.2:5060".parse().unwrap()]);
    }
}

#[test]
fn a_name_that_nobody_wants_is_forgotten_whole() {
    let mut world = World::new(&["c.example A 192.0.2.1", "c.example A 192.0.2.2"]);
    world.zone.set(&["c.example A 192.0.2.2"]);
    world.pass(TTL);
    world.locator.want(BTreeSet::new(), world.now);
    assert!(!world.trusts("192.0.2.1") && !world.trusts("192.0.2.2"));
    assert!(world.locator.servers(&world.name).is_none());
    assert_eq!(world.locator.next_timeout(), None);
    world.drain();
    assert_eq!(world.locator.poll_question(), None);
}

#[test]
fn a_name_that_is_wanted_for_a_while_is_known_so_long_and_no_longer() {
    let mut world = World::new(&["c.example A 192.0.2.1", "d.example A 192.0.2.2"]);
    let guest = ServerName { host: "d.example".to_owned(), ..world.name.clone() };
    let known = |world: &World, name: &ServerName| world.locator.servers(name).is_some();
    assert!(world.locator.want_for_now(&guest, world.now));
    assert!(world.locator.is_awaited(&guest), "nobody has asked yet");
    world.drain();
    assert!(!world.locator.is_awaited(&guest));
    assert_eq!(world.locator.targets(&guest, &mut |_| 0).len(), 1);
    // A new configuration does not know it, and leaves it alone; brought up again, it stays longer.
    world.pass(GUEST_TIME / 2);
    world.locator.want(BTreeSet::from([world.name.clone()]), world.now);
    assert!(world.locator.want_for_now(&guest, world.now));
    world.pass(GUEST_TIME - Duration::from_millis(1));
    assert!(known(&world, &guest));
    world.pass(Duration::from_millis(1));
    assert!(!known(&world, &guest) && !world.trusts("192.0.2.2"));
    // What a configuration wants, too, stays; and the other way round.
    assert!(world.locator.want_for_now(&world.name.clone(), world.now));
    world.pass(GUEST_TIME);
    assert!(known(&world, &world.name));
    assert!(world.locator.want_for_now(&world.name.clone(), world.now));
    world.locator.want(BTreeSet::new(), world.now);
    assert!(known(&world, &world.name));
    world.pass(GUEST_TIME);
    assert!(!known(&world, &world.name));
    assert_eq!(world.locator.next_timeout(), None);
}

#[test]
fn no_more_names_are_wanted_for_a_while_than_there_is_room_for() {
    let mut world = World::new(&[]);
    let named = |number: usize| ServerName {
        host: format!("n{number}.example"),
        port: Some(5060),
        protocol: Protocol::Udp,
    };
    for number in 0..MAX_GUESTS {
        assert!(world.locator.want_for_now(&named(number), world.now));
    }
    assert!(!world.locator.want_for_now(&named(MAX_GUESTS), world.now));
    assert!(world.locator.want_for_now(&named(0), world.now), "it has its place");
    world.pass(GUEST_TIME);
    assert!(world.locator.want_for_now(&named(MAX_GUESTS), world.now));
}
