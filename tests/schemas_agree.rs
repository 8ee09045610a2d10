//! What the published schemas say is what the program says, and what strict validators and editors can
//! work with.

#[cfg(test)]
mod agree {
    use std::sync::Arc;

    use serde_json::{Map, Value, json};
    use trunkline::manifest::schema;
    use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
    use trunkline::validate::validate;

    fn published(name: &str) -> Value {
        let name = format!("{}.schema.json", name.to_lowercase());
        schema::published().into_iter().find(|(file, _)| *file == name).unwrap().1
    }

    fn document(kind: &str, spec: &Value) -> Value {
        let mut metadata = json!({"name": "a"});
        if !matches!(kind, "Policy" | "Transport" | "Tenant" | "Trunk") {
            metadata["tenant"] = "acme".into();
        }
        json!({
            "apiVersion": "trunkline.dev/v1", "kind": kind, "metadata": metadata, "spec": spec,
        })
    }

    /// Codes of the diagnostics about types, forms, fields and bounds of a document.
    fn refused(document: &Value) -> Vec<String> {
        let content = Content::Text(Arc::from(document.to_string()));
        let file = SourceFile { path: "a.yaml".to_owned(), content };
        let checked = validate(&SourceTree { files: vec![file], rooted: false });
        let codes = checked.diagnostics.iter().map(|one| one.code.to_string());
        codes.filter(|code| code.starts_with("TL1") || code == "TL702").collect()
    }

    /// Every schema that a document of its kind meets says of it what the program says.
    fn agrees(document: &Value, is_right: bool) {
        let refused = refused(document);
        assert_eq!(refused.is_empty(), is_right, "{document}: {refused:?}");
        for name in ["any", document["kind"].as_str().unwrap()] {
            let validator = jsonschema::validator_for(&published(name)).unwrap();
            assert_eq!(validator.is_valid(document), is_right, "{name}: {document}");
        }
    }

    #[test]
    fn blocks_that_exclude_each_other_and_need_one_another() {
        let password = json!({"env": "A"});
        let register = json!({"username": "a", "password": password});
        let inbound = json!({"trunk": "a", "to": "1", "from": "2"});
        let (contact, tls) = ("sip:192.0.2.1", json!({"certificate": "a", "privateKey": password}));
        for (kind, is_right, spec) in [
            ("Extension", true, json!({"numbers": 100, "contact": contact})),
            ("Extension", true, json!({"numbers": 100, "register": register})),
            ("Extension", false, json!({"numbers": 100})),
            ("Extension", false, json!({"numbers": 1, "contact": contact, "register": register})),
            ("RouteTest", true, json!({"inbound": inbound, "expect": {"reject": 404}})),
            ("RouteTest", false, json!({"expect": {"reject": 404}})),
            (
                "RouteTest",
                false,
                json!({
                    "inbound": inbound, "outbound": {"extension": 1, "to": "2"},
                    "expect": {"reject": 404},
                }),
            ),
            (
                "RouteTest",
                false,
                json!({"inbound": {"to": "1", "from": "2"}, "expect": {"reject": 404}}),
            ),
            (
                "RouteTest",
                false,
                json!({
                    "inbound": {"trunk": "a", "source": "192.0.2.1", "to": "1", "from": "2"},
                    "expect": {"reject": 404},
                }),
            ),
            ("Transport", true, json!({"protocol": "tls", "port": 5061, "tls": tls})),
            ("Transport", false, json!({"protocol": "tls", "port": 5061})),
            ("Transport", true, json!({"protocol": "udp", "port": 5060})),
            ("Transport", false, json!({"protocol": "udp", "port": 5060, "tls": tls})),
            ("Transport", false, json!({"protocol": "tcp", "port": 5060, "tls": tls})),
            ("Policy", true, json!({"signers": [{"scope": "system", "files": ["a"]}]})),
            ("Policy", false, json!({"signers": [{"scope": "system"}]})),
        ] {
            agrees(&document(kind, &spec), is_right);
        }
    }

