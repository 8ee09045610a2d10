//! The route decision and the compilation of its table, at 1k, 10k and 100k inbound rules.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark fails loudly on its own input"
)]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use trunkline::model::{Resource, ResourceSet};
use trunkline::routing::{Source, Table};

const RULES_PER_TENANT: u64 = 50;

fn resource(kind: &str, tenant: Option<&str>, name: &str, spec: Value) -> Arc<Resource> {
    let mut metadata = json!({"name": name});
    if let Some(tenant) = tenant {
        metadata["tenant"] = json!(tenant);
    }
    Arc::new(
        serde_json::from_value(json!({"kind": kind, "metadata": metadata, "spec": spec})).unwrap(),
    )
}

/// One trunk shared by `rules / 50` tenants, each with a pool, a PBX and 50 rules of ten numbers.
fn estate(rules: u64) -> ResourceSet {
    let udp = json!({"protocol": "udp", "bind": "127.0.0.1", "port": 5060});
    let trunk = json!({"type": "ip", "host": "127.0.0.2", "port": 5060, "transport": "udp"});
    let mut all =
        vec![resource("Transport", None, "udp", udp), resource("Trunk", None, "carrier", trunk)];
    for tenant in 0..rules / RULES_PER_TENANT {
        let name = format!("t{tenant}");
        let first = 10_000_000_000 + tenant * 1000;
        all.push(resource("Tenant", None, &name, json!({"sipDomain": format!("{name}.example")})));
        let pool = json!({"trunk": "carrier", "numbers": [format!("{first}-{}", first + 999)]});
        all.push(resource("DidPool", Some(&name), "pool", pool));
        let contact = format!("sip:127.{}.{}.1:5060", 1 + tenant / 250, tenant % 250);
        let pbx = json!({"numbers": "1000-1999", "contact": contact});
        all.push(resource("Extension", Some(&name), "pbx", pbx));
        for rule in 0..RULES_PER_TENANT {
            let (did, target) = (first + rule * 10, 1000 + rule * 10);
            let spec = json!({
                "trunk": "carrier",
                "did": format!("{did}-{}", did + 9),
                "destination": {"extension": format!("{target}-{}", target + 9)},
            });
            all.push(resource("InboundRule", Some(&name), &format!("r{rule}"), spec));
        }
    }
    all.into_iter().collect()
}

fn route(c: &mut Criterion) {
    let mut group = c.benchmark_group("route_inbound");
    for rules in [1_000, 10_000, 100_000] {
        let table = Table::compile(&estate(rules));
        let udp = table.transports().next().unwrap().0;
        let source = "127.0.0.2:5060".parse().unwrap();
        group.throughput(Throughput::Elements(1));
        group.bench_function(BenchmarkId::from_parameter(rules), |b| {
            b.iter(|| {
                let Source::Trunks(trunks) = table.identify(udp, black_box(source)) else {
                    panic!("the carrier is known");
                };
                table.route_inbound(trunks[0], black_box("+10000000123"), "+4930", &mut ())
            });
        });
    }
    group.finish();
}

fn compile(c: &mut Criterion) {
    let mut group = c.benchmark_group("compile_table");
    group.sample_size(10);
    for rules in [1_000, 10_000, 100_000] {
        let set = estate(rules);
        group.throughput(Throughput::Elements(rules));
        group.bench_function(BenchmarkId::from_parameter(rules), |b| {
            b.iter(|| Table::compile(black_box(&set)));
        });
    }
    group.finish();
}

criterion_group!(benches, route, compile);
criterion_main!(benches);
