//! What stands where a manifest says nothing.

use std::net::{IpAddr, Ipv4Addr};

use super::{Seconds, StatusRange};

pub(super) fn any_address() -> IpAddr {
    IpAddr::V4(Ipv4Addr::UNSPECIFIED)
}

pub(super) fn yes() -> bool {
    true
}

pub(super) fn utc() -> String {
    "UTC".to_owned()
}

pub(super) fn international() -> String {
    "00".to_owned()
}

pub(super) fn national() -> String {
    "0".to_owned()
}

pub(super) fn twenty() -> u32 {
    20
}

pub(super) fn thousand() -> u32 {
    1000
}

pub(super) fn one() -> u32 {
    1
}

pub(super) fn three() -> u32 {
    3
}

pub(super) fn five() -> u32 {
    5
}

pub(super) fn thirty() -> u32 {
    30
}

pub(super) fn minute() -> Seconds {
    Seconds(60)
}

pub(super) fn half_minute() -> Seconds {
    Seconds(32)
}

pub(super) fn minute_and_a_half() -> Seconds {
    Seconds(90)
}

pub(super) fn six_minutes() -> Seconds {
    Seconds(360)
}

pub(super) fn ten_minutes() -> Seconds {
    Seconds(600)
}

pub(super) fn half_hour() -> Seconds {
    Seconds(1800)
}

pub(super) fn hour() -> Seconds {
    Seconds(3600)
}

/// 408 and every 5xx.
pub(super) fn down_codes() -> Vec<StatusRange> {
    [StatusRange::new(408, 408), StatusRange::new(500, 599)].into_iter().flatten().collect()
}
