//! Pools of one tenant on one trunk, against comparing every number of every two; and the router,
//! which leaves each number to one of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use trunkline::diag::Code;
use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
use trunkline::model::ResourceId;
use trunkline::routing::Table;
use trunkline::validate::validate;

const HEAD: &str = "apiVersion: trunkline.dev/v1\n";

/// The items of a pool, as first number and how many more.
type Pool = Vec<(u8, u8)>;

fn text_of(pools: &[Pool]) -> String {
    let mut text = String::new();
    for (kind, name, spec) in [
        ("Transport", "udp", "protocol: udp, port: 5060"),
        ("Tenant", "a", "sipDomain: a.example.net"),
        ("Trunk", "t", "type: ip, host: 203.0.113.1"),
    ] {
        writeln!(text, "---\n{HEAD}kind: {kind}\nmetadata: {{name: {name}}}\nspec: {{{spec}}}")
            .unwrap();
    }
    for (at, items) in pools.iter().enumerate() {
        let items: Vec<_> =
            items.iter().map(|(first, more)| format!("{first}-{}", first + more)).collect();
        writeln!(text, "---\n{HEAD}kind: DidPool\nmetadata: {{name: p{at}, tenant: a}}\nspec: {{trunk: t, numbers: [{}]}}", items.join(", ")).unwrap();
    }
    text
}

fn holds(items: &Pool, number: u8) -> bool {
    items.iter().any(|(first, more)| (*first..=first + more).contains(&number))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_two_are_told_and_every_number_is_found(
        pools in prop::collection::vec(prop::collection::vec((10_u8..30, 0_u8..9), 1..4), 2..5)
    ) {
        let text = text_of(&pools);
        let content = Content::Text(Arc::from(text.as_str()));
        let file = SourceFile { path: "a.yaml".to_owned(), content };
        let checked = validate(&SourceTree { files: vec![file], rooted: false });
        let mut told = BTreeSet::new();
        for one in &checked.diagnostics {
            prop_assert!(one.code.severity() == trunkline::diag::Severity::Warning, "{}\n{}", one.message, text);
            if one.code == Code::TL304 && one.message.contains("on the same trunk") {
                let index = |text: &str| text.rsplit('p').next().unwrap().split(' ').next().unwrap().parse::<usize>().unwrap();
                let (own, other) = (index(one.resource.as_ref().unwrap()), index(one.related[0].message.split(' ').next().unwrap()));
                told.insert((own.min(other), own.max(other)));
            }
        }
        let mut expected = BTreeSet::new();
        for (at, one) in pools.iter().enumerate() {
            for (other, two) in pools.iter().enumerate().skip(at + 1) {
                if (10..40).any(|number| holds(one, number) && holds(two, number)) {
                    expected.insert((at, other));
                }
            }
        }
        prop_assert_eq!(told, expected, "{}", text);
        let table = Table::compile(&checked.resources);
        let trunk = table.trunk_of(&"Trunk/t".parse::<ResourceId>().unwrap()).unwrap();
        for number in 10..40_u8 {
            let found = table.pool(trunk, number.to_string().parse().unwrap());
            let owners: Vec<_> = (0..pools.len()).filter(|at| holds(&pools[*at], number)).collect();
            match found {
                Some(entry) => {
                    let at: usize = entry.id.name.as_str()[1..].parse().unwrap();
                    prop_assert!(owners.contains(&at), "{} {}", number, text);
                }
                None => prop_assert!(owners.is_empty(), "{} {}", number, text),
            }
        }
    }
}
