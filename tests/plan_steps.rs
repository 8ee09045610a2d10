//! The order of a plan as a person reads it: which steps lead from one state to the other.

#[cfg(test)]
mod order {
    use std::sync::Arc;

    use serde_json::{Value, json};
    use trunkline::model::{Resource, ResourceId, ResourceSet, Spec};
    use trunkline::plan::{Context, Plan, plan};
    use trunkline::validate::check_resources;

    fn resource(kind: &str, name: &str, spec: Value) -> Arc<Resource> {
        let metadata = match name.split_once('/') {
            Some((tenant, name)) => json!({"tenant": tenant, "name": name}),
            None => json!({"name": name}),
        };
        let whole = json!({"kind": kind, "metadata": metadata, "spec": spec});
        Arc::new(serde_json::from_value(whole).unwrap())
    }

    fn transport(name: &str, port: u16) -> Arc<Resource> {
        resource("Transport", name, json!({"protocol": "udp", "bind": "127.0.0.1", "port": port}))
    }

    fn tenant(name: &str, domain: &str) -> Arc<Resource> {
        resource("Tenant", name, json!({"sipDomain": domain}))
    }

    fn trunk(name: &str, host: &str) -> Arc<Resource> {
        trunk_at(name, host, "udp")
    }

    fn trunk_at(name: &str, host: &str, transport: &str) -> Arc<Resource> {
        resource("Trunk", name, json!({"type": "ip", "host": host, "transport": transport}))
    }

    fn pool(name: &str, trunk: &str, numbers: &[&str]) -> Arc<Resource> {
        resource("DidPool", name, json!({"trunk": trunk, "numbers": numbers}))
    }

    fn rule(name: &str, trunk: &str, did: &str) -> Arc<Resource> {
        let spec = json!({"trunk": trunk, "did": did, "destination": {"reject": 486}});
        resource("InboundRule", name, spec)
    }

    /// Two tenants on one trunk, each with two numbers and a rule for the first of them.
    fn base() -> ResourceSet {
        let resources = [
            transport("udp", 5060),
            tenant("a", "a.example"),
            tenant("b", "b.example"),
            trunk("carrier", "10.0.0.1"),
            pool("a/main", "carrier", &["1000", "1001"]),
            pool("b/main", "carrier", &["2000", "2001"]),
            rule("a/desk", "carrier", "1000"),
            rule("b/desk", "carrier", "2000"),
        ];
        resources.into_iter().collect()
    }

    /// The base with some resources put in and others taken out.
    fn edited(put: &[Arc<Resource>], taken: &[&Arc<Resource>]) -> ResourceSet {
        let mut set = base();
        taken.iter().for_each(|resource| drop(set.remove(&resource.id())));
        put.iter().for_each(|resource| drop(set.insert(resource.clone())));
        set
    }

    /// The steps in words; every state on the way is valid.
    fn steps(live: &ResourceSet, desired: &ResourceSet) -> Vec<String> {
        assert_eq!(check_resources(live), []);
        assert_eq!(check_resources(desired), []);
        let Plan { steps, .. } = plan(live, desired, &Context::BARE);
        let mut now = live.clone();
        let mut told = Vec::new();
        for step in steps {
            told.push(format!("{} {}", step.action.as_str(), step.resource));
            match step.state {
                Some(state) => drop(now.insert(state)),
                None => drop(now.remove(&step.resource)),
            }
            assert_eq!(check_resources(&now), [], "after {told:#?}");
        }
        assert_eq!(now, *desired);
        told
    }

    fn numbers(plan: &Plan, id: &ResourceId) -> Vec<String> {
        let states = plan.steps.iter().filter(|step| step.resource == *id);
        let texts = states.filter_map(|step| match &step.state.as_ref()?.spec {
            Spec::DidPool(pool) => Some(serde_json::to_string(&pool.numbers).unwrap()),
            Spec::Transport(_)
            | Spec::Tenant(_)
            | Spec::Trunk(_)
            | Spec::Extension(_)
            | Spec::InboundRule(_)
            | Spec::OutboundRule(_)
            | Spec::Schedule(_)
            | Spec::RouteTest(_)
            | Spec::Policy(_) => None,
        });
        texts.collect()
    }

    #[test]
    fn a_plain_change_is_one_step() {
        let moved = rule("a/desk", "carrier", "1001");
        assert_eq!(steps(&base(), &edited(&[moved], &[])), ["change InboundRule/a/desk"]);
        let trunk = trunk("carrier", "10.0.0.9");
        assert_eq!(steps(&base(), &edited(&[trunk], &[])), ["change Trunk/carrier"]);
    }

    #[test]
    fn creation_begins_with_what_is_used_and_deletion_with_the_users() {
        let order = [
            "Transport/udp",
            "Tenant/a",
            "Tenant/b",
            "Trunk/carrier",
            "DidPool/a/main",
            "DidPool/b/main",
            "InboundRule/a/desk",
            "InboundRule/b/desk",
        ];
        let created = order.map(|id| format!("create {id}"));
        assert_eq!(steps(&ResourceSet::default(), &base()), created);
        let deleted = [6, 7, 4, 5, 3, 1, 2, 0].map(|at| format!("delete {}", order[at]));
        assert_eq!(steps(&base(), &ResourceSet::default()), deleted);
    }

