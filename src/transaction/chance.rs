//! Chance as an argument: a keyed generator, strong when seeded by the system, repeatable in tests.

/// How many bytes are drawn from the hash at once.
const BLOCK: usize = 512;

/// A random generator: the output stream of BLAKE3 keyed by the seed. Tags and branches come from
/// it, so nobody who sees some can guess others.
pub struct Chance {
    stream: blake3::OutputReader,
    block: [u8; BLOCK],
    used: usize,
}

impl Chance {
    /// A generator whose whole output is decided by `seed`.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let stream = blake3::Hasher::new_keyed(&seed).finalize_xof();
        Self { stream, block: [0; BLOCK], used: BLOCK }
    }

    /// A generator for tests and simulations, seeded by a number that can be printed.
    pub fn from_number(seed: u64) -> Self {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(seed.to_le_bytes()) {
            *to = from;
        }
        Self::from_seed(bytes)
    }

    /// The next 64 bits.
    pub fn word(&mut self) -> u64 {
        if self.used >= BLOCK {
            self.stream.fill(&mut self.block);
            self.used = 0;
        }
        let mut bytes = [0; 8];
        for (to, from) in bytes.iter_mut().zip(self.block.iter().skip(self.used)) {
            *to = *from;
        }
        self.used += bytes.len();
        u64::from_le_bytes(bytes)
    }

    /// Appends the next 64 bits as 16 hexadecimal digits.
    pub fn write_word(&mut self, out: &mut Vec<u8>) {
        super::key::write_digits(out, self.word(), 16);
    }

    /// A number below `bound`; 0 when `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The bias of the multiplication is below 2^-32 for every bound used here.
        let wide = u128::from(self.word()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

impl std::fmt::Debug for Chance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The state would tell the tags to come.
        f.write_str("Chance")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_words() {
        let words = |seed| {
            let mut chance = Chance::from_number(seed);
            (0..200).map(|_| chance.word()).collect::<Vec<_>>()
        };
        assert_eq!(words(7), words(7));
        assert_ne!(words(7), words(8));
        let all: std::collections::BTreeSet<_> = words(7).into_iter().collect();
        assert_eq!(all.len(), 200);
    }

    #[test]
    fn bounded_numbers_stay_below_their_bound() {
        let mut chance = Chance::from_number(1);
        assert_eq!(chance.below(0), 0);
        let mut seen = [false; 10];
        for _ in 0..1000 {
            seen[usize::try_from(chance.below(10)).unwrap()] = true;
        }
        assert_eq!(seen, [true; 10]);
    }
}
