//! The published schemas are what the types say today. `UPDATE=1 cargo test --test schemas` writes
//! them.

#[cfg(test)]
mod published {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use serde_json::Value;
    use trunkline::manifest::schema;

    fn folder() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schemas")
    }

    #[test]
    fn the_files_are_what_the_types_say() {
        let published = schema::published();
        for (name, schema) in &published {
            let path = folder().join(name);
            let text = format!("{schema:#}\n");
            if std::env::var_os("UPDATE").is_some() {
                std::fs::create_dir_all(folder()).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            let file = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(file == text, "{name} is stale: run `UPDATE=1 cargo test --test schemas`");
        }
        let names: BTreeSet<_> = published.into_iter().map(|(name, _)| name).collect();
        let files = std::fs::read_dir(folder()).unwrap();
        let files: BTreeSet<_> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(files, names, "a file in schemas/ belongs to no kind");
    }

    #[test]
    fn every_field_is_described_and_no_choice_is_nameless() {
        for (name, schema) in schema::published() {
            walk(&name, "", &schema);
        }
    }

    #[test]
    fn every_field_has_an_example_that_it_takes() {
        let mut lacking = BTreeSet::new();
        for (name, schema) in schema::published() {
            examples(&name, "", &schema, &schema, &mut lacking);
        }
        assert!(lacking.is_empty(), "{lacking:#?}");
    }

    /// Of every field below a place; what is only a condition on other fields describes none.
    fn examples(file: &str, path: &str, whole: &Value, at: &Value, lacking: &mut BTreeSet<String>) {
        let empty = serde_json::Map::new();
        let all = |keyword: &str| at.get(keyword).and_then(Value::as_object).unwrap_or(&empty);
        for (name, schema) in all("$defs") {
            examples(file, &format!("{name}:"), whole, schema, lacking);
        }
        for schema in ["items", "additionalProperties"].iter().filter_map(|one| at.get(one)) {
            examples(file, path, whole, schema, lacking);
        }
        for (field, schema) in all("properties") {
            let path = format!("{path}/{field}");
            examples(file, &path, whole, schema, lacking);
            if !has_example(whole, schema) {
                lacking.insert(format!("{file} {path}: {:?}", schema.get("examples")));
            }
        }
    }

    fn has_example(whole: &Value, schema: &Value) -> bool {
        // A field that may not be there.
        if !schema.is_object() {
            return true;
        }
        let mut own = schema.clone();
        own["$defs"] = whole["$defs"].clone();
        let validator = jsonschema::validator_for(&own).unwrap();
        let all = schema.get("examples").and_then(Value::as_array);
        all.is_some_and(|all| !all.is_empty() && all.iter().all(|one| validator.is_valid(one)))
    }

    /// No choice without names, whose message would blame a whole object, no format that only we know,
    /// and a description for every property.
    fn walk(file: &str, path: &str, schema: &Value) {
        match schema {
            Value::Array(items) => items.iter().for_each(|item| walk(file, path, item)),
            Value::Object(object) => {
                assert!(!object.get("format").is_some_and(Value::is_string), "{file} {path}");
                for keyword in ["oneOf", "anyOf"] {
                    let named = |one: &Value| one.get("title").is_some() || one["type"] == "string";
                    let all = object.get(keyword).and_then(Value::as_array);
                    assert!(all.into_iter().flatten().all(named), "{file} {path}");
                }
                for (key, value) in object {
                    walk(file, &format!("{path}/{key}"), value);
                }
                let definitions = path == "/$defs" || path.is_empty();
                if let (Some(Value::Object(properties)), false) =
                    (object.get("properties"), definitions)
                    && !path.contains("/allOf/")
                    && (object.contains_key("additionalProperties") || !path.ends_with("Of"))
                {
                    let described = |value: &Value| {
                        value.get("description").is_some()
                            || value.get("$ref").is_some()
                            || value.is_boolean()
                    };
                    for (property, value) in properties {
                        assert!(described(value), "{file} {path}/{property} has no description");
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
}
