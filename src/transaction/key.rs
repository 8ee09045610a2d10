//! How transactions are found: ours by the slab index inside our branch, theirs by RFC 3261 17.2.3.

use super::{Chance, Class};

/// What every branch of RFC 3261 begins with.
pub const MAGIC_COOKIE: &[u8] = b"z9hG4bK";

/// Names a client transaction; its branch carries both numbers, so a response finds it directly and
/// nobody who does not know the token can answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientKey {
    pub(super) index: u32,
    pub(super) token: u64,
}

impl ClientKey {
    pub(super) fn new(index: u32, chance: &mut Chance) -> Self {
        Self { index, token: chance.word() }
    }

    /// Appends the branch: the cookie, the index and the token, in hexadecimal.
    pub fn write_branch(self, out: &mut Vec<u8>) {
        out.extend_from_slice(MAGIC_COOKIE);
        write_hex(out, u64::from(self.index));
        out.push(b'.');
        write_hex(out, self.token);
    }

    /// Reads a branch written by [`Self::write_branch`]; anything else is not ours.
    pub fn from_branch(branch: &[u8]) -> Option<Self> {
        let rest = branch.strip_prefix(MAGIC_COOKIE)?;
        let dot = rest.iter().position(|byte| *byte == b'.')?;
        let (index, token) = rest.split_at_checked(dot)?;
        let index = u32::try_from(read_hex(index)?).ok()?;
        Some(Self { index, token: read_hex(token.get(1..)?)? })
    }
}

/// Names a server transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerKey {
    /// The first half of the print of its matching key.
    pub(super) id: u64,
    pub(super) serial: u32,
}

/// The matching key of a server transaction, built into one buffer that is used again.
#[derive(Debug, Default)]
pub struct ServerId {
    bytes: Vec<u8>,
}

impl ServerId {
    /// By branch, sent-by and method (17.2.3); an ACK counts as its INVITE.
    pub fn set_rfc3261(&mut self, branch: &[u8], sent_by: (&[u8], u16), class: Class) {
        self.bytes.clear();
        self.push(branch);
        // Hosts compare without case; a branch does not.
        let from = self.bytes.len();
        self.push(sent_by.0);
        self.push(&sent_by.1.to_be_bytes());
        self.bytes.iter_mut().skip(from).for_each(|byte| *byte = byte.to_ascii_lowercase());
        self.set_class(class);
    }

    /// For a branch without the cookie: by Call-ID, From tag, CSeq number and top Via, which are
    /// the same in an INVITE, its ACK and its CANCEL.
    pub fn set_rfc2543(&mut self, parts: [&[u8]; 4], class: Class) {
        self.bytes.clear();
        self.bytes.push(0);
        parts.into_iter().for_each(|part| self.push(part));
        self.set_class(class);
    }

    /// The method of one of many, for one that is neither INVITE nor CANCEL; comes last.
    pub fn add_method(&mut self, method: &[u8]) {
        self.push(method);
    }

    /// The same request's other transaction: the INVITE of a CANCEL.
    pub fn set_class(&mut self, class: Class) {
        if self.bytes.last().is_some_and(|byte| (1..=3).contains(byte)) {
            self.bytes.pop();
        }
        self.bytes.push(match class {
            Class::Invite => 1,
            Class::Cancel => 2,
            Class::Other => 3,
        });
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn push(&mut self, part: &[u8]) {
        self.bytes.extend_from_slice(part);
        // With their lengths behind them, parts cannot run into each other.
        let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_be_bytes());
    }
}

/// Appends a number in lower-case hexadecimal without leading zeros.
pub fn write_hex(out: &mut Vec<u8>, number: u64) {
    write_digits(out, number, (67 - number.leading_zeros().min(63)) / 4);
}

/// Appends the last hexadecimal digits of a number, at most 16.
pub fn write_digits(out: &mut Vec<u8>, number: u64, digits: u32) {
    for place in (0..digits).rev() {
        let digit = u8::try_from((number >> (4 * place)) & 15).unwrap_or(0);
        out.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
    }
}

/// Reads 1 to 16 lower-case hexadecimal digits; the only spelling [`write_hex`] has.
fn read_hex(text: &[u8]) -> Option<u64> {
    if !(1..=16).contains(&text.len()) || (text.len() > 1 && text.first() == Some(&b'0')) {
        return None;
    }
    text.iter().try_fold(0, |number, byte| {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_names_its_transaction() {
        for (index, token) in [(0, 0), (9, 0xf), (0x10, 0x100), (u32::MAX, u64::MAX)] {
            let key = ClientKey { index, token };
            let mut branch = Vec::new();
            key.write_branch(&mut branch);
            assert_eq!(ClientKey::from_branch(&branch), Some(key), "{branch:?}");
        }
        for foreign in ["", "z9hG4bK", "z9hG4bK1", "z9hG4bK1.", "z9hG4bK01.1", "z9hG4bKg.1"] {
            assert_eq!(ClientKey::from_branch(foreign.as_bytes()), None, "{foreign}");
        }
        assert_eq!(ClientKey::from_branch(b"z9hG4bK1.12345678901234567"), None);
    }

    #[test]
    fn the_cancel_of_an_invite_differs_in_its_class_only() {
        let (mut invite, mut cancel) = (ServerId::default(), ServerId::default());
        invite.set_rfc3261(b"z9hG4bKx", (b"Host", 5060), Class::Invite);
        cancel.set_rfc3261(b"z9hG4bKx", (b"host", 5060), Class::Cancel);
        assert_ne!(invite.as_bytes(), cancel.as_bytes());
        cancel.set_class(Class::Invite);
        assert_eq!(invite.as_bytes(), cancel.as_bytes());
    }
}
