//! A manifest of 1.1 kB from text to spanned tree: by the full parser, and as every file is read, by
//! the fast scanner first.
#![expect(clippy::unwrap_used, reason = "a benchmark fails loudly on its own input")]

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline::diag::FileId;
use trunkline::manifest::scanner::scan;
use trunkline::manifest::yaml::{parse, parse_in_full};

/// Documents of one file, as a repository of many numbers has them.
const DOCUMENTS: usize = 500;

/// A trunk with all that people write around one: comments, labels, lists, quoted texts.
fn document(number: usize) -> String {
    let mut text = format!(
        "---\n# Carrier {number}, contract C-{number:05}\n\
         apiVersion: trunkline.dev/v1\nkind: Trunk\nmetadata:\n  name: carrier-{number}\n  labels:\n\
         \x20   region: eu-central\n    tier: \"gold\"\n    cost-centre: '0{number:04}'\n  annotations:\n\
         \x20   docs: https://wiki.example.net/trunks/{number} # the contract\n\
         \x20   owner: voice team, second floor\nspec:\n  displayName: \"Carrier {number} (primary)\"\n\
         \x20 type: ip\n  provider: carrier\n  enabled: true\n  host: 192.0.2.10\n  port: 5060\n\
         \x20 transport: udp-main\n  associatedIps:\n"
    );
    for address in 10..20 {
        writeln!(text, "    - 198.51.100.{address}/32").unwrap();
    }
    text.push_str("  verifyPort: false\n  limits: {concurrentCalls: 120}\n  keepAlive:\n    enabled: true\n    interval: 30s\n");
    text.push_str("  routes:\n");
    for route in 0..4 {
        writeln!(text, "    - trunk: backup-{route}\n      strip: {route}\n      prepend: \"+49\"")
            .unwrap();
    }
    text.push_str("  prefixes: [\"+4930\", \"+4940\", 0049]\n");
    text
}

fn read(c: &mut Criterion) {
    let text = document(4711);
    assert!((1_050..=1_200).contains(&text.len()), "{} bytes", text.len());
    assert!(scan(FileId(0), 0, &text).is_some(), "the scanner reads it");
    let file: String = (0..DOCUMENTS).map(document).collect();
    assert_eq!(parse(FileId(0), &file), parse_in_full(FileId(0), &file));

    let mut group = c.benchmark_group("yaml");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("full_parser", |b| b.iter(|| parse_in_full(FileId(0), black_box(&text))));
    group.bench_function("scanner_first", |b| b.iter(|| parse(FileId(0), black_box(&text))));
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("scanner_first_500_documents", |b| {
        b.iter(|| parse(FileId(0), black_box(&file)));
    });
    group.finish();
}

criterion_group!(benches, read);
criterion_main!(benches);