    #[test]
    fn words_and_secrets() {
        let of_password = |password: Value| json!({"numbers": 1, "register": {"username": "a", "password": password}});
        let of_trunk = |field: &str, value: Value| {
            let mut spec = json!({"type": "ip", "host": "192.0.2.1"});
            spec[field] = value;
            spec
        };
        let of_user = |user: Value| of_trunk("outboundParameters", json!({"to": {"user": user}}));
        for (kind, is_right, spec) in [
            ("Extension", true, of_password(json!({"file": "a"}))),
            ("Extension", false, of_password(json!({}))),
            ("Extension", false, of_password(json!({"env": "A", "file": "a"}))),
            ("Extension", false, of_password(json!({"envv": "A"}))),
            ("Trunk", true, of_trunk("brand", json!("telnyx/us"))),
            ("Trunk", false, of_trunk("brand", json!("telnyx/xx"))),
            ("Trunk", false, of_trunk("brand", json!("telnix"))),
            ("Trunk", true, of_user(json!("DEFAULT"))),
            ("Trunk", false, of_user(json!("DEFALT"))),
            ("Trunk", true, of_user(json!({"custom": 1.5}))),
            ("Trunk", false, of_user(json!({"custm": "a"}))),
            ("Trunk", true, of_trunk("displayName", json!(1.5))),
            ("Trunk", true, of_trunk("displayName", json!(-15))),
            ("Trunk", false, of_trunk("displayName", json!(true))),
            ("Trunk", false, of_trunk("port", json!(1.5))),
            ("Trunk", false, of_trunk("keepAlive", json!({"interval": 1.5}))),
            ("Trunk", false, of_trunk("keepAlive", json!({"interval": 0}))),
            ("Trunk", false, of_trunk("keepAlive", json!({"interval": "0s"}))),
            ("Policy", true, json!({"scopes": {"a/**": {"tenant": "acme"}, "b/**": "system"}})),
            ("Policy", false, json!({"scopes": {"a/**": "sistem"}})),
        ] {
            agrees(&document(kind, &spec), is_right);
        }
        let mut labelled = document("Trunk", &of_trunk("provider", json!(1.5)));
        labelled["metadata"]["labels"] = json!({"plan": 1.5, "floor": 3, "on": true});
        labelled["metadata"]["annotations"] = json!({"plan": -1.5});
        agrees(&labelled, true);
    }

    #[test]
    fn defaults_of_the_language_are_said() {
        let trunk = published("trunk");
        let parameters = "/$defs/OutboundParameters/properties";
        for (pointer, default) in [
            ("/$defs/Trunk/properties/brand".to_owned(), "generic"),
            (format!("{parameters}/privacy"), "DEFAULT"),
            (format!("{parameters}/from/properties/user"), "OUTBOUND_CALLER_ID"),
            (format!("{parameters}/from/properties/host"), "DEFAULT"),
            ("/$defs/NamedSlots/properties/user".to_owned(), "DEFAULT"),
            ("/$defs/AddressSlots/properties/host".to_owned(), "DEFAULT"),
            ("/$defs/RemovableSlots/properties/displayName".to_owned(), "DEFAULT"),
        ] {
            assert_eq!(trunk.pointer(&pointer).unwrap()["default"], default, "{pointer}");
        }
    }

    #[test]
    fn strict_validators_and_editors_take_every_schema() {
        for (name, schema) in schema::published() {
            strict(&name, &schema);
        }
    }

    /// The keywords of our schemas that are about values of these types.
    const ABOUT: &[(&[&str], &[&str])] = &[
        (
            &["object"],
            &["properties", "required", "additionalProperties", "minProperties", "maxProperties"],
        ),
        (&["array"], &["items", "minItems", "maxItems"]),
        (&["string"], &["pattern", "minLength", "maxLength"]),
        (&["integer", "number"], &["minimum", "maximum"]),
    ];

    const OTHERS: &[&str] = &[
        "$defs",
        "$id",
        "$ref",
        "$schema",
        "allOf",
        "anyOf",
        "const",
        "default",
        "description",
        "enum",
        "examples",
        "if",
        "oneOf",
        "then",
        "title",
        "type",
    ];

    /// What ajv asks for in its strict mode, and what yaml-language-server needs to complete a block
    /// (room for one more field) and to show the description of a field (nothing that narrows beside a
    /// reference).
    fn strict(path: &str, schema: &Value) {
        let Value::Object(schema) = schema else { return };
        let types = match schema.get("type") {
            Some(Value::Array(all)) => all.clone(),
            one => one.cloned().into_iter().collect(),
        };
        for keyword in schema.keys() {
            let about = ABOUT.iter().find(|(_, keywords)| keywords.contains(&keyword.as_str()));
            assert!(about.is_some() || OTHERS.contains(&keyword.as_str()), "{path}: {keyword}");
            let fits =
                |(of, _): &(&[&str], _)| types.iter().any(|one| of.iter().any(|of| one == of));
            assert!(about.is_none_or(fits), "{path}: {keyword} is about another type");
            let narrows = about.is_some() || ["type", "enum", "const"].contains(&keyword.as_str());
            assert!(!narrows || !schema.contains_key("$ref"), "{path}: {keyword} beside $ref");
        }
        let empty = Map::new();
        let fields = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
            assert!(fields.contains_key(name.as_str().unwrap()), "{path}: {name} is not defined");
        }
        let most = schema.get("maxProperties").and_then(Value::as_u64);
        assert!(most.is_none_or(|most| most > 1), "{path}: no field can be completed");
        let named =
            |keyword: &str| schema.get(keyword).and_then(Value::as_object).unwrap_or(&empty);
        for (name, one) in named("properties").iter().chain(named("$defs")) {
            strict(&format!("{path}/{name}"), one);
        }
        for keyword in ["items", "additionalProperties", "if", "then"] {
            schema
                .get(keyword)
                .into_iter()
                .for_each(|one| strict(&format!("{path}/{keyword}"), one));
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            let all = schema.get(keyword).and_then(Value::as_array).into_iter().flatten();
            all.for_each(|one| strict(&format!("{path}/{keyword}"), one));
        }
    }
}
