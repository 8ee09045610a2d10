//! Properties of reading manifests: what is printed is read back, and no bytes whatever do harm.

#[cfg(test)]
mod properties {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::{Value, json};
    use trunkline::diag::{FileId, render_json, render_text};
    use trunkline::manifest::print::print;
    use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
    use trunkline::manifest::yaml::{parse, parse_in_full};
    use trunkline::model::value::{Cidr, DidSet, Host, NumberRange};
    use trunkline::model::{DidPool, Metadata, Resource, Spec};
    use trunkline::validate::{Checked, validate};

    fn tree(bytes: &[u8]) -> SourceTree {
        let content = Content::Bytes(Arc::from(bytes));
        SourceTree { files: vec![SourceFile { path: "a.yaml".to_owned(), content }], rooted: false }
    }

    /// Checks bytes and prints what is found, as every user of the checker does. The fast scanner
    /// and the full parser read them alike.
    fn check(bytes: &[u8]) -> Checked {
        if let Ok(text) = std::str::from_utf8(bytes) {
            assert_eq!(parse(FileId(0), text), parse_in_full(FileId(0), text), "{text:?}");
        }
        let checked = validate(&tree(bytes));
        let text = render_text(&checked.diagnostics, &checked.sources, false);
        assert_eq!(text.is_empty(), checked.diagnostics.is_empty());
        assert!(!text.contains('\u{1b}'), "a terminal would obey this: {text:?}");
        render_json(&checked.diagnostics, &checked.sources);
        assert_eq!(checked.desired.is_some(), checked.summary.errors == 0);
        checked
    }

    #[test]
    fn a_carriage_return_alone_ends_a_line() {
        let document = "apiVersion: trunkline.dev/v1\rkind: Tenant\rmetadata: {name: a}\rspec:\r  sipDomain: a b\r\n";
        let checked = check(document.as_bytes());
        let [one] = checked.diagnostics.as_slice() else { panic!("{:?}", checked.diagnostics) };
        assert_eq!(checked.sources.file_line(one.span.unwrap()), "a.yaml:5");
        let text = render_text(&checked.diagnostics, &checked.sources, false);
        assert!(text.contains("\n5 |   sipDomain: a b\n"), "{text}");
    }

    fn name() -> impl Strategy<Value = String> {
        "[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?"
    }

