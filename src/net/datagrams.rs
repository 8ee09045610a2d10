//! Datagrams, many for one system call each way: at a high rate most of what a message costs is its
//! way into the system and back.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd as _;

use mio::net::UdpSocket;
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

use super::unreachable::is_report;
use crate::transaction::Transmit;

/// Datagrams taken or sent with one call.
pub(super) const BATCH: usize = 32;
/// The largest UDP payload there is.
pub(super) const DATAGRAM_BYTES: usize = 65_535;
/// How often one packet is tried while the system tells, instead of sending it, of others that did not
/// arrive; each of those is told once.
const MAX_TRIES: usize = 4;
/// From one slot of the buffer to the next. No power of two: the beginnings of all slots, which are
/// all that most datagrams need, shall not compete for the same lines of the cache.
const STRIDE: usize = DATAGRAM_BYTES + 1 + 576;

/// Room for a batch. The system gives memory only to what is written.
pub(super) fn buffer() -> Vec<u8> {
    vec![0; BATCH * STRIDE]
}

/// Takes what waits, at most [`BATCH`] datagrams, and hands each over with its sender; how many there
/// were. `WouldBlock` when none waits.
pub(super) fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
    mut take: impl FnMut(SocketAddr, &[u8]),
) -> io::Result<usize> {
    let mut heads = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let mut slots: Vec<_> = buffer.chunks_mut(STRIDE).map(|slot| [IoSliceMut::new(slot)]).collect();
    let (fd, flags) = (socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
    let results = recvmmsg(fd, &mut heads, slots.iter_mut(), flags, None)?;
    let heads: Vec<_> = results.map(|one| (one.bytes, one.address.and_then(address))).collect();
    for ((length, source), slot) in heads.iter().zip(buffer.chunks(STRIDE)) {
        // Every datagram has a sender; one without could not be answered.
        if let (Some(source), Some(bytes)) = (source, slot.get(..*length)) {
            take(*source, bytes);
        }
    }
    Ok(heads.len())
}

/// Sends a batch in order; what the system refused, with the refused packet's place.
pub(super) fn send(
    (socket, bound): (&UdpSocket, SocketAddr),
    batch: &[Transmit],
) -> Vec<(usize, io::Error)> {
    let mut refused = Vec::new();
    let (mut at, mut tries) = (0, 1);
    while let Some(rest) = batch.get(at..).filter(|rest| !rest.is_empty()) {
        match send_some((socket, bound), rest) {
            Ok(sent) => (at, tries) = (at + sent, 1),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if tries < MAX_TRIES && is_report(&error) => tries += 1,
            // A full socket loses packets as the network does: they are sent again.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => {
                refused.push((at, error));
                (at, tries) = (at + 1, 1);
            }
        }
    }
    refused
}

/// Sends as many as the system takes at once, which is at least one; an error is that of the first.
fn send_some((socket, bound): (&UdpSocket, SocketAddr), batch: &[Transmit]) -> io::Result<usize> {
    if let [one] = batch {
        return socket.send_to(&one.packet, towards(bound, one.flow.remote)).map(|_| 1);
    }
    let remote = |one: &Transmit| Some(SockaddrStorage::from(towards(bound, one.flow.remote)));
    let remotes: Vec<_> = batch.iter().take(BATCH).map(remote).collect();
    let packets: Vec<_> = batch.iter().take(BATCH).map(|one| [IoSlice::new(&one.packet)]).collect();
    let mut heads = MultiHeaders::preallocate(packets.len(), None);
    let (fd, flags) = (socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
    Ok(sendmmsg(fd, &mut heads, packets.iter(), &remotes, [], flags)?.count())
}

/// A remote as a socket of one family or of both has to be told it.
pub(super) fn towards(bound: SocketAddr, remote: SocketAddr) -> SocketAddr {
    match (bound.ip(), remote.ip()) {
        (IpAddr::V6(_), IpAddr::V4(ip)) => {
            SocketAddr::new(ip.to_ipv6_mapped().into(), remote.port())
        }
        (IpAddr::V4(_) | IpAddr::V6(_), IpAddr::V4(_) | IpAddr::V6(_)) => remote,
    }
}

pub(super) fn address(storage: SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| storage.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::{Flow, Link};

    fn socket(ip: &str) -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind(SocketAddr::new(ip.parse().unwrap(), 0)).unwrap();
        let bound = socket.local_addr().unwrap();
        (socket, bound)
    }

    fn transmit(remote: SocketAddr, packet: Vec<u8>) -> Transmit {
        let flow = Flow { transport: 0, remote, link: Link::Datagram };
        Transmit { flow, packet: packet.into(), origin: None, fallback: None }
    }

    /// All that waits; loopback delivers before the sender's call returns.
    fn all(socket: &UdpSocket) -> Vec<(SocketAddr, Vec<u8>)> {
        let (mut buffer, mut seen) = (buffer(), Vec::new());
        let mut take = |source, bytes: &[u8]| seen.push((source, bytes.to_vec()));
        while receive(socket, &mut buffer, &mut take).is_ok() {}
        seen
    }

    #[test]
    fn batches_arrive_whole_and_in_order_over_both_families() {
        for (from, to) in [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1")] {
            let (sender, receiver) = (socket(from), socket(to));
            let packet = |number: usize| vec![u8::try_from(number).unwrap(); number * 40];
            let batch: Vec<_> =
                (0..2 * BATCH + 3).map(|number| transmit(receiver.1, packet(number))).collect();
            assert!(send((&sender.0, sender.1), &batch).is_empty());
            let seen = all(&receiver.0);
            assert_eq!(seen.len(), batch.len());
            for (number, (source, bytes)) in seen.into_iter().enumerate() {
                assert_eq!((source.port(), bytes), (sender.1.port(), packet(number)));
            }
        }
    }

    #[test]
    fn a_refused_packet_holds_up_no_other() {
        let (sender, receiver) = (socket("127.0.0.1"), socket("127.0.0.1"));
        let large = transmit(receiver.1, vec![1; 65_535]);
        let good = || transmit(receiver.1, vec![2; 10]);
        let batch = [good(), large.clone(), good(), large.clone(), large, good()];
        let refused = send((&sender.0, sender.1), &batch);
        assert_eq!(refused.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 3, 4]);
        assert_eq!(all(&receiver.0).len(), 3);
    }

    #[test]
    fn what_was_not_delivered_before_holds_up_and_refuses_nothing() {
        for ip in ["127.0.0.1", "::1"] {
            let (sender, receiver) = (socket(ip), socket(ip));
            crate::net::unreachable::listen(&sender.0).unwrap();
            let closed = socket(ip).1;
            let good = || transmit(receiver.1, vec![2; 10]);
            let lost = || transmit(closed, vec![1; 10]);
            let batch = [good(), lost(), good(), lost(), lost(), good()];
            assert!(send((&sender.0, sender.1), &batch).is_empty());
            assert_eq!(all(&receiver.0).len(), 3);
            assert!(send((&sender.0, sender.1), &[lost()]).is_empty());
            assert!(send((&sender.0, sender.1), &[good()]).is_empty());
            assert_eq!(all(&receiver.0).len(), 1);
        }
    }

    #[test]
    fn nothing_waits_is_no_datagram() {
        let (receiver, _) = socket("127.0.0.1");
        let error = receive(&receiver, &mut buffer(), |_, _| panic!("none")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
