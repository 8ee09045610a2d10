//! What chance makes of kept inputs: two of them joined, and pieces replaced, repeated, taken out.

/// The changes of one input.
const MAX_CHANGES: u64 = 6;

/// An input made of some; `below` gives numbers below a bound.
pub(crate) fn of(kept: &[Vec<u8>], below: &mut impl FnMut(u64) -> u64) -> Vec<u8> {
    let mut index = |length: usize| {
        let bound = u64::try_from(length.max(1)).unwrap();
        usize::try_from(below(bound)).unwrap()
    };
    let mut input = kept[index(kept.len())].clone();
    if index(3) == 0 {
        let other = &kept[index(kept.len())];
        let (head, tail) = (index(input.len() + 1), index(other.len() + 1));
        input.truncate(head);
        input.extend_from_slice(&other[tail..]);
    }
    for _ in 0..index(usize::try_from(MAX_CHANGES).unwrap()) {
        let from = index(input.len() + 1);
        let to = (from + index(17)).min(input.len());
        match index(5) {
            0 => drop(input.drain(from..to)),
            1 => {
                let piece = input[from..to].to_vec();
                let at = index(input.len() + 1);
                drop(input.splice(at..at, piece));
            }
            2 => {
                let other = &kept[index(kept.len())];
                let start = index(other.len() + 1);
                let end = (start + index(33)).min(other.len());
                drop(input.splice(from..to, other[start..end].iter().copied()));
            }
            3 => {
                let byte = u8::try_from(index(256)).unwrap();
                drop(input.splice(from..(from + 1).min(to), [byte]));
            }
            _ => {
                let byte = b"\r\n \t\0\"\\<>;,:@?=%*0\xff"[index(19)];
                input.insert(from, byte);
            }
        }
    }
    input
}
