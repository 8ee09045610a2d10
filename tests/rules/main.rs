//! The rules that compare sets of numbers, against trying every number on small random plans.

#[cfg(test)]
mod circles;
#[cfg(test)]
mod every_place;
#[cfg(test)]
mod kinds_swapped;
#[cfg(test)]
mod lines_gone;
#[cfg(test)]
mod lines_swapped;
#[cfg(test)]
mod one_mistake;
#[cfg(test)]
mod own_pools;
#[cfg(test)]
mod quotes;
#[cfg(test)]
mod same_packet;
#[cfg(test)]
mod shared_numbers;
#[cfg(test)]
mod signs_lost;
#[cfg(test)]
mod single_breaks;
#[cfg(test)]
mod single_slips;
#[cfg(test)]
mod whose;

#[cfg(test)]
mod brute_force {
    use std::collections::BTreeSet;
    use std::fmt::Write as _;
    use std::sync::Arc;

    use proptest::prelude::*;
    use trunkline::diag::Code;
    use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
    use trunkline::validate::validate;

    const HEAD: &str = "apiVersion: trunkline.dev/v1\n";

    fn document(text: &mut String, kind: &str, name: &str, spec: &str) {
        let tenant = if kind == "Transport" || kind == "Tenant" || kind == "Trunk" {
            ""
        } else {
            ", tenant: a"
        };
        writeln!(
            text,
            "---\n{HEAD}kind: {kind}\nmetadata: {{name: {name}{tenant}}}\nspec: {{{spec}}}"
        )
        .unwrap();
    }

    /// Everything but rules: a trunk with the numbers 10 to 29, and the extensions 1 to 4.
    fn base() -> String {
        based("", true)
    }

    /// The same, with more in the tenant, and the extensions behind a PBX or not.
    fn based(tenant: &str, pbx: bool) -> String {
        let mut text = String::new();
        document(&mut text, "Transport", "udp", "protocol: udp, port: 5060");
        document(&mut text, "Tenant", "a", &format!("sipDomain: a.example.net{tenant}"));
        document(&mut text, "Trunk", "t", "type: ip, host: 203.0.113.10");
        document(&mut text, "DidPool", "p", "trunk: t, numbers: [10-19, 25-29]");
        let phone = |range: &str, group: &str| {
            let way = match pbx {
                true => "contact: \"sip:192.0.2.1\"".to_owned(),
                false => format!("register: {{username: {group}, password: {{env: X}}}}"),
            };
            format!("numbers: {range}, {way}, group: {group}")
        };
        document(&mut text, "Extension", "x", &phone("1-2", "sales"));
        document(&mut text, "Extension", "y", &phone("3-4", "support"));
        text
    }

    /// The resources that a code is told of.
    fn told(text: &str, code: Code) -> BTreeSet<String> {
        let content = Content::Bytes(Arc::from(text.as_bytes()));
        let file = SourceFile { path: "a.yaml".to_owned(), content };
        let checked = validate(&SourceTree { files: vec![file], rooted: false });
        let expected =
            [Code::TL508, Code::TL509, Code::TL510, Code::TL418, Code::TL502, Code::TL512];
        for one in &checked.diagnostics {
            assert!(expected.contains(&one.code), "{}: {}\n{text}", one.code, one.message);
        }
        let found = checked.diagnostics.into_iter().filter(|one| one.code == code);
        found.filter_map(|one| one.resource).collect()
    }

    /// An outbound rule, as its conditions.
    #[derive(Debug, Clone)]
    struct Outbound {
        priority: u8,
        prefixes: Vec<&'static str>,
        lengths: Vec<usize>,
        extensions: Option<(u8, u8)>,
        group: Option<&'static str>,
        emergency: bool,
    }

    /// What a tenant never calls, and what it always may.
    #[derive(Debug, Clone)]
    struct Lists {
        prefixes: Vec<&'static str>,
        numbers: Vec<&'static str>,
        emergency: Vec<&'static str>,
    }

    fn lists() -> impl Strategy<Value = Lists> {
        let some = |all: Vec<&'static str>, most| prop::sample::subsequence(all, 0..=most);
        (
            some(vec!["1", "12", "3", "*", "+", "+1", "0"], 3),
            some(vec!["22", "*1", "111"], 2),
            some(vec!["11", "2", "*1", "121"], 3),
        )
            .prop_map(|(prefixes, numbers, emergency)| Lists {
                prefixes,
                numbers,
                emergency,
            })
    }

    impl Lists {
        fn spec(&self) -> String {
            let list = |all: &[&str]| {
                all.iter().map(|one| format!("'{one}'")).collect::<Vec<_>>().join(", ")
            };
            format!(
                ", blockedPrefixes: [{}], blockedNumbers: [{}], emergencyNumbers: [{}]",
                list(&self.prefixes),
                list(&self.numbers),
                list(&self.emergency)
            )
        }

