//! What `ci/fuzz` does for long, done for the inputs that it has found worth keeping: those that broke
//! something once, and those that reach furthest. `fuzz/seeds/TARGET/` holds them. What chance makes of
//! them is run, too, though nothing guides it here.

#[cfg(test)]
#[path = "../sim/against.rs"]
mod against;
#[cfg(test)]
mod datagram;
#[cfg(test)]
mod engine;
#[cfg(test)]
#[path = "../sim/model.rs"]
mod model;
#[cfg(test)]
mod mutant;
#[cfg(test)]
mod stream;
#[cfg(test)]
mod transactions;
#[cfg(test)]
mod values;
#[cfg(test)]
mod world;

/// Inputs that are made of the kept ones for each target; `ROUNDS=100000` for more.
#[cfg(test)]
const ROUNDS: u64 = 200;

/// Runs every kept input of a target, and then what chance makes of them.
#[cfg(test)]
fn replay(target: &str, run: fn(&[u8])) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = root.join("fuzz/seeds").join(target);
    let mut paths: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 5, "{target}: {} inputs", paths.len());
    let kept: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    for (path, input) in paths.iter().zip(&kept) {
        // The name of what fails is in the output of a test that fails.
        println!("{}", path.display());
        run(input);
    }
    let rounds = std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    for round in 0..rounds.unwrap_or(ROUNDS) {
        let mut chance = trunkline::transaction::Chance::from_number(round);
        let input = mutant::of(&kept, &mut |bound| chance.below(bound));
        println!("round {round}: {}", input.escape_ascii());
        run(&input);
    }
}

macro_rules! replays {
    ($($target:ident $run:path),+ $(,)?) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target), $run);
        })+
    };
}

replays! {
    sip_parse datagram::run,
    sip_stream stream::run,
    sip_address values::addresses,
    sip_digest values::digests,
    sip_redact values::hidden,
    sip_transactions transactions::run,
    sip_engine engine::run,
}
