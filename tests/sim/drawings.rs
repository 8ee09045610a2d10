//! The tables of transactions against the drawings of the RFCs, seed by seed.

use trunkline::transaction::Chance;

use crate::against::{Source, run};

impl Source for Chance {
    fn below(&mut self, bound: u64) -> u64 {
        Self::below(self, bound)
    }
}

/// Seeds of a normal run; `SEEDS=1000000` for more.
const SEEDS: u64 = 4_000;
/// Seeds that once failed, one a line, with why.
const KEPT: &str = include_str!("seeds.txt");

#[test]
fn tables_of_transactions_do_what_the_drawings_say() {
    let kept = KEPT.lines().filter_map(|line| line.split('#').next()?.trim().parse::<u64>().ok());
    let more = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let mut events = 0;
    for seed in kept.chain(0..more.unwrap_or(SEEDS)) {
        println!("seed {seed}: if it fails, keep it in tests/sim/seeds.txt");
        events += run(Chance::from_number(seed), seed);
    }
    println!("{events} events");
    assert!(events > SEEDS * 20, "{events} events are too few to prove anything");
}
