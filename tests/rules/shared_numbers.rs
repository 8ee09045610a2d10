//! Numbers of two tenants' pools, against comparing every number of every two pools.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use proptest::prelude::*;
use trunkline::diag::Code;
use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
use trunkline::validate::validate;

const HEAD: &str = "apiVersion: trunkline.dev/v1\n";

/// A pool: its tenant, its trunk, and its items as first number and how many more.
type Pool = (char, usize, Vec<(u8, u8)>);

/// Two trunks of one provider and one of another.
const PROVIDERS: [char; 3] = ['p', 'p', 'q'];

fn text_of(pools: &[Pool]) -> String {
    let mut text = format!(
        "{HEAD}kind: Transport\nmetadata: {{name: udp}}\nspec: {{protocol: udp, port: 5060}}\n"
    );
    for tenant in ['a', 'b', 'c'] {
        writeln!(text, "---\n{HEAD}kind: Tenant\nmetadata: {{name: {tenant}}}\nspec: {{sipDomain: {tenant}.example.net}}").unwrap();
    }
    for (at, provider) in PROVIDERS.iter().enumerate() {
        writeln!(text, "---\n{HEAD}kind: Trunk\nmetadata: {{name: t{at}}}\nspec: {{type: ip, provider: {provider}, host: 203.0.113.{at}}}").unwrap();
    }
    for (at, (tenant, trunk, items)) in pools.iter().enumerate() {
        let items: Vec<_> =
            items.iter().map(|(first, more)| format!("{first}-{}", first + more)).collect();
        writeln!(text, "---\n{HEAD}kind: DidPool\nmetadata: {{name: p{at}, tenant: {tenant}}}\nspec: {{trunk: t{trunk}, numbers: [{}]}}", items.join(", ")).unwrap();
    }
    text
}

/// The number of a pool whose name is `DidPool/TENANT/pN`, with more behind it or not.
fn index(resource: &str) -> usize {
    let name = resource.split('/').nth(2).unwrap().split(' ').next().unwrap();
    name[1..].parse().unwrap()
}

/// The numbers of a list, `10-12, 15`.
fn numbers(list: &str) -> BTreeSet<u8> {
    list.split(", ")
        .flat_map(|item| {
            let (first, last) = item.split_once('-').unwrap_or((item, item));
            first.parse::<u8>().unwrap()..=last.parse().unwrap()
        })
        .collect()
}

fn pool() -> impl Strategy<Value = Pool> {
    let items = prop::collection::vec((10_u8..30, 0_u8..6), 1..4);
    (prop::sample::select(vec!['a', 'b', 'c']), 0..PROVIDERS.len(), items)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_two_pools_are_told_with_exactly_what_they_share(pools in prop::collection::vec(pool(), 2..7)) {
        let text = text_of(&pools);
        let content = Content::Text(Arc::from(text.as_str()));
        let file = SourceFile { path: "a.yaml".to_owned(), content };
        let checked = validate(&SourceTree { files: vec![file], rooted: false });
        let mut told = Vec::new();
        for one in &checked.diagnostics {
            if matches!(one.code, Code::TL301 | Code::TL306) {
                let (own, other) = (index(one.resource.as_ref().unwrap()), index(&one.related[0].message));
                let shared = numbers(one.message.rsplit_once(": ").unwrap().1);
                told.push((own.min(other), own.max(other), one.code, shared));
            }
        }
        let mut expected = Vec::new();
        for (at, (tenant, trunk, items)) in pools.iter().enumerate() {
            let holds = |items: &[(u8, u8)], n: u8| items.iter().any(|(first, more)| (*first..=first + more).contains(&n));
            for (other, (of, on, others)) in pools.iter().enumerate().skip(at + 1) {
                let shared: BTreeSet<u8> = (10..40).filter(|n| holds(items, *n) && holds(others, *n)).collect();
                if tenant != of && !shared.is_empty() {
                    let code = if PROVIDERS[*trunk] == PROVIDERS[*on] { Code::TL301 } else { Code::TL306 };
                    expected.push((at, other, code, shared));
                }
            }
        }
        told.sort_by_key(|one| (one.0, one.1));
        prop_assert_eq!(told, expected, "{}", text);
    }
}

#[test]
fn beyond_a_thousand_pairs_their_number_is_told() {
    let pools: Vec<Pool> = (0..80).map(|at| (['a', 'b'][at % 2], 0, vec![(10, 5)])).collect();
    let content = Content::Text(Arc::from(text_of(&pools).as_str()));
    let file = SourceFile { path: "a.yaml".to_owned(), content };
    let checked = validate(&SourceTree { files: vec![file], rooted: false });
    let found: Vec<_> = checked.diagnostics.iter().filter(|one| one.code == Code::TL301).collect();
    assert_eq!(found.len(), 1001);
    let rest = found.iter().filter(|one| one.message.starts_with("600 more pairs of pools"));
    assert_eq!(rest.count(), 1);
}
