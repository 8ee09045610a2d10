//! lower-bound prototype: one pass, index of (name id, start, end), no allocation
use memchr::memchr;
#[derive(Clone, Copy, Default, Debug)]
pub struct H {
    pub id: u8,
    pub ns: u16,
    pub vs: u16,
    pub ve: u16,
    pub end: u16,
}
pub const VIA: u8 = 1;
pub const FROM: u8 = 2;
pub const TO: u8 = 3;
pub const CALLID: u8 = 4;
pub const CSEQ: u8 = 5;
pub const CONTACT: u8 = 6;
pub const CLEN: u8 = 7;
pub const MAXF: u8 = 8;
pub const RR: u8 = 9;
pub const ROUTE: u8 = 10;
pub const AUTH: u8 = 11;
pub struct Msg<'a> {
    pub b: &'a [u8],
    pub line_end: u16,
    pub is_req: bool,
    pub n: usize,
    pub h: [H; 64],
    pub first: [u8; 16],
    pub body: (u16, u16),
}
fn id(n: &[u8]) -> u8 {
    if n.len() == 1 {
        return match n[0] | 32 {
            b'v' => VIA,
            b'f' => FROM,
            b't' => TO,
            b'i' => CALLID,
            b'm' => CONTACT,
            b'l' => CLEN,
            _ => 0,
        };
    }
    let eq = |s: &str| n.eq_ignore_ascii_case(s.as_bytes());
    match (n.len(), n[0] | 32) {
        (3, b'v') if eq("via") => VIA,
        (4, b'f') if eq("from") => FROM,
        (2, b't') if eq("to") => TO,
        (7, b'c') if eq("call-id") => CALLID,
        (7, b'c') if eq("contact") => CONTACT,
        (4, b'c') if eq("cseq") => CSEQ,
        (14, b'c') if eq("content-length") => CLEN,
        (12, b'm') if eq("max-forwards") => MAXF,
        (12, b'r') if eq("record-route") => RR,
        (5, b'r') if eq("route") => ROUTE,
        (13, b'a') if eq("authorization") => AUTH,
        _ => 0,
    }
}
#[inline]
fn trim(b: &[u8], mut s: usize, mut e: usize) -> (usize, usize) {
    while s < e && (b[s] == b' ' || b[s] == b'\t') {
        s += 1
    }
    while e > s && matches!(b[e - 1], b' ' | b'\t' | b'\r' | b'\n') {
        e -= 1
    }
    (s, e)
}
pub fn parse(b: &[u8]) -> Result<Msg<'_>, &'static str> {
    if b.len() > 65535 {
        return Err("big");
    }
    let le = memchr(b'\n', b).ok_or("no line")?;
    if le < 10 {
        return Err("short");
    }
    let l = &b[..le];
    let is_req = !l.starts_with(b"SIP/2.0 ");
    if is_req {
        let l = if l[l.len() - 1] == b'\r' { &l[..l.len() - 1] } else { l };
        if !l.ends_with(b" SIP/2.0") {
            return Err("version");
        }
        let sp = memchr(b' ', l).ok_or("sp")?;
        if sp == 0 || !l[..sp].iter().all(|c| c.is_ascii_graphic()) {
            return Err("method");
        }
        if sp + 1 >= l.len() - 8 {
            return Err("uri");
        }
        let u = &l[sp + 1..l.len() - 8];
        if u.is_empty() || memchr(b' ', u).is_some() {
            return Err("uri");
        }
    } else {
        if l.len() < 11 || !l[8..11].iter().all(|c| c.is_ascii_digit()) {
            return Err("code");
        }
    }
    let mut m = Msg {
        b,
        line_end: le as u16 + 1,
        is_req,
        n: 0,
        h: [H::default(); 64],
        first: [255; 16],
        body: (0, 0),
    };
    let mut p = le + 1;
    let mut clen = None;
    loop {
        if p >= b.len() {
            return Err("no end");
        }
        if b[p] == b'\r' && p + 1 < b.len() && b[p + 1] == b'\n' {
            p += 2;
            break;
        }
        if b[p] == b'\n' {
            p += 1;
            break;
        }
        let mut e = p + memchr(b'\n', &b[p..]).ok_or("line")?;
        while e + 1 < b.len() && (b[e + 1] == b' ' || b[e + 1] == b'\t') {
            e = e + 1 + memchr(b'\n', &b[e + 1..]).ok_or("line")?;
        }
        let c = p + memchr(b':', &b[p..e]).ok_or("colon")?;
        let (ns, ne) = trim(b, p, c);
        if ns == ne {
            return Err("name");
        }
        let (vs, ve) = trim(b, c + 1, e);
        let i = id(&b[ns..ne]);
        if m.n >= 64 {
            return Err("headers");
        }
        m.h[m.n] = H { id: i, ns: ns as u16, vs: vs as u16, ve: ve as u16, end: (e + 1) as u16 };
        if m.first[i as usize] == 255 {
            m.first[i as usize] = m.n as u8
        }
        if i == CLEN {
            clen = Some(num(&b[vs..ve]).ok_or("clen")? as usize)
        }
        m.n += 1;
        p = e + 1;
    }
    let av = b.len() - p;
    let bl = match clen {
        Some(n) if n > av => return Err("body"),
        Some(n) => n,
        None => av,
    };
    m.body = (p as u16, (p + bl) as u16);
    for k in [VIA, FROM, TO, CALLID, CSEQ] {
        if m.first[k as usize] == 255 {
            return Err("missing");
        }
    }
    Ok(m)
}
pub fn num(b: &[u8]) -> Option<u32> {
    if b.is_empty() {
        return None;
    }
    let mut v = 0u32;
    for c in b {
        if !c.is_ascii_digit() {
            return None;
        }
        v = v.checked_mul(10)?.checked_add((c - b'0') as u32)?
    }
    Some(v)
}
impl<'a> Msg<'a> {
    pub fn v(&self, i: u8) -> Option<&'a [u8]> {
        let k = self.first[i as usize];
        if k == 255 {
            None
        } else {
            let h = &self.h[k as usize];
            Some(&self.b[h.vs as usize..h.ve as usize])
        }
    }
    pub fn via(&self) -> Option<Via<'a>> {
        let v = self.v(VIA)?;
        if v.len() < 12 || !v[..8].eq_ignore_ascii_case(b"SIP/2.0/") {
            return None;
        }
        let sp = 8 + memchr(b' ', &v[8..])?;
        let tr = &v[8..sp];
        let rest = &v[sp + 1..];
        let end = rest.iter().position(|&c| c == b';' || c == b',').unwrap_or(rest.len());
        let hp = &rest[..end];
        let (host, port) = hostport(hp)?;
        let mut via = Via { transport: tr, host, port, branch: b"", received: b"", rport: None };
        let mut q = end;
        while q < rest.len() && rest[q] == b';' {
            let s = q + 1;
            let e = s + rest[s..]
                .iter()
                .position(|&c| c == b';' || c == b',')
                .unwrap_or(rest.len() - s);
            let (n, val) = match memchr(b'=', &rest[s..e]) {
                Some(x) => (&rest[s..s + x], &rest[s + x + 1..e]),
                None => (&rest[s..e], &b""[..]),
            };
            match n.len() {
                6 if n.eq_ignore_ascii_case(b"branch") => via.branch = val,
                8 if n.eq_ignore_ascii_case(b"received") => via.received = val,
                5 if n.eq_ignore_ascii_case(b"rport") => via.rport = Some(val),
                _ => {}
            }
            q = e;
        }
        Some(via)
    }
    pub fn cseq(&self) -> Option<(u32, &'a [u8])> {
        let v = self.v(CSEQ)?;
        let sp = memchr(b' ', v)?;
        Some((num(&v[..sp])?, &v[sp + 1..]))
    }
    pub fn addr(&self, i: u8) -> Option<Addr<'a>> {
        let v = self.v(i)?;
        let (uri, params) = if v.first() == Some(&b'"') {
            let mut q = 1;
            while q < v.len() && v[q] != b'"' {
                if v[q] == b'\\' {
                    q += 1
                }
                q += 1
            }
            if q >= v.len() {
                return None;
            }
            let l = q + memchr(b'<', &v[q..])?;
            let g = l + memchr(b'>', &v[l..])?;
            (&v[l + 1..g], &v[g + 1..])
        } else if let Some(l) = memchr(b'<', v) {
            let g = l + memchr(b'>', &v[l..])?;
            (&v[l + 1..g], &v[g + 1..])
        } else {
            let s = memchr(b';', v).unwrap_or(v.len());
            (&v[..s], &v[s..])
        };
        let c = memchr(b':', uri)?;
        let rest = &uri[c + 1..];
        let (user, hp) = match memchr(b'@', rest) {
            Some(a) => (&rest[..a], &rest[a + 1..]),
            None => (&b""[..], rest),
        };
        let end = hp.iter().position(|&c| c == b';' || c == b'?').unwrap_or(hp.len());
        let (host, port) = hostport(&hp[..end])?;
        let mut tag = &b""[..];
        for p in params.split(|&c| c == b';') {
            if p.len() > 4 && p[..4].eq_ignore_ascii_case(b"tag=") {
                tag = &p[4..]
            }
        }
        Some(Addr { uri, user, host, port, tag })
    }
}
pub struct Via<'a> {
    pub transport: &'a [u8],
    pub host: &'a [u8],
    pub port: Option<u16>,
    pub branch: &'a [u8],
    pub received: &'a [u8],
    pub rport: Option<&'a [u8]>,
}
pub struct Addr<'a> {
    pub uri: &'a [u8],
    pub user: &'a [u8],
    pub host: &'a [u8],
    pub port: Option<u16>,
    pub tag: &'a [u8],
}
fn hostport(b: &[u8]) -> Option<(&[u8], Option<u16>)> {
    if b.first() == Some(&b'[') {
        let e = memchr(b']', b)?;
        return if b.len() > e + 1 && b[e + 1] == b':' {
            Some((&b[..e + 1], Some(num(&b[e + 2..])? as u16)))
        } else {
            Some((&b[..e + 1], None))
        };
    }
    match memchr(b':', b) {
        Some(c) => Some((&b[..c], Some(u16::try_from(num(&b[c + 1..])?).ok()?))),
        None => Some((b, None)),
    }
}
pub fn access(m: &Msg) -> Result<(), String> {
    use std::hint::black_box as bb;
    let v = m.via().ok_or("via")?;
    bb((v.host, v.port, v.branch));
    let a = m.addr(FROM).ok_or("from")?;
    bb((a.tag, a.user, a.host));
    let a = m.addr(TO).ok_or("to")?;
    bb((a.tag, a.user, a.host));
    bb(m.cseq().ok_or("cseq")?);
    if m.first[CONTACT as usize] != 255 && m.v(CONTACT) != Some(b"*") {
        let a = m.addr(CONTACT).ok_or("contact")?;
        bb((a.user, a.host));
    }
    bb(m.v(CALLID));
    Ok(())
}
/// relay-style serialise: start line, our Via in front, decrement Max-Forwards, copy rest
pub fn relay(m: &Msg, via: &[u8], out: &mut Vec<u8>) {
    out.clear();
    let le = m.line_end as usize;
    out.extend_from_slice(&m.b[..le]);
    out.extend_from_slice(via);
    let mf = m.first[MAXF as usize];
    if mf != 255 {
        let h = &m.h[mf as usize];
        out.extend_from_slice(&m.b[le..h.vs as usize]);
        let n = num(&m.b[h.vs as usize..h.ve as usize]).unwrap_or(70).saturating_sub(1);
        let mut t = [0u8; 10];
        let mut i = 10;
        let mut n = n;
        loop {
            i -= 1;
            t[i] = b'0' + (n % 10) as u8;
            n /= 10;
            if n == 0 {
                break;
            }
        }
        out.extend_from_slice(&t[i..]);
        out.extend_from_slice(&m.b[h.ve as usize..m.body.1 as usize]);
    } else {
        out.extend_from_slice(&m.b[le..m.body.1 as usize]);
    }
}
