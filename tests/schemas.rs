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

    /// No keyword whose message would blame a whole object, no format that only we know, and a
    /// description for every property.
    fn walk(file: &str, path: &str, schema: &Value) {
        match schema {
            Value::Array(items) => items.iter().for_each(|item| walk(file, path, item)),
            Value::Object(object) => {
                for keyword in ["oneOf", "anyOf", "format"] {
                    assert!(!object.get(keyword).is_some_and(Value::is_array), "{file} {path}");
                    assert!(!object.get(keyword).is_some_and(Value::is_string), "{file} {path}");
                }
                for (key, value) in object {
                    walk(file, &format!("{path}/{key}"), value);
                }
                let definitions = path == "/$defs" || path.is_empty();
                if let (Some(Value::Object(properties)), false) =
                    (object.get("properties"), definitions)
                    && !path.contains("/allOf/")
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
