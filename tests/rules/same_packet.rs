//! Trunks that one packet may be of, against every packet and every number.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;

use proptest::prelude::*;
use trunkline::diag::Code;
use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
use trunkline::validate::validate;

const HEAD: &str = "apiVersion: trunkline.dev/v1\n";

/// A trunk as what identifies it.
#[derive(Debug, Clone)]
struct Line {
    registers: bool,
    provider: Option<char>,
    host: &'static str,
    /// Beginning and length of the associated networks.
    networks: Vec<(u8, u8)>,
    port: u16,
    verifies: bool,
    transport: &'static str,
    enabled: bool,
    /// Tenant, first and last number.
    pools: Vec<(char, u8, u8)>,
}

fn line() -> impl Strategy<Value = Line> {
    let identity = (
        any::<bool>(),
        prop::option::weighted(0.7, prop::sample::select(vec!['p', 'q', 'r'])),
        prop::sample::select(vec!["203.0.113.1", "203.0.113.2", "sip.carrier.example"]),
        prop::collection::vec(prop::sample::select(vec![(0, 30), (2, 31), (4, 30)]), 0..2),
    );
    let listener = (
        prop::sample::select(vec![5060_u16, 5062]),
        any::<bool>(),
        prop::sample::select(vec!["udp", "udp", "other", "tcp"]),
        prop::bool::weighted(0.9),
    );
    let pool = (prop::sample::select(vec!['a', 'b']), 10_u8..20, 0_u8..4);
    let pools = prop::collection::vec(pool, 0..3);
    (identity, listener, pools).prop_map(|(identity, listener, pools)| {
        let (registers, provider, host, networks) = identity;
        let (port, verifies, transport, enabled) = listener;
        let pools = pools.into_iter().map(|(of, first, more)| (of, first, first + more)).collect();
        Line { registers, provider, host, networks, port, verifies, transport, enabled, pools }
    })
}

fn text_of(lines: &[Line]) -> String {
    let mut text = String::new();
    for (name, spec) in
        [("udp", "udp, port: 5060"), ("other", "udp, port: 5070"), ("tcp", "tcp, port: 5060")]
    {
        writeln!(
            text,
            "---\n{HEAD}kind: Transport\nmetadata: {{name: {name}}}\nspec: {{protocol: {spec}}}"
        )
        .unwrap();
    }
    for tenant in ['a', 'b'] {
        writeln!(text, "---\n{HEAD}kind: Tenant\nmetadata: {{name: {tenant}}}\nspec: {{sipDomain: {tenant}.example.net}}").unwrap();
    }
    for (at, line) in lines.iter().enumerate() {
        let Line { host, port, verifies, transport, enabled, .. } = line;
        let kind = match line.registers {
            true => {
                format!("register, registration: {{username: u{at}, password: {{env: X}}}}")
            }
            false => "ip".to_owned(),
        };
        let provider = line.provider.map_or(String::new(), |one| format!(", provider: {one}"));
        let ips: Vec<_> =
            line.networks.iter().map(|(from, bits)| format!("203.0.113.{from}/{bits}")).collect();
        writeln!(text, "---\n{HEAD}kind: Trunk\nmetadata: {{name: t{at}}}\nspec: {{type: {kind}{provider}, host: {host}, port: {port}, verifyPort: {verifies}, transport: {transport}, enabled: {enabled}, associatedIps: [{}]}}", ips.join(", ")).unwrap();
        for (number, (tenant, first, last)) in line.pools.iter().enumerate() {
            writeln!(text, "---\n{HEAD}kind: DidPool\nmetadata: {{name: p{at}-{number}, tenant: {tenant}}}\nspec: {{trunk: t{at}, numbers: [{first}-{last}]}}").unwrap();
        }
    }
    text
}

impl Line {
    fn sources(&self) -> Vec<(u8, u8)> {
        let host = self.host.parse::<Ipv4Addr>().ok().map(|ip| (ip.octets()[3], 32));
        host.into_iter().chain(self.networks.iter().copied()).collect()
    }

    /// How well a packet fits: the longest network, and whether the port was asked for.
    fn rank(&self, transport: &str, address: u8, port: u16) -> Option<(u8, bool)> {
        let asks = self.verifies && self.transport != "tcp";
        if !self.enabled || self.transport != transport || (asks && port != self.port) {
            return None;
        }
        let holds = |(from, bits): &(u8, u8)| {
            address >> (32 - bits) == from >> (32 - bits) || (*bits == 32 && address == *from)
        };
        self.sources().into_iter().filter(holds).map(|(_, bits)| (bits, asks)).max()
    }

    fn has(&self, address: u8) -> bool {
        let holds =
            |(from, bits): &(u8, u8)| (*from..=from + (1 << (32 - bits)) - 1).contains(&address);
        self.sources().iter().any(holds)
    }

    fn same_provider(&self, other: &Self) -> bool {
        match self.provider.zip(other.provider) {
            Some((one, two)) => one == two,
            None => {
                let met = (0..8).any(|address| self.has(address) && other.has(address));
                self.host == other.host || met
            }
        }
    }

