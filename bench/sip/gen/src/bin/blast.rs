// closed-loop UDP load: W packets in flight of S bytes for T seconds, prints packets/s
use std::net::UdpSocket;
use std::time::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let w: usize = a[1].parse().unwrap();
    let sz: usize = a[2].parse().unwrap();
    let t: u64 = a[3].parse().unwrap();
    let s = UdpSocket::bind("127.0.0.1:0").unwrap();
    s.connect("127.0.0.1:5060").unwrap();
    s.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let b = vec![b'x'; sz];
    let mut r = vec![0u8; 65536];
    for _ in 0..w {
        let _ = s.send(&b);
    }
    let st = Instant::now();
    let mut n = 0u64;
    while st.elapsed().as_secs() < t {
        for _ in 0..64 {
            match s.recv(&mut r) {
                Ok(_) => {
                    n += 1;
                    let _ = s.send(&b);
                }
                Err(_) => {
                    for _ in 0..w {
                        let _ = s.send(&b);
                    }
                }
            }
        }
    }
    println!("{}", n);
}
