// closed-loop SIP load: W calls outstanding, UAC on 5080 and UAS on 5070 in one thread. gen W SECS [direct|proxy|options]; prints calls done, timeouts, unexpected
use sipload::zc::{self, *};
use std::collections::HashMap;
use std::io::Write;
use std::net::*;
use std::time::*;
fn hdr(m: &Msg, i: u8, out: &mut Vec<u8>) {
    for k in 0..m.n {
        let h = &m.h[k];
        if h.id == i {
            out.extend_from_slice(&m.b[h.ns as usize..h.end as usize]);
        }
    }
}
fn routes(m: &Msg, out: &mut Vec<u8>) {
    for k in (0..m.n).rev() {
        let h = &m.h[k];
        if h.id == RR {
            out.extend_from_slice(b"Route: ");
            out.extend_from_slice(&m.b[h.vs as usize..h.ve as usize]);
            out.extend_from_slice(b"\r\n");
        }
    }
}
fn reply(m: &Msg, st: &str, tag: bool, sdp: bool, out: &mut Vec<u8>) {
    out.clear();
    write!(out, "SIP/2.0 {st}\r\n").unwrap();
    hdr(m, VIA, out);
    hdr(m, RR, out);
    hdr(m, FROM, out);
    out.extend_from_slice(b"To: ");
    out.extend_from_slice(m.v(TO).unwrap());
    if tag && m.addr(TO).map(|a| a.tag.is_empty()).unwrap_or(true) {
        out.extend_from_slice(b";tag=uas77")
    }
    out.extend_from_slice(b"\r\n");
    hdr(m, CALLID, out);
    hdr(m, CSEQ, out);
    out.extend_from_slice(b"Contact: <sip:+4930123456789@127.0.0.1:5070;transport=udp>\r\n");
    if sdp {
        let s = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=trunk\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n";
        write!(out,"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE\r\nSupported: timer\r\nServer: gen\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{s}",s.len()).unwrap();
    } else {
        out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    }
}
const SDP: &str = "v=0\r\no=- 3912345678 3912345678 IN IP4 127.0.0.1\r\ns=trunk\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 31000 RTP/AVP 8 0 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:18 G729/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";
struct G {
    s: UdpSocket,
    run: u32,
    out: Vec<u8>,
    live: HashMap<u64, (Instant, u8)>,
    next: u64,
    mode: String,
}
impl G {
    fn start(&mut self) {
        let i = self.next;
        self.next += 1;
        let r = self.run;
        self.out.clear();
        if self.mode == "options" {
            write!(self.out,"OPTIONS sip:127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK{r}o{i};rport\r\nMax-Forwards: 70\r\nFrom: <sip:ping@127.0.0.1:5080>;tag={r}o{i}\r\nTo: <sip:127.0.0.1:5060>\r\nCall-ID: {i}-{r}@127.0.0.1\r\nCSeq: 1 OPTIONS\r\nContact: <sip:ping@127.0.0.1:5080>\r\nContent-Length: 0\r\n\r\n").unwrap();
        } else {
            write!(self.out,"INVITE sip:+4930123456789@127.0.0.1:5060;user=phone SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK{r}i{i};rport\r\nMax-Forwards: 70\r\nFrom: \"Alice Example\" <sip:+4940987654321@tenant1.example.net;user=phone>;tag={r}t{i}\r\nTo: <sip:+4930123456789@127.0.0.1:5060;user=phone>\r\nCall-ID: {i}-{r}@127.0.0.1\r\nCSeq: 1 INVITE\r\nContact: <sip:alice@127.0.0.1:5080;transport=udp>\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, UPDATE, PRACK\r\nSupported: timer, replaces\r\nP-Asserted-Identity: <sip:+4940987654321@tenant1.example.net;user=phone>\r\nUser-Agent: gen\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{SDP}",SDP.len()).unwrap();
        }
        let _ = self.s.send_to(&self.out, "127.0.0.1:5060");
        self.live.insert(i, (Instant::now(), 0));
    }
    fn indlg(&mut self, m: &Msg, i: u64, meth: &str, cs: u32) {
        let r = self.run;
        self.out.clear();
        let c = m.addr(CONTACT);
        let u = c.map(|c| c.uri).unwrap_or(b"sip:127.0.0.1:5060");
        write!(self.out, "{meth} ").unwrap();
        self.out.extend_from_slice(u);
        write!(
            self.out,
            " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bK{r}{}{i};rport\r\n",
            &meth[..1]
        )
        .unwrap();
        routes(m, &mut self.out);
        write!(self.out, "Max-Forwards: 70\r\n").unwrap();
        hdr(m, FROM, &mut self.out);
        hdr(m, TO, &mut self.out);
        hdr(m, CALLID, &mut self.out);
        write!(self.out, "CSeq: {cs} {meth}\r\nContent-Length: 0\r\n\r\n").unwrap();
        let _ = self.s.send_to(&self.out, "127.0.0.1:5060");
    }
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let w: usize = a[1].parse().unwrap();
    let t: f64 = a[2].parse().unwrap();
    let mode = a[3].clone();
    let s = UdpSocket::bind("127.0.0.1:5080").unwrap();
    let u = UdpSocket::bind("127.0.0.1:5070").unwrap();
    s.set_nonblocking(true).unwrap();
    u.set_nonblocking(true).unwrap();
    use std::os::fd::AsRawFd;
    let mut pf = [
        libc::pollfd { fd: s.as_raw_fd(), events: 1, revents: 0 },
        libc::pollfd { fd: u.as_raw_fd(), events: 1, revents: 0 },
    ];
    let mut g = G {
        s,
        run: std::process::id(),
        out: Vec::with_capacity(4096),
        live: HashMap::new(),
        next: 0,
        mode,
    };
    for _ in 0..w {
        g.start()
    }
    let st = Instant::now();
    let (mut done, mut to, mut bad) = (0u64, 0u64, 0u64);
    let mut b = vec![0u8; 65536];
    let mut out = Vec::with_capacity(4096);
    let mut chk = Instant::now();
    let warm: f64 = a.get(4).map(|s| s.parse().unwrap()).unwrap_or(0.0);
    let mut marked = warm == 0.0;
    while st.elapsed().as_secs_f64() < t {
        if !marked && st.elapsed().as_secs_f64() >= warm {
            marked = true;
            println!("MARK {done}");
            let _ = std::io::stdout().flush();
        }
        unsafe {
            libc::poll(pf.as_mut_ptr(), 2, 50);
        }
        loop {
            let Ok((n, from)) = u.recv_from(&mut b) else { break };
            let Ok(m) = zc::parse(&b[..n]) else {
                bad += 1;
                continue;
            };
            if !m.is_req {
                bad += 1;
                continue;
            }
            if m.b.starts_with(b"INVITE") {
                reply(&m, "180 Ringing", true, false, &mut out);
                let _ = u.send_to(&out, from);
                reply(&m, "200 OK", true, true, &mut out);
                let _ = u.send_to(&out, from);
            } else if m.b.starts_with(b"BYE") {
                reply(&m, "200 OK", true, false, &mut out);
                let _ = u.send_to(&out, from);
            }
        }
        loop {
            let Ok((n, _)) = g.s.recv_from(&mut b) else { break };
            let Ok(m) = zc::parse(&b[..n]) else {
                bad += 1;
                continue;
            };
            if m.is_req {
                bad += 1;
                continue;
            }
            let id = m.v(CALLID).unwrap();
            let Some(i) =
                id.iter().position(|&c| c == b'-').and_then(|p| num(&id[..p])).map(|x| x as u64)
            else {
                bad += 1;
                continue;
            };
            let code = &m.b[8..11];
            if code[0] == b'1' {
                continue;
            }
            if code != b"200" {
                bad += 1;
                continue;
            }
            let Some(l) = g.live.get_mut(&i) else { continue };
            let (_, meth) = m.cseq().unwrap();
            match (meth, l.1) {
                (b"INVITE", 0) => {
                    l.1 = 1;
                    g.indlg(&m, i, "ACK", 1);
                    g.indlg(&m, i, "BYE", 2);
                }
                (b"INVITE", _) => {}
                _ => {
                    g.live.remove(&i);
                    done += 1;
                    g.start();
                }
            }
        }
        if chk.elapsed().as_millis() > 500 {
            chk = Instant::now();
            let dead: Vec<u64> = g
                .live
                .iter()
                .filter(|(_, v)| v.0.elapsed().as_millis() > 3000)
                .map(|(k, _)| *k)
                .collect();
            for d in dead {
                g.live.remove(&d);
                to += 1;
                g.start();
            }
        }
    }
    println!("DONE {done} timeouts {to} bad {bad}");
}
