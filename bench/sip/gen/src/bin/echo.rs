// bare UDP: MODE=mmsg (recvmmsg/sendmmsg, up to 32) | single (recvfrom/sendto) | tokio
use std::mem::*;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
fn main() {
    let s = UdpSocket::bind("127.0.0.1:5060").unwrap();
    let m = std::env::var("MODE").unwrap_or("mmsg".into());
    match m.as_str() {
        "single" => {
            let mut b = [0u8; 65536];
            loop {
                let (n, a) = s.recv_from(&mut b).unwrap();
                let _ = s.send_to(&b[..n], a);
            }
        }
        _ => unsafe {
            const N: usize = 32;
            let fd = s.as_raw_fd();
            let mut bufs = vec![[0u8; 4096]; N];
            let mut ad: [libc::sockaddr_in; N] = zeroed();
            let mut iov: [libc::iovec; N] = zeroed();
            let mut h: [libc::mmsghdr; N] = zeroed();
            loop {
                for i in 0..N {
                    iov[i] = libc::iovec { iov_base: bufs[i].as_mut_ptr() as _, iov_len: 4096 };
                    h[i].msg_hdr.msg_iov = &mut iov[i];
                    h[i].msg_hdr.msg_iovlen = 1;
                    h[i].msg_hdr.msg_name = &mut ad[i] as *mut _ as _;
                    h[i].msg_hdr.msg_namelen = size_of::<libc::sockaddr_in>() as u32;
                }
                let n = libc::recvmmsg(
                    fd,
                    h.as_mut_ptr(),
                    N as u32,
                    libc::MSG_WAITFORONE,
                    std::ptr::null_mut(),
                );
                if n <= 0 {
                    continue;
                }
                for i in 0..n as usize {
                    iov[i].iov_len = h[i].msg_len as usize;
                }
                let mut o = 0;
                while o < n {
                    let k = libc::sendmmsg(fd, h.as_mut_ptr().add(o as usize), (n - o) as u32, 0);
                    if k <= 0 {
                        break;
                    }
                    o += k;
                }
            }
        },
    }
}
