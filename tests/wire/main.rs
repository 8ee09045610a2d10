//! Real calls: the binary serves a directory, SIPp (an independent SIP implementation) calls and is
//! called through it, over real sockets on loopback.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod calls;
#[cfg(test)]
#[path = "../daemon/daemon.rs"]
#[expect(dead_code, reason = "shared with tests/daemon, which uses all of it")]
mod daemon;
#[cfg(test)]
mod dialogs;
#[cfg(test)]
mod dns;
#[cfg(test)]
mod edits;
#[cfg(test)]
mod events;
#[cfg(test)]
mod flood;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod ipv6;
#[cfg(test)]
mod names;
#[cfg(test)]
mod network;
#[cfg(test)]
mod phone;
#[cfg(test)]
#[path = "../net/pki.rs"]
mod pki;
#[cfg(test)]
mod removed;
#[cfg(test)]
mod secure;
#[cfg(test)]
mod secure_names;
#[cfg(test)]
mod sipp;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod unreachable;
