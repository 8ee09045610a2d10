//! The order in which targets are tried: by priority, then by the draw of RFC 2782.

use std::net::SocketAddr;

/// A number below the bound it is given.
pub(super) type Draw<'a> = &'a mut dyn FnMut(u64) -> u64;

/// One host of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) weight: u16,
    /// Its addresses, IPv4 or IPv6, with the port; never empty.
    pub(super) addresses: Vec<SocketAddr>,
}

/// Hosts of one priority.
pub(super) type Group = Vec<Host>;

/// Every address of the groups in the order to try them for one request.
pub(super) fn ordered(groups: &[Group], draw: Draw<'_>) -> Vec<SocketAddr> {
    let mut all = Vec::new();
    for group in groups {
        for host in by_weight(group.iter().collect(), draw) {
            let new = by_family(&host.addresses, draw);
            all.extend(new);
        }
    }
    all
}

/// RFC 2782, "Weight": again and again a host is drawn of those left, in proportion to the weights.
fn by_weight<'g>(mut left: Vec<&'g Host>, draw: Draw<'_>) -> Vec<&'g Host> {
    shuffle(&mut left, draw);
    left.sort_by_key(|host| host.weight != 0);
    let mut drawn = Vec::with_capacity(left.len());
    while let Some(first) = left.first() {
        let sum: u64 = left.iter().map(|host| u64::from(host.weight)).sum();
        // 0 means a host of weight 0; where there is none, it would favour whoever stands first.
        let pick = if first.weight == 0 { draw(sum + 1) } else { 1 + draw(sum) };
        let mut running = 0;
        let chosen = left.iter().position(|host| {
            running += u64::from(host.weight);
            running >= pick
        });
        drawn.push(left.remove(chosen.unwrap_or(0)));
    }
    drawn
}

/// The addresses of one host, each family in a drawn order, the families in turns with IPv6 first: a
/// family that is cut off costs one attempt, not all (RFC 8305 section 4).
fn by_family(addresses: &[SocketAddr], draw: Draw<'_>) -> Vec<SocketAddr> {
    let (mut six, mut four): (Vec<SocketAddr>, Vec<SocketAddr>) =
        addresses.iter().partition(|address| address.is_ipv6());
    shuffle(&mut six, draw);
    shuffle(&mut four, draw);
    let longest = six.len().max(four.len());
    (0..longest).flat_map(|at| six.get(at).into_iter().chain(four.get(at)).copied()).collect()
}

fn shuffle<T>(all: &mut [T], draw: Draw<'_>) {
    for last in (1..all.len()).rev() {
        let other = draw(u64::try_from(last).unwrap_or(0) + 1);
        all.swap(last, usize::try_from(other).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::Chance;

    const DRAWS: u32 = 10_000;

    fn host(weight: u16, last: u8) -> Host {
        Host { weight, addresses: vec![SocketAddr::from(([192, 0, 2, last], 5060))] }
    }

    /// How often the host of each weight comes first.
    fn firsts(weights: &[u16]) -> Vec<u32> {
        let mut chance = Chance::from_number(7);
        let group: Group = (0..).zip(weights).map(|(last, weight)| host(*weight, last)).collect();
        let mut counts = vec![0; weights.len()];
        for _ in 0..DRAWS {
            let all = ordered(std::slice::from_ref(&group), &mut |bound| chance.below(bound));
            assert_eq!(all.len(), weights.len());
            let std::net::IpAddr::V4(ip) = all[0].ip() else { panic!("IPv4") };
            counts[usize::from(ip.octets()[3])] += 1;
        }
        counts
    }

    #[test]
    fn shares_follow_the_weights_to_three_percent() {
        for weights in
            [&[1, 3][..], &[10, 20, 70], &[60, 40], &[1, 1, 1, 1], &[0, 0, 0], &[65535, 65535]]
        {
            let sum: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
            for (count, weight) in firsts(weights).into_iter().zip(weights) {
                let equal = 1.0 / f64::from(u32::try_from(weights.len()).unwrap());
                let share = if sum == 0.0 { equal } else { f64::from(*weight) / sum };
                let error = (f64::from(count) / f64::from(DRAWS) - share).abs();
                assert!(error < 0.015, "{weights:?}: {weight} came {count} times");
            }
        }
    }

    #[test]
    fn a_weight_of_zero_comes_seldom_but_comes() {
        let counts = firsts(&[0, 9]);
        assert!((700..1300).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn priorities_stay_in_order_whatever_the_weights() {
        let mut chance = Chance::from_number(1);
        let groups = [vec![host(0, 1), host(5, 2)], vec![host(60_000, 3)], vec![host(1, 4)]];
        for _ in 0..1000 {
            let all = ordered(&groups, &mut |bound| chance.below(bound));
            let ends: Vec<String> = all.iter().map(|address| address.ip().to_string()).collect();
            assert_eq!(ends[2..], ["192.0.2.3", "192.0.2.4"]);
        }
    }

    #[test]
    fn families_take_turns_and_the_same_seed_gives_the_same_order() {
        let addresses = ["[2001:db8::1]:5060", "[2001:db8::2]:5060", "192.0.2.1:5060"];
        let addresses = addresses.map(|text| text.parse().unwrap()).to_vec();
        let groups = [vec![Host { weight: 0, addresses }]];
        let drawn = |seed| {
            let mut chance = Chance::from_number(seed);
            ordered(&groups, &mut |bound| chance.below(bound))
        };
        for seed in 0..50 {
            let families: Vec<bool> = drawn(seed).iter().map(SocketAddr::is_ipv6).collect();
            assert_eq!(families, [true, false, true]);
            assert_eq!(drawn(seed), drawn(seed));
        }
    }
}
