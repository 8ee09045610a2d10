//! Tables of transactions against the drawings of the RFCs: the bytes choose what happens and when.

use crate::against::Source;

/// The choices of a fuzzer; at their end there are only zeros.
struct Bytes<'a>(&'a [u8]);

impl Source for Bytes<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        let wanted = if bound > 256 { 2 } else { 1 };
        let (taken, tail) = self.0.split_at(self.0.len().min(wanted));
        self.0 = tail;
        taken.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)) % bound
    }
}

pub(crate) fn run(data: &[u8]) {
    crate::against::run(Bytes(data), 1);
}