    /// Texts as people write them, and texts that YAML has its own ideas about.
    fn words() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>().prop_filter("a text has a character", |text| !text.is_empty()),
            prop::sample::select(vec![
                "0123", "1e3", "NO", "null", "~", "true", "12:30", "+44", "- a", "a: b", "#x", "'",
                "\"", "\\", "<<", "[", "{", "*a", "&a", "!x", "%x", "@", "`", " a", "a ",
                "\u{feff}", "\u{85}", "\u{2028}", "\r\n", "\t",
            ])
            .prop_map(str::to_owned),
        ]
        .prop_map(|text| text.chars().take(60).collect())
    }

    /// The same, as a field takes them that may be sent: on one line, without control characters.
    fn plain_words() -> impl Strategy<Value = String> {
        let odd = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        words().prop_map(move |text| text.replace(odd, "x"))
    }

    /// The same, as a note takes them: also on several lines.
    fn lines() -> impl Strategy<Value = String> {
        let odd = |c: char| {
            c.is_control() && !matches!(c, '\n' | '\t') || matches!(c, '\u{2028}' | '\u{2029}')
        };
        words().prop_map(move |text| text.replace(odd, "x"))
    }

    fn range() -> impl Strategy<Value = NumberRange> {
        (1_usize..=15, any::<u64>(), 0_u64..50).prop_map(|(digits, first, more)| {
            let least = 10_u64.pow(u32::try_from(digits).unwrap() - 1);
            let first = least + first % (least * 9);
            let last = (first + more).min(least * 10 - 1);
            format!("{first}-{last}").parse().unwrap()
        })
    }

    fn internal() -> impl Strategy<Value = NumberRange> {
        prop_oneof![range(), "[0-9]{1,15}".prop_map(|text| text.parse().unwrap())]
    }

    fn address() -> impl Strategy<Value = std::net::IpAddr> {
        prop_oneof![
            any::<[u8; 4]>().prop_map(std::net::IpAddr::from),
            any::<[u8; 16]>().prop_map(std::net::IpAddr::from)
        ]
    }

    /// A spec of a kind from its fields as a manifest has them, and one of some further fields.
    fn spec(kind: &str, fields: Value, more: Value) -> Spec {
        let (Value::Object(mut fields), Value::Object(more)) = (fields, more) else {
            panic!("fields are a mapping")
        };
        fields.extend(more);
        fields.retain(|_, value| !value.is_null());
        serde_json::from_value(json!({"kind": kind, "spec": fields})).unwrap()
    }

    fn one_of(choices: Vec<Value>) -> impl Strategy<Value = Value> {
        prop::sample::select(choices)
    }

    fn transport() -> impl Strategy<Value = Spec> {
        let more = one_of(vec![
            json!({"protocol": "udp"}),
            json!({"protocol": "tcp", "unknownSources": "403", "trustedProxies": ["10.0.0.0/8"]}),
            json!({"protocol": "tls", "tls": {
                "certificate": "-----BEGIN\nX", "privateKey": {"file": "a b"},
                "clientCertificate": "require", "minVersion": "1.3"
            }}),
        ]);
        (address(), 1_u16.., prop::option::of(address()), more).prop_map(
            |(bind, port, public, more)| {
                let public = public.map(|ip| Host::Ip(ip).to_string());
                spec(
                    "Transport",
                    json!({"bind": bind, "port": port, "publicAddress": public}),
                    more,
                )
            },
        )
    }

    fn tenant() -> impl Strategy<Value = Spec> {
        let domain = "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}";
        let more = one_of(vec![
            json!({}),
            json!({"areaCode": "020", "e164": {"enabled": true, "prefix": "0"}, "schedule": "x"}),
            json!({"allowedCountries": ["44"], "blockedPrefixes": ["00900", "*1#"]}),
            json!({"voicemail": "sip:{extension}@vm.example", "features": {"teams": false},
                "emergencyNumbers": ["112", "0118"], "limits": {"callsPerSecond": 3},
                "callerIds": [{"trunk": "a", "number": "+44", "displayName": "#1"}],
                "customHeaders": [{"name": "X-A", "value": "no", "scope": "user"}]}),
        ]);
        (prop::option::of(plain_words()), domain, any::<bool>(), "1|7|44|353|1242", more).prop_map(
            |(display_name, domain, enabled, code, more)| {
                let fields = json!({
                    "displayName": display_name, "sipDomain": domain, "enabled": enabled,
                    "timezone": "Europe/London", "countryCode": code,
                });
                spec("Tenant", fields, more)
            },
        )
    }

    fn trunk() -> impl Strategy<Value = Spec> {
        let names = (
            prop::option::of(plain_words()),
            prop::option::of(plain_words()),
            prop::option::of(name()),
        );
        let addresses = (address(), prop::collection::vec(address(), 0..4), any::<u16>());
        let more = one_of(vec![
            json!({"type": "ip", "limits": {"concurrentCalls": 7, "maxCallDuration": "4h"}}),
            json!({"type": "ip", "outboundParameters": {
                "from": {"user": "CALLED_NUM", "displayName": {"custom": "0123"}},
                "contact": {"host": "SIP_DOMAIN"}, "pAssertedIdentity": {"remove": true}
            }, "inboundParameters": {"callerNumber": "P_PREFERRED_IDENTITY_USER_PART"}}),
            json!({"type": "register", "brand": "telnyx/us", "registration": {
                "username": "0123", "password": {"env": "A"}, "expires": "60s", "enabled": false
            }, "failover": {"codes": ["408", "500-599"]}, "number": {"keepPlus": false}}),
            json!({"type": "acceptRegister", "registrar": {
                "domain": "a.b", "username": "u", "password": {"file": "x y"}
            }, "keepAlive": {"failAfter": 9, "downCodes": ["503"]}, "privacy": "ID"}),
            json!({"type": "teams", "teams": {"fqdn": "a.b.c"}, "refer": "relay"}),
            json!({"type": "whatsApp", "whatsApp": {
                "phoneNumberId": "1", "businessAccountId": "2", "accessToken": {"env": "A"},
                "appSecret": {"file": "x"}, "verifyToken": {"env": "B"}
            }}),
        ]);
        (names, addresses, any::<bool>(), any::<bool>(), more).prop_map(
            |(names, (host, others, port), enabled, verify_port, more)| {
                let (display_name, provider, transport) = names;
                let others: Vec<_> = others.into_iter().map(Cidr::host).collect();
                let fields = json!({
                    "displayName": display_name, "provider": provider, "enabled": enabled,
                    "host": Host::Ip(host).to_string(), "port": port, "transport": transport,
                    "associatedIps": others, "verifyPort": verify_port,
                });
                spec("Trunk", fields, more)
            },
        )
    }

    fn pool() -> impl Strategy<Value = Spec> {
        (name(), prop::collection::vec(range(), 1..6), prop::option::of(any::<u32>())).prop_map(
            |(trunk, items, concurrent_calls)| {
                let trunk = trunk.parse().unwrap();
                Spec::DidPool(DidPool { trunk, numbers: DidSet::new(items), concurrent_calls })
            },
        )
    }

    fn extension() -> impl Strategy<Value = Spec> {
        let more = one_of(vec![
            json!({"group": "sales"}),
            json!({"register": {"username": "01", "password": {"env": "A"}}, "anonymous": true}),
            json!({"callerIds": [{"trunk": "a", "number": "0044"}]}),
        ]);
        (internal(), address(), 1_u16.., more).prop_map(|(numbers, ip, port, more)| {
            let contact = format!("sip:{}:{port}", Host::Ip(ip));
            spec("Extension", json!({"numbers": numbers, "contact": contact}), more)
        })
    }

    fn schedule() -> impl Strategy<Value = Spec> {
        one_of(vec![
            json!({}),
            json!({"timezone": "Asia/Tokyo", "weekly": {"monday": "open", "sunday": []}}),
            json!({"weekly": {"friday": ["00:00-12:30", "13:00-24:00"]}, "holidays": [
                {"name": "no", "from": "2027-12-24", "to": "2027-12-26", "everyYear": true}
            ]}),
        ])
        .prop_map(|more| spec("Schedule", json!({}), more))
    }

    fn inbound() -> impl Strategy<Value = Spec> {
        let destination = prop_oneof![
            internal().prop_map(|range| json!({"extension": range})),
            (400_u16..700).prop_map(|code| json!({"reject": code})),
            "[0-9]{1,15}".prop_map(|number| json!({"voicemail": number})),
            one_of(vec![
                json!({"sip": "sip:{did}@192.0.2.1;user=phone"}),
                json!({"number": "+0044"}),
                json!({"keep": true}),
            ]),
        ];
        let did = prop_oneof![Just(json!("*")), range().prop_map(|range| json!(range))];
        let more = one_of(vec![
            json!({}),
            json!({"caller": ["0044***", "0-9", "007"], "usage": "message", "schedule": "x"}),
            json!({"outOfHours": {"keep": true}, "holiday": {"reject": 480}}),
            json!({"advanced": [{"when": {"years": [2027], "times": ["09:00-10:00"]}, "keep": true},
                {"when": {}, "extension": "0001"}]}),
        ]);
        (name(), did, any::<bool>(), destination, more).prop_map(
            |(trunk, did, enabled, destination, more)| {
                let fields = json!({
                    "trunk": trunk, "did": did, "enabled": enabled, "destination": destination
                });
                spec("InboundRule", fields, more)
            },
        )
    }

    fn outbound() -> impl Strategy<Value = Spec> {
        let route = (name(), 0_u8..10, "[0-9+*#]{0,8}", any::<bool>()).prop_map(
            |(trunk, strip, prepend, enabled)| {
                json!({"trunk": trunk, "strip": strip, "prepend": prepend, "enabled": enabled,
                    "callerId": "+044", "weight": 7})
            },
        );
        let prefixes = prop::collection::btree_set("[0-9+*#]{1,8}", 1..5);
        let more = one_of(vec![
            json!({"emergency": true, "strategy": "weighted", "schedule": "x"}),
            json!({"match": {"lengths": [3, 11], "extensions": ["100-200"], "groups": ["no"]}}),
        ]);
        (any::<u32>(), prefixes, prop::collection::vec(route, 1..7), more).prop_map(
            |(priority, prefixes, routes, more)| {
                let fields = json!({
                    "priority": priority, "match": {"prefixes": prefixes}, "routes": routes
                });
                spec("OutboundRule", fields, more)
            },
        )
    }

    fn the_rest() -> impl Strategy<Value = Spec> {
        prop_oneof![
            one_of(vec![
                json!({"inbound": {"trunk": "a", "to": "+44", "from": "0123"}}),
                json!({"outbound": {"extension": "007", "to": "0044"}, "at": "2026-11-24T10:00:00Z"}),
            ])
            .prop_map(|more| {
                spec("RouteTest", json!({"expect": {"rule": "no", "trunks": ["a"]}}), more)
            }),
            one_of(vec![
                json!({}),
                json!({"scopes": {"a/**": "system", "b/*": {"tenant": "acme"}}, "prune": false}),
                json!({"signers": [{"scope": {"tenant": "a"}, "keys": ["x y z"]}],
                    "deletions": {"maxCount": 3}, "didOverlap": "global"}),
            ])
            .prop_map(|more| spec("Policy", json!({}), more)),
        ]
    }

    fn resource() -> impl Strategy<Value = Resource> {
        let spec = prop_oneof![
            transport(),
            tenant(),
            trunk(),
            pool(),
            extension(),
            schedule(),
            inbound(),
            outbound(),
            the_rest()
        ];
        let notes = prop::collection::btree_map(words(), lines(), 0..3);
        (name(), name(), notes, spec).prop_map(|(name, tenant, notes, spec)| {
            let tenant = spec.kind().is_tenant_only().then(|| tenant.parse().unwrap());
            let metadata = Metadata {
                name: name.parse().unwrap(),
                tenant,
                labels: BTreeMap::new(),
                annotations: notes,
            };
            Resource { metadata, spec }
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(resource in resource()) {
            let text = print(&resource);
            let parsed = parse(FileId(0), &text);
            prop_assert_eq!(&parsed, &parse_in_full(FileId(0), &text), "{}", text);
            prop_assert_eq!(parsed.diagnostics, vec![], "{}", text);
            let document = parsed.documents.first().unwrap();
            let decoded = trunkline::manifest::decode::decode(document, &text);
            prop_assert_eq!(decoded.diagnostics, vec![], "{}", text);
            prop_assert_eq!(decoded.resource, Some(resource), "{}", text);
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            check(&bytes);
        }

        #[test]
        fn arbitrary_signs_do_no_harm(text in "[-?:,\\[\\]{}#&*!|>'\"%@` \\n\\r\\t~<a0\\\\]{0,200}") {
            check(text.as_bytes());
        }

        #[test]
        fn changed_manifests_do_no_harm(
            resources in prop::collection::vec(resource(), 1..4),
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..4), 1..8),
        ) {
            let text: String = resources.iter().map(print).collect();
            let mut bytes = text.into_bytes();
            for (at, byte, edit) in edits {
                let at = at.index(bytes.len());
                match edit {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    2 => drop(bytes.remove(at)),
                    _ => bytes.truncate(at.max(1)),
                }
                if bytes.is_empty() {
                    bytes.push(byte);
                }
            }
            check(&bytes);
        }
    }

    #[test]
    fn every_start_of_a_manifest_does_no_harm() {
        let text = "apiVersion: trunkline.dev/v1\nkind: DidPool\nmetadata: {name: \"a\", tenant: b}\nspec:\n  trunk: c\n  numbers:\n    - 1-2\n    - '3; 4'\n  x: |\n   y\n  z: &a [*a, !t u, ? v]\n- \n";
        for end in 0..text.len() {
            check(&text.as_bytes()[..end]);
        }
    }

    #[test]
    fn deep_and_wide_input_is_refused_or_read() {
        let head = "apiVersion: trunkline.dev/v1\nkind: Tenant\nmetadata: {name: a}\nspec: ";
        for sign in ["[", "{", "{a: ", "? ", "- ", "[{", "a: [", "!!x ", "&a ", "*a ", "\n  ", "'"]
        {
            let body = sign.repeat(20_000);
            for text in [body.clone(), format!("{head}{body}"), format!("{head}\n  {body}")] {
                check(text.as_bytes());
            }
        }
        let nested: String =
            (0..20_000).map(|depth| format!("{}a:\n", " ".repeat(depth % 900))).collect();
        check(nested.as_bytes());
    }

    #[test]
    fn aliases_cannot_multiply() {
        let big = "x".repeat(100 * 1024);
        let many = format!("a: &a {big}\nb: [{}]\n", "*a, ".repeat(20_000));
        let checked = check(many.as_bytes());
        assert_eq!(checked.diagnostics.len(), 1);
        assert_eq!(checked.diagnostics[0].code.as_str(), "TL003");
        let anchors: String = (0..50_000).map(|id| format!("- &a{id} [1, 2]\n")).collect();
        check(anchors.as_bytes());
    }

    #[test]
    fn faults_of_one_document_are_bounded() {
        let fields: String = (0..100_000).map(|id| format!("  f{id}: 1\n")).collect();
        let text = format!(
            "apiVersion: trunkline.dev/v1\nkind: Tenant\nmetadata: {{name: a}}\nspec:\n{fields}"
        );
        assert!(check(text.as_bytes()).summary.errors <= 1000);
        let twice: String = (0..100_000).map(|_| "a: 1\n".to_owned()).collect();
        assert!(check(twice.as_bytes()).summary.errors <= 1000);
    }
}
