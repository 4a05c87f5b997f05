//! All that is known of the selection, as a tree.

use porthole_widgets::tree::{self, Step, Tree};
use serde_json::Value;

/// What is known, and how it is looked at.
#[derive(Default)]
pub struct Inspect {
    value: Value,
    /// Folds, selection and search.
    pub tree: Tree,
}

impl Inspect {
    /// Takes in what is known now, of the same thing or another. What was unfolded and selected stays so.
    pub fn take(&mut self, value: Value) {
        self.tree.replace(convert(&value));
        self.value = value;
    }

    /// Where the selected value stands: `.NetworkSettings.Ports["80/tcp"][0].HostPort`.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for step in self.tree.path() {
            match step {
                Step::Key(key) if is_field(&key) => path.extend([".", &key]),
                Step::Key(key) => path.push_str(&format!("[{}]", Value::from(&*key))),
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }

    /// What `inspect --format` prints the selected value by: `{{(index .NetworkSettings.Ports "80/tcp" 0).HostPort}}`.
    pub fn template(&self) -> String {
        let mut expression = Expression::Fields(String::new());
        for step in self.tree.path() {
            expression = match step {
                Step::Key(key) if is_field(&key) => expression.field(&key),
                Step::Key(key) => expression.index(&Value::from(&*key).to_string()),
                Step::Index(index) => expression.index(&index.to_string()),
            };
        }
        format!("{{{{{}}}}}", expression.text())
    }

    /// The selected value: a text as it is, anything else as JSON.
    pub fn text(&self) -> String {
        let value = self.tree.path().iter().try_fold(&self.value, |value, step| match step {
            Step::Key(key) => value.get(&**key),
            Step::Index(index) => value.get(index),
        });
        match value {
            Some(Value::String(text)) => text.clone(),
            Some(value) => format!("{value:#}"),
            None => String::new(),
        }
    }
}

/// A template's expression that leads from the whole to a value.
enum Expression {
    /// `.A.B`; nothing for the whole.
    Fields(String),
    /// `index .A "b" 0`.
    Index(String),
}

impl Expression {
    fn field(self, key: &str) -> Self {
        match self {
            Expression::Fields(text) => Expression::Fields(format!("{text}.{key}")),
            Expression::Index(text) => Expression::Fields(format!("({text}).{key}")),
        }
    }

    fn index(self, index: &str) -> Self {
        match self {
            Expression::Fields(text) if text.is_empty() => Expression::Index(format!("index . {index}")),
            Expression::Fields(text) => Expression::Index(format!("index {text} {index}")),
            Expression::Index(text) => Expression::Index(format!("{text} {index}")),
        }
    }

    fn text(self) -> String {
        let (Expression::Fields(text) | Expression::Index(text)) = self;
        if text.is_empty() { ".".to_owned() } else { text }
    }
}

/// Whether a template can name a key as a field.
fn is_field(key: &str) -> bool {
    let mut chars = key.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn convert(value: &Value) -> tree::Value {
    match value {
        Value::Null => tree::Value::Null,
        Value::Bool(value) => tree::Value::Bool(*value),
        Value::Number(number) => tree::Value::Number(number.to_string()),
        Value::String(text) => tree::Value::Text(text.clone()),
        Value::Array(values) => tree::Value::List(values.iter().map(convert).collect()),
        Value::Object(values) => {
            tree::Value::Map(values.iter().map(|(key, value)| (key.clone(), convert(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::template::Template;
    use proptest::prelude::*;
    use serde_json::json;

    fn at(value: Value, rows: isize) -> Inspect {
        let mut inspect = Inspect::default();
        inspect.take(value);
        inspect.tree.toggle_all();
        inspect.tree.window.step(rows, inspect.tree.rows());
        inspect
    }

    #[test]
    fn a_path_and_its_template() {
        let inspect = at(json!({ "NetworkSettings": { "Ports": { "80/tcp": [{ "HostPort": "8088" }] } } }), 4);
        assert_eq!(inspect.path(), r#".NetworkSettings.Ports["80/tcp"][0].HostPort"#);
        assert_eq!(inspect.template(), r#"{{(index .NetworkSettings.Ports "80/tcp" 0).HostPort}}"#);
        assert_eq!(inspect.text(), "8088");
        assert_eq!(at(json!({ "a b": [7] }), 0).text(), "[\n  7\n]");
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            "[a-z\"\\\\ ]{0,5}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 30, 4, |inner| {
            let key = "[A-Za-z_][A-Za-z0-9_]{0,4}|[a-z0-9/.\"\\\\ \\x00-\\x1f漢]{1,5}";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 1..4)
                    .prop_map(|values| Value::Object(values.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_template_prints_the_value(value in value(), row in 0isize..40) {
            let inspect = at(value.clone(), row);
            let template = inspect.template();
            // A text is compared as JSON, which says where it begins and ends.
            let as_json = template.replacen("{{", "{{json (", 1);
            let as_json = format!("{})}}}}", as_json.strip_suffix("}}").unwrap_or_default());
            let printed = Template::parse(&as_json).expect(&template).render(&value).expect(&template);
            let printed: Value = serde_json::from_str(&printed).expect("JSON");
            match printed {
                Value::String(text) => prop_assert_eq!(text, inspect.text()),
                printed => prop_assert_eq!(format!("{printed:#}"), inspect.text()),
            }
        }
    }
}
