//! Far ends that are slow, rude or gone.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;
use trunkline::port::Target as _;

use crate::streams::{connect, is_closed, listening, message, nobody, options};

fn is_served(stream: &mut TcpStream, branch: &str) -> bool {
    stream.write_all(options(branch, "l: 0\r\n").as_bytes()).unwrap();
    message(stream).starts_with("SIP/2.0 200 ")
}

#[test]
fn who_closes_its_half_has_the_answers_to_what_it_said() {
    let (_engine, address) = listening("127.0.0.1", nobody("127.0.0.1"), false);
    let all = |of: usize| -> String {
        (0..20).map(|n| options(&format!("h{of}x{n}"), "l: 0\r\n")).collect()
    };
    // Of many at once some have said all and closed before the engine looks at them.
    let said = |of: usize| {
        let mut stream = connect(address);
        stream.write_all(all(of).as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream
    };
    let streams: Vec<TcpStream> = (0..100).map(said).collect();
    for (of, mut stream) in streams.into_iter().enumerate() {
        for n in 0..20 {
            let answer = message(&mut stream);
            assert!(answer.contains(&format!("branch=z9hG4bKh{of}x{n};")), "{answer}");
        }
        assert!(is_closed(&mut stream));
    }
    // Half of a message and then the end: nothing to answer.
    let mut stream = connect(address);
    stream.write_all(&all(0).as_bytes()[..100]).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn a_reset_in_the_middle_of_a_message_ends_that_connection_only() {
    let (engine, address) = listening("127.0.0.1", nobody("127.0.0.1"), false);
    let mut other = connect(address);
    assert!(is_served(&mut other, "before"));
    for n in 0..100 {
        let mut stream = connect(address);
        let text = options(&format!("r{n}"), "l: 9\r\n");
        stream.write_all(&text.as_bytes()[..text.len() - n]).unwrap();
        // Closing a socket that does not linger resets its connection.
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    }
    assert!(is_served(&mut other, "after"));
    assert!(is_served(&mut connect(address), "new"));
    assert_eq!(engine.observe().unwrap().active_calls, 0);
}

#[test]
fn a_message_that_comes_drop_by_drop_has_no_more_time_than_one_that_stops() {
    let (_engine, address) = listening("127.0.0.1", nobody("127.0.0.1"), false);
    let began = Instant::now();
    let mut slow = connect(address);
    // A read that finds nothing is the pause between two drops.
    slow.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let text = options("drops", "l: 0\r\n");
    let cut = text.bytes().any(|byte| {
        let written = slow.write_all(&[byte]);
        let quiet = |error: &std::io::Error| {
            matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        };
        written.is_err() || !slow.read(&mut [0]).is_err_and(|error| quiet(&error))
    });
    assert!(cut && began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(is_served(&mut connect(address), "other"));
}

#[test]
fn a_far_end_that_takes_no_connection_holds_nobody_up() {
    // What waits at this listener is never taken; with its queue full nothing more arrives.
    let full = TcpListener::bind("127.0.0.1:0").unwrap();
    SockRef::from(&full).listen(0).unwrap();
    let peer = full.local_addr().unwrap();
    let held: Vec<TcpStream> = (0..4)
        .filter_map(|_| TcpStream::connect_timeout(&peer, Duration::from_millis(100)).ok())
        .collect();
    assert!(held.len() < 4, "its queue is full");
    let (engine, address) = listening("127.0.0.1", peer, true);
    let began = Instant::now();
    let down = || engine.observe().unwrap().trunks[0].health == trunkline::model::TrunkHealth::Down;
    let mut number = 0;
    let mut stream = connect(address);
    while !down() {
        number += 1;
        assert!(is_served(&mut stream, &format!("n{number}")));
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}
