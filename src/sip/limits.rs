//! Every bound that the parser enforces, in one table.

/// The longest message: 64 KiB less one, so that every offset fits 16 bits. UDP over IPv4 carries
/// at most 65,507 bytes.
pub const MESSAGE_BYTES: usize = 65_535;
/// The most header lines of one message; one more is refused.
pub const HEADERS: usize = 100;
/// The longest header line with its name, folds and line ends.
pub const HEADER_BYTES: usize = 8 * 1024;
/// The longest start line.
pub const START_LINE_BYTES: usize = 8 * 1024;
/// The `Max-Forwards` of a request that we originate (RFC 3261 section 8.1.1.6).
pub const MAX_FORWARDS: u8 = 70;
/// The largest `CSeq` number (RFC 3261 section 8.1.1.5).
pub const CSEQ: u32 = 0x7fff_ffff;