        fn blocks(&self, number: &str) -> bool {
            self.prefixes.iter().any(|one| number.starts_with(one))
                || self.numbers.contains(&number)
        }
    }

    fn outbound() -> impl Strategy<Value = Outbound> {
        let prefix =
            prop::sample::select(vec!["1", "2", "11", "12", "*", "1*", "+", "+1", "0", "3"]);
        let prefixes = prop_oneof![
            prop::collection::vec(prefix, 0..4),
            Just(vec!["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]),
        ];
        let lengths = prop::collection::vec(1_usize..4, 0..3);
        let extensions =
            prop::option::weighted(0.3, (1_u8..4, 0_u8..2).prop_map(|(a, n)| (a, a + n)));
        let group =
            prop::option::weighted(0.3, prop::sample::select(vec!["sales", "support", "none"]));
        let emergency = prop::bool::weighted(0.2);
        (0_u8..3, prefixes, lengths, extensions, group, emergency).prop_map(
            |(priority, prefixes, lengths, extensions, group, emergency)| {
                let all = prefixes.is_empty()
                    && lengths.is_empty()
                    && extensions.is_none()
                    && group.is_none();
                let lengths = if all { vec![2] } else { lengths };
                Outbound { priority, prefixes, lengths, extensions, group, emergency }
            },
        )
    }

    impl Outbound {
        fn spec(&self) -> String {
            let mut parts = Vec::new();
            if !self.prefixes.is_empty() {
                let items: Vec<_> = self.prefixes.iter().map(|one| format!("'{one}'")).collect();
                parts.push(format!("prefixes: [{}]", items.join(", ")));
            }
            if !self.lengths.is_empty() {
                parts.push(format!("lengths: {:?}", self.lengths));
            }
            parts.extend(self.extensions.map(|(a, b)| format!("extensions: [{a}-{b}]")));
            parts.extend(self.group.map(|group| format!("groups: [{group}]")));
            format!(
                "priority: {}, emergency: {}, match: {{{}}}, routes: [{{trunk: t}}]",
                self.priority,
                self.emergency,
                parts.join(", ")
            )
        }

        fn takes(&self, number: &str, caller: Option<u8>) -> bool {
            let starts =
                self.prefixes.is_empty() || self.prefixes.iter().any(|one| number.starts_with(one));
            let long = self.lengths.is_empty() || self.lengths.contains(&number.len());
            let listed = self
                .extensions
                .is_none_or(|(a, b)| caller.is_some_and(|one| (a..=b).contains(&one)));
            let group = caller.map(|one| if one <= 2 { "sales" } else { "support" });
            starts && long && listed && self.group.is_none_or(|wanted| group == Some(wanted))
        }
    }

    /// Every text that can be dialled, up to a length that no rule names.
    fn dialled() -> Vec<String> {
        let mut all = Vec::new();
        let mut last = vec![String::new(), "+".to_owned()];
        for _ in 0..4 {
            last = last
                .iter()
                .flat_map(|one| "0123456789*#".chars().map(move |c| format!("{one}{c}")))
                .collect();
            last.retain(|one| one.len() <= 4);
            all.extend(last.iter().cloned());
        }
        all
    }

    fn range(first: u8, more: u8) -> String {
        format!("{first}-{}", (first + more).min(29))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn dead_and_overlapping_outbound_rules_are_found_exactly(
            rules in prop::collection::vec(outbound(), 1..6), lists in lists(),
            forwards in any::<bool>(), pbx in prop::bool::weighted(0.3)
        ) {
            let mut text = based(&lists.spec(), pbx);
            for (index, rule) in rules.iter().enumerate() {
                document(&mut text, "OutboundRule", &format!("r{index}"), &rule.spec());
            }
            // Forwarded calls are nobody's extension's, and a PBX shows whom it likes.
            let to = if forwards { "number: 9999" } else { "extension: 1" };
            document(&mut text, "InboundRule", "all", &format!("trunk: t, did: '*', destination: {{{to}}}"));
            let mut order: Vec<_> = (0..rules.len()).collect();
            order.sort_by_key(|index| (rules[*index].priority, *index));
            let mut alive: BTreeSet<usize> = BTreeSet::new();
            let mut equal: BTreeSet<String> = BTreeSet::new();
            let callers = [None, Some(1), Some(2), Some(3), Some(4)];
            for number in dialled() {
                for caller in callers.iter().skip(usize::from(!forwards && !pbx)) {
                    let urgent = lists.emergency.contains(&number.as_str());
                    let mut first = None;
                    for emergency in [true, false] {
                        let takers: Vec<_> = order.iter()
                            .filter(|index| rules[**index].emergency == emergency && rules[**index].takes(&number, *caller)).collect();
                        for (at, one) in takers.iter().enumerate() {
                            if takers[..at].iter().any(|two| rules[**two].priority == rules[**one].priority) {
                                equal.insert(format!("OutboundRule/a/r{one}"));
                            }
                        }
                        if urgent || (!emergency && !lists.blocks(&number)) {
                            first = first.or_else(|| takers.first().map(|index| **index));
                        }
                    }
                    alive.extend(first);
                }
            }
            let dead: BTreeSet<_> = (0..rules.len()).filter(|index| !alive.contains(index))
                .map(|index| format!("OutboundRule/a/r{index}")).collect();
            prop_assert_eq!(&told(&text, Code::TL508), &dead, "{}", text);
            // Of a rule that takes no call, that alone is told.
            let equal: BTreeSet<_> = equal.difference(&dead).cloned().collect();
            prop_assert_eq!(told(&text, Code::TL509), equal, "{}", text);
        }

        #[test]
        fn contending_inbound_rules_and_unanswered_numbers_are_found_exactly(
            rules in prop::collection::vec((10_u8..20, 0_u8..5, prop::option::of((0_u8..10, 0_u8..4)), 0_u8..3, any::<bool>()), 1..6)
        ) {
            let usages = ["both", "call", "message"];
            let mut text = base();
            for (index, (first, more, mask, usage, any)) in rules.iter().enumerate() {
                let did = if *any { "'*'".to_owned() } else { range(*first, (*more).min(19 - first)) };
                let caller = mask.map_or(String::new(), |(a, n)| format!("caller: [{a}-{}], ", (a + n).min(9)));
                let spec = format!("trunk: t, did: {did}, {caller}usage: {}, destination: {{extension: 1}}", usages[usize::from(*usage)]);
                document(&mut text, "InboundRule", &format!("r{index}"), &spec);
            }
            let holds = |rule: &(u8, u8, Option<(u8, u8)>, u8, bool), number: u8| (rule.0..=rule.0 + rule.1.min(19 - rule.0)).contains(&number);
            let contend = |one: &(u8, u8, Option<(u8, u8)>, u8, bool), two: &(u8, u8, Option<(u8, u8)>, u8, bool)| {
                let numbers = if one.4 || two.4 { one.4 && two.4 } else { (10..30).any(|n| holds(one, n) && holds(two, n)) };
                let callers = match (one.2, two.2) {
                    (None, None) => true,
                    (Some((a, n)), Some((b, m))) => (0..10).any(|c| (a..=a + n).contains(&c) && (b..=b + m).contains(&c)),
                    _ => false,
                };
                let use_of = |usage: u8| if usage == 0 { vec![1, 2] } else { vec![usage] };
                numbers && callers && use_of(one.3).iter().any(|u| use_of(two.3).contains(u))
            };
            let conflict = (0..rules.len()).any(|a| (0..a).any(|b| contend(&rules[a], &rules[b])));
            let found = told(&text, Code::TL502);
            prop_assert_eq!(!found.is_empty(), conflict, "{:?} {}", found, text);
            for id in &found {
                let index: usize = id.trim_start_matches("InboundRule/a/r").parse().unwrap();
                let has = (0..rules.len()).any(|other| other != index && contend(&rules[index], &rules[other]));
                prop_assert!(has, "{} {}", id, text);
            }
            let answers = |rule: &(u8, u8, Option<(u8, u8)>, u8, bool), number| rule.2.is_none() && rule.3 != 2 && (rule.4 || holds(rule, number));
            let unanswered = (10..20).chain(25..30).any(|number| !rules.iter().any(|rule| answers(rule, number)));
            prop_assert_eq!(!told(&text, Code::TL510).is_empty(), unanswered, "{}", text);
        }
    }
}

#[cfg(test)]
mod presets {
    use std::sync::Arc;

    use trunkline::diag::Code;
    use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
    use trunkline::validate::validate_on;

    #[test]
    fn a_preset_grows_old_by_its_own_date() {
        let text = "apiVersion: trunkline.dev/v1\nkind: Transport\nmetadata: {name: udp}\nspec: {protocol: udp, port: 5060}\n---\napiVersion: trunkline.dev/v1\nkind: Trunk\nmetadata: {name: a}\nspec: {type: ip, brand: telnyx/us}\n";
        let content = Content::Bytes(Arc::from(text.as_bytes()));
        let file = SourceFile { path: "a.yaml".to_owned(), content };
        let tree = SourceTree { files: vec![file], rooted: false };
        let old = |day: &str| {
            let checked = validate_on(&tree, Some(day.parse().unwrap()));
            let mut found = checked.diagnostics.iter().filter(|one| one.code == Code::TL414);
            found.next().map(|one| checked.sources.start(one.span.unwrap()).line)
        };
        assert_eq!(old("2027-08-21"), None);
        assert_eq!(old("2027-08-22"), Some(9));
    }
}
