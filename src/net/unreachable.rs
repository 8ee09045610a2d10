//! What the network says of datagrams that it could not deliver (ICMP), from the socket's error queue.
//!
//! Anybody can make such a message up: the system only looks whether its addresses and ports could be
//! ours. So what it quotes goes to the engine, which believes it of a request whose branch stands there
//! (RFC 3261 section 18.4, RFC 5927 section 4). Networks that quote no more than 8 bytes behind the IP
//! header are not believed; timers find out there.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;

use mio::net::UdpSocket;
use nix::errno::Errno;
use nix::libc::{sock_extended_err, sockaddr_in6};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SetSockOpt as _, SockaddrStorage, recvmsg, sockopt,
};

use super::datagrams::address;

/// Reports taken from one socket before others have their turn.
pub(super) const MAX_REPORTS: usize = 32;
/// What is read of a quoted datagram: routers quote up to 576 bytes of IPv4 and 1,280 of IPv6 in all.
const QUOTE_BYTES: usize = 1280;

/// Origins and types as `linux/errqueue.h`, RFC 792 and RFC 4443 number them.
const ORIGIN_ICMP: u8 = 2;
const ORIGIN_ICMP6: u8 = 3;
const ICMP_UNREACHABLE: u8 = 3;
const ICMP_PARAMETER: u8 = 12;
const ICMP6_UNREACHABLE: u8 = 1;
const ICMP6_PARAMETER: u8 = 4;
/// The datagram was too large for one piece: the system sends the next ones in fragments.
const ICMP_TOO_LARGE: u8 = 4;

/// Lets the system keep what it is told of datagrams that did not arrive.
pub(super) fn listen(socket: &UdpSocket) -> io::Result<()> {
    let bound = socket.local_addr()?;
    if bound.is_ipv6() {
        sockopt::Ipv6RecvErr.set(socket, &true)?;
    }
    // Through a socket of both families IPv4 leaves, too.
    if bound.is_ipv4() || bound.ip().is_unspecified() {
        sockopt::Ipv4RecvErr.set(socket, &true)?;
    }
    Ok(())
}

/// Takes some reports and hands over, of each that counts, where the datagram was sent to and what is
/// quoted of it. Whether there may be more.
pub(super) fn hear(socket: &UdpSocket, mut take: impl FnMut(SocketAddr, &[u8])) -> bool {
    for _ in 0..MAX_REPORTS {
        let mut quote = [0; QUOTE_BYTES];
        match report(socket, &mut quote) {
            Ok(Some((remote, length))) => take(remote, quote.get(..length).unwrap_or_default()),
            Ok(None) | Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
    true
}

fn report(socket: &UdpSocket, quote: &mut [u8]) -> nix::Result<Option<(SocketAddr, usize)>> {
    let mut control = nix::cmsg_space!(sock_extended_err, sockaddr_in6);
    let mut slots = [IoSliceMut::new(quote)];
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let report =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slots, Some(&mut control), flags)?;
    let error = |message| {
        let (ControlMessageOwned::Ipv4RecvErr(error, _)
        | ControlMessageOwned::Ipv6RecvErr(error, _)) = message
        else {
            return None;
        };
        Some(error)
    };
    let counts = report.cmsgs()?.filter_map(error).any(|error| is_final(&error));
    let remote = report.address.and_then(address);
    Ok(remote.filter(|_| counts).map(|remote| (remote, report.bytes)))
}

/// Whether nothing sent there will arrive, as RFC 3261 section 18.4 sorts them: not a hop limit that
/// was reached or a quench.
fn is_final(error: &sock_extended_err) -> bool {
    match (error.ee_origin, error.ee_type) {
        (ORIGIN_ICMP, ICMP_UNREACHABLE) => error.ee_code != ICMP_TOO_LARGE,
        (ORIGIN_ICMP, ICMP_PARAMETER) | (ORIGIN_ICMP6, ICMP6_UNREACHABLE | ICMP6_PARAMETER) => true,
        (_, _) => false,
    }
}

/// Whether a call on a socket failed because of a report that waits in its error queue: that is no
/// fault of what was asked for, and is told once.
pub(super) fn is_report(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw);
    matches!(
        number,
        Some(
            Errno::ECONNREFUSED
                | Errno::EHOSTUNREACH
                | Errno::ENETUNREACH
                | Errno::EHOSTDOWN
                | Errno::ENONET
                | Errno::ENOPROTOOPT
                | Errno::EOPNOTSUPP
                | Errno::EPROTO
                | Errno::EACCES
                | Errno::EMSGSIZE
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: &[u8] =
        b"INVITE sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP h:5060;branch=z9hG4bK1.2;rport\r\n\r\n";

    /// Every report that waits, as destination and quote; loopback tells before the call returns.
    fn all(socket: &UdpSocket) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut seen = Vec::new();
        while hear(socket, |remote, quote| seen.push((remote, quote.to_vec()))) {}
        seen
    }

    #[test]
    fn a_closed_port_is_told_with_what_was_sent_there() {
        for (from, to) in [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::", "127.0.0.1")] {
            let socket = UdpSocket::bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
            listen(&socket).unwrap();
            let closed = UdpSocket::bind(SocketAddr::new(to.parse().unwrap(), 0)).unwrap();
            let address = closed.local_addr().unwrap();
            drop(closed);
            let towards = super::super::datagrams::towards(socket.local_addr().unwrap(), address);
            socket.send_to(INVITE, towards).unwrap();
            let told = all(&socket);
            assert_eq!(told, [(towards, INVITE.to_vec())], "{from} to {to}");
        }
    }

    #[test]
    fn a_flood_of_reports_is_taken_in_parts() {
        let socket = UdpSocket::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        listen(&socket).unwrap();
        for _ in 0..=MAX_REPORTS {
            // Each second one only tells of the one before it.
            drop(socket.send_to(INVITE, "127.0.0.1:9".parse().unwrap()));
            drop(socket.send_to(INVITE, "127.0.0.1:9".parse().unwrap()));
        }
        let mut count = 0;
        assert!(hear(&socket, |_, _| count += 1));
        assert_eq!(count, MAX_REPORTS);
        assert!(!hear(&socket, |_, _| count += 1));
    }
}
