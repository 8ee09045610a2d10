//! The rim of the engine: sockets, the clock, system randomness, one thread; and a second one for the
//! DNS, so that nothing waits for it.

mod back_off;
mod channel;
mod connection;
mod connections;
mod datagrams;
mod driver;
mod handle;
mod incoming;
mod listeners;
mod log;
mod outgoing;
mod resolver;
mod room;
mod tls;
mod told;
mod unreachable;

pub use handle::EngineHandle;
