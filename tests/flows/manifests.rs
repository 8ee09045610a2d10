//! The configuration that flows begin with, and how tests change it.

use serde_json::{Value, json};

pub(crate) fn resource(kind: &str, tenant: Option<&str>, name: &str, spec: &Value) -> Value {
    let mut metadata = json!({ "name": name });
    if let Some(tenant) = tenant {
        metadata["tenant"] = tenant.into();
    }
    json!({ "kind": kind, "metadata": metadata, "spec": spec })
}

/// Two trunks of a tenant, its pools, its PBX, a rule inwards and one outwards with two routes.
/// Keep-alive is off; tests of it switch it on.
pub(crate) fn config() -> Vec<Value> {
    let acme = Some("acme");
    let trunk = |host: &str| json!({ "type": "ip", "host": host, "port": 5060, "keepAlive": { "enabled": false } });
    vec![
        resource(
            "Transport",
            None,
            "udp",
            &json!({
            "protocol": "udp", "bind": "127.0.0.1", "port": 5060 }),
        ),
        resource("Tenant", None, "acme", &json!({ "sipDomain": "acme.example" })),
        resource("Trunk", acme, "carrier-a", &trunk("127.0.0.2")),
        resource("Trunk", acme, "carrier-b", &trunk("127.0.0.3")),
        resource(
            "DidPool",
            acme,
            "pool-a",
            &json!({
            "trunk": "carrier-a", "numbers": ["442079460000-442079460099"] }),
        ),
        resource(
            "DidPool",
            acme,
            "pool-b",
            &json!({
            "trunk": "carrier-b", "numbers": ["442079460100"] }),
        ),
        resource(
            "Extension",
            acme,
            "pbx",
            &json!({
            "numbers": "1000-1099", "contact": "sip:127.0.0.9:5060" }),
        ),
        resource(
            "InboundRule",
            acme,
            "main",
            &json!({
            "trunk": "carrier-a", "did": "442079460000-442079460099",
            "destination": { "extension": "1000-1099" } }),
        ),
        resource(
            "OutboundRule",
            acme,
            "world",
            &json!({
            "match": { "prefixes": ["00"] },
            "routes": [{ "trunk": "carrier-a", "strip": 2, "prepend": "+" },
                       { "trunk": "carrier-b", "strip": 2 }] }),
        ),
    ]
}

/// Sets a field of one resource of a configuration, by a JSON pointer into its spec.
pub(crate) fn set(config: &mut [Value], name: &str, pointer: &str, value: Value) {
    let found = config.iter_mut().find(|resource| resource["metadata"]["name"] == name).unwrap();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = found["spec"].pointer_mut(parent).unwrap();
    parent[field] = value;
}