    #[test]
    fn a_rule_moves_to_a_new_trunk_before_the_old_one_goes() {
        let (old, new) = (trunk("carrier", "10.0.0.1"), trunk("other", "10.0.0.2"));
        let put = [
            new,
            pool("a/other", "other", &["1000"]),
            pool("b/other", "other", &["2000"]),
            rule("a/desk", "other", "1000"),
            rule("b/desk", "other", "2000"),
        ];
        let taken = [&old, &pool("a/main", "carrier", &["1"]), &pool("b/main", "carrier", &["1"])];
        let expected = [
            "create Trunk/other",
            "create DidPool/a/other",
            "create DidPool/b/other",
            "change InboundRule/a/desk",
            "change InboundRule/b/desk",
            "delete DidPool/a/main",
            "delete DidPool/b/main",
            "delete Trunk/carrier",
        ];
        assert_eq!(steps(&base(), &edited(&put, &taken)), expected);
    }

    #[test]
    fn a_number_leaves_one_tenant_before_it_comes_to_another() {
        let put = [
            pool("a/main", "carrier", &["1000"]),
            pool("b/main", "carrier", &["2000", "2001", "1001"]),
        ];
        let expected = ["change DidPool/a/main", "change DidPool/b/main"];
        assert_eq!(steps(&base(), &edited(&put, &[])), expected);
        // Against the order of names, too.
        let put = [
            pool("a/main", "carrier", &["1000", "1001", "2001"]),
            pool("b/main", "carrier", &["2000"]),
        ];
        let expected = ["change DidPool/b/main", "change DidPool/a/main"];
        assert_eq!(steps(&base(), &edited(&put, &[])), expected);
    }

    #[test]
    fn two_tenants_swap_their_numbers() {
        let put = [
            pool("a/main", "carrier", &["2000", "1001"]),
            pool("b/main", "carrier", &["1000", "2001"]),
            rule("a/desk", "carrier", "2000"),
            rule("b/desk", "carrier", "1000"),
        ];
        let expected = [
            "delete InboundRule/a/desk",
            "delete InboundRule/b/desk",
            "change DidPool/a/main",
            "change DidPool/b/main",
            "change DidPool/a/main",
            "change DidPool/b/main",
            "create InboundRule/a/desk",
            "create InboundRule/b/desk",
        ];
        assert_eq!(steps(&base(), &edited(&put, &[])), expected);
    }

    #[test]
    fn a_pool_keeps_a_number_until_its_rule_has_changed() {
        let put = [pool("a/main", "carrier", &["1001", "1002"]), rule("a/desk", "carrier", "1002")];
        let desired = edited(&put, &[]);
        let expected =
            ["change DidPool/a/main", "change InboundRule/a/desk", "change DidPool/a/main"];
        assert_eq!(steps(&base(), &desired), expected);
        let plan = plan(&base(), &desired, &Context::BARE);
        let forms = numbers(&plan, &put[0].id());
        assert_eq!(forms, [r#"["1001","1002","1000"]"#, r#"["1001","1002"]"#]);
    }

    #[test]
    fn swapped_ports_domains_and_hosts_go_by_way_of_spare_ones() {
        let second = [transport("second", 5070), trunk_at("other", "10.0.0.2", "second")];
        let live = edited(&second, &[]);
        let mut ports = live.clone();
        ports.insert(transport("udp", 5070));
        ports.insert(transport("second", 5060));
        let expected = [
            "change Transport/second",
            "change Transport/udp",
            "change Transport/second",
            "change Transport/udp",
        ];
        assert_eq!(steps(&live, &ports), expected);
        let mut hosts = live.clone();
        hosts.insert(trunk("carrier", "10.0.0.2"));
        hosts.insert(trunk_at("other", "10.0.0.1", "second"));
        let expected = [
            "change Trunk/carrier",
            "change Trunk/other",
            "change Trunk/carrier",
            "change Trunk/other",
        ];
        assert_eq!(steps(&live, &hosts), expected);
        let domains = edited(&[tenant("a", "b.example"), tenant("b", "a.example")], &[]);
        let expected = ["change Tenant/a", "change Tenant/b", "change Tenant/a", "change Tenant/b"];
        assert_eq!(steps(&base(), &domains), expected);
    }

    #[test]
    fn the_only_transport_is_renamed_under_a_trunk_that_names_none() {
        let unnamed = resource("Trunk", "carrier", json!({"type": "ip", "host": "10.0.0.1"}));
        let live = edited(std::slice::from_ref(&unnamed), &[]);
        let mut desired = live.clone();
        desired.remove(&transport("udp", 5060).id());
        desired.insert(transport("sip", 5060));
        let expected = [
            "change Trunk/carrier",
            "change Transport/udp",
            "create Transport/sip",
            "change Trunk/carrier",
            "delete Transport/udp",
            "change Trunk/carrier",
        ];
        assert_eq!(steps(&live, &desired), expected);
    }
}