    /// Whether no called number tells the two apart, where that is this rule's business.
    fn is_confused_with(&self, other: &Self) -> bool {
        let same = self.same_provider(other);
        let share = |(of, first, last): &(char, u8, u8)| {
            other.pools.iter().any(|(of_other, from, to)| {
                let tenants = !same || (of == of_other && (self.registers || other.registers));
                tenants && first <= to && from <= last
            })
        };
        let nothing = !same && (self.pools.is_empty() || other.pools.is_empty());
        nothing || self.pools.iter().any(share)
    }
}

#[test]
fn a_comparison_that_stops_says_so() {
    let count = |lines: usize, pools: &[(char, u8, u8)]| {
        let host = "203.0.113.1";
        let line = |at: usize| Line {
            registers: true,
            provider: char::from_u32(0x4e00 + u32::try_from(at).unwrap()),
            host,
            networks: Vec::new(),
            port: 5060,
            verifies: false,
            transport: "udp",
            enabled: true,
            pools: pools.to_vec(),
        };
        let text = text_of(&(0..lines).map(line).collect::<Vec<_>>());
        let content = Content::Text(Arc::from(text.as_str()));
        let file = SourceFile { path: "a.yaml".to_owned(), content };
        let checked = validate(&SourceTree { files: vec![file], rooted: false });
        let all = checked.diagnostics.iter().filter(|one| one.code == Code::TL407);
        let (stops, pairs): (Vec<_>, Vec<_>) =
            all.partition(|one| one.message.contains("not all trunks"));
        (pairs.len(), stops.len())
    };
    let pool = [('a', 10, 12)];
    assert_eq!(count(45, &pool), (990, 0));
    assert_eq!(count(46, &pool), (1000, 1));
    assert_eq!(count(1000, &[]), (999, 0));
    assert_eq!(count(1002, &[]), (999, 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn tl407_is_told_where_a_packet_fits_two_trunks(lines in prop::collection::vec(line(), 2..5)) {
        let text = text_of(&lines);
        let content = Content::Text(Arc::from(text.as_str()));
        let file = SourceFile { path: "a.yaml".to_owned(), content };
        let checked = validate(&SourceTree { files: vec![file], rooted: false });
        let mut told = BTreeSet::new();
        for one in &checked.diagnostics {
            // Over connections `verifyPort` verifies nothing, which is told.
            let sound = !one.code.as_str().starts_with("TL1") || one.code == Code::TL108;
            prop_assert!(sound, "{}\n{}", one.message, text);
            if one.code == Code::TL407 {
                let other = one.message.split('`').nth(1).unwrap()[1..].parse::<usize>().unwrap();
                let own = one.resource.as_ref().unwrap().strip_prefix("Trunk/t").unwrap().parse::<usize>().unwrap();
                told.insert((own.min(other), own.max(other)));
            }
        }
        let mut expected = BTreeSet::new();
        for one in 0..lines.len() {
            for two in one + 1..lines.len() {
                let (a, b) = (&lines[one], &lines[two]);
                let fits = ["udp", "other", "tcp"].iter().any(|transport| (0..8).any(|address| {
                    [5060, 5062, 9999].iter().any(|port| {
                        let rank = a.rank(transport, address, *port);
                        rank.is_some() && rank == b.rank(transport, address, *port)
                    })
                }));
                if fits && a.is_confused_with(b) {
                    expected.insert((one, two));
                }
            }
        }
        prop_assert!(told.is_subset(&expected), "{:?} {:?}\n{}", told, expected, text);
        for pair in expected.difference(&told) {
            // Of a trunk without numbers, one other is told for each address.
            let bare = [pair.0, pair.1].into_iter().filter(|at| lines[*at].pools.is_empty());
            let named = |at: usize| told.iter().any(|(one, two)| *one == at || *two == at);
            prop_assert!(bare.clone().count() > 0 && bare.into_iter().any(named), "{:?} {:?}\n{}", told, expected, text);
        }
    }
}

#[test]
fn many_trunks_of_one_address_are_compared_once() {
    let line = |at: u32| Line {
        registers: false,
        // One key for each, one for all, or none.
        provider: match at % 3 {
            0 => char::from_u32(0x4e00 + at),
            1 => Some('p'),
            _ => None,
        },
        host: "203.0.113.1",
        networks: Vec::new(),
        port: 5060,
        verifies: false,
        transport: "udp",
        enabled: true,
        pools: Vec::new(),
    };
    let count = 3000;
    let text = text_of(&(0..count).map(line).collect::<Vec<_>>());
    let file = SourceFile { path: "a.yaml".to_owned(), content: Content::Text(Arc::from(text)) };
    let checked = validate(&SourceTree { files: vec![file], rooted: false });
    let told = |code| checked.diagnostics.iter().filter(|one| one.code == code).count();
    // A key of its own is another provider until there is a trunk without any.
    assert_eq!(told(Code::TL405), usize::try_from(count).unwrap() - 2);
    assert_eq!(told(Code::TL407), 1000);
}
