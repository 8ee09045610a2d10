//! The bytes of one connection: as they are, or under TLS.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};

use mio::net::TcpStream;
use nix::errno::Errno;
use rustls::pki_types::CertificateDer;
use socket2::{Domain, Protocol, Socket, Type};

/// A socket, and TLS where the listener speaks it.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) socket: TcpStream,
    tls: Option<Box<rustls::Connection>>,
}

impl Channel {
    pub(super) fn new(socket: TcpStream, tls: Option<rustls::Connection>) -> Self {
        Self { socket, tls: tls.map(Box::new) }
    }

    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// What the far end showed of itself; verified, or there would be no connection.
    pub(super) fn certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.tls.as_ref()?.peer_certificates()
    }

    /// Goes one step on with the handshake, or finds it over. `WouldBlock` when it waits for the far
    /// end, `Interrupted` when the next step can be made.
    pub(super) fn shake_hands(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        flush(tls, &mut self.socket)?;
        if !tls.is_handshaking() {
            return Ok(());
        }
        if tls.read_tls(&mut self.socket)? == 0 {
            return Err(io::Error::other("closed by the far end in the handshake"));
        }
        process(tls, &mut self.socket)?;
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Reads once; 0 means that the far end has closed. `Interrupted` means: nothing yet, go on.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.read(buffer) };
        match tls.reader().read(buffer) {
            // Closed without a word or with one: a message that was cut is seen by the framer.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
        tls.read_tls(&mut self.socket)?;
        process(tls, &mut self.socket)?;
        // Answers of TLS itself (a new key) wait for the next chance to be written.
        drop(flush(tls, &mut self.socket));
        Err(io::ErrorKind::Interrupted.into())
    }

    /// Writes some of it. Under TLS what is taken is on its way only once [`Self::flush`] is done.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.socket.write(bytes) };
        flush(tls, &mut self.socket)?;
        tls.writer().write(bytes)
    }

    /// Hands what was taken to the system; `WouldBlock` when it does not take it all.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => flush(tls, &mut self.socket),
            None => Ok(()),
        }
    }

    /// Nothing more will be said: the far end reads what was before it learns that.
    pub(super) fn finish(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            drop(flush(tls, &mut self.socket));
        }
        drop(self.socket.shutdown(Shutdown::Write));
    }
}

fn flush(tls: &mut rustls::Connection, socket: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(socket) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Decrypts what was read; a fault is told to the far end as well as it goes.
fn process(tls: &mut rustls::Connection, socket: &mut TcpStream) -> io::Result<()> {
    if let Err(error) = tls.process_new_packets() {
        drop(flush(tls, socket));
        return Err(io::Error::other(error));
    }
    Ok(())
}

/// Begins a connection without waiting for it.
pub(super) fn begin_connect(remote: SocketAddr, bind: SocketAddr) -> io::Result<TcpStream> {
    let domain = if remote.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if !bind.ip().is_unspecified() {
        socket.bind(&SocketAddr::new(bind.ip(), 0).into())?;
    }
    match socket.connect(&remote.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
        Err(error) => return Err(error),
    }
    Ok(TcpStream::from_std(socket.into()))
}
