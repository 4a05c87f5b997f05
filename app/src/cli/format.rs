//! `--format` of lists: `json`, a template for each row, or `table TEMPLATE` with a header.

use super::template::Template;
use super::{Failure, output};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How rows are printed.
#[derive(Debug)]
pub enum Format {
    /// One JSON object a row.
    Json,
    /// The template, once for each row.
    Template(Template),
    /// Columns with a header; the template separates cells by tabs.
    Table(Template),
}

/// One row: its fields, and the labels that `.Label "key"` asks for.
pub struct Row<'a> {
    /// Text by name.
    pub fields: Map<String, Value>,
    /// Labels.
    pub labels: &'a BTreeMap<String, String>,
}

impl Format {
    /// Reads the option. `\t` and `\n` stand for a tab and a newline; plain `table` for the columns of the default.
    pub fn parse(text: &str, default: &str) -> Result<Format, Failure> {
        let text = text.trim_matches(' ').replace("\\t", "\t").replace("\\n", "\n");
        let template = |source: &str| Template::parse(source).map_err(|error| Failure::new(error.to_string(), 1));
        match text.strip_prefix("table") {
            Some("") => template(default).map(Format::Table),
            Some(rest) if rest.starts_with([' ', '\t']) => template(rest.trim_start()).map(Format::Table),
            _ if text == "json" => Ok(Format::Json),
            _ => template(&text).map(Format::Template),
        }
    }

    /// Prints the rows. `titles` names each field's column.
    pub fn print(&self, titles: &[(&str, &str)], rows: Vec<Row<'_>>) -> Result<(), Failure> {
        let failure = |error: super::template::Error| Failure::new(error.to_string(), 1);
        let render = |template: &Template, row: Row<'_>| {
            let label = |name: &str, key: &str| {
                (name == "Label").then(|| row.labels.get(key).map(|value| output::plain(value)).unwrap_or_default())
            };
            template.render_with(&Value::Object(row.fields), &label).map_err(failure)
        };
        match self {
            Format::Json => {
                for row in rows {
                    output::line(&Value::Object(row.fields).to_string())?;
                }
            }
            Format::Template(template) => {
                for row in rows {
                    output::line(&render(template, row)?)?;
                }
            }
            Format::Table(template) => {
                let titles: Map<String, Value> =
                    titles.iter().map(|(name, title)| ((*name).to_owned(), (*title).into())).collect();
                let header = template.header(&Value::Object(titles), &label_title).map_err(failure)?;
                let mut lines = vec![cells(&header)];
                for row in rows {
                    lines.push(cells(&render(template, row)?));
                }
                output::aligned(&lines)?;
            }
        }
        Ok(())
    }
}

/// The title of a `.Label` column: the last word of the key.
fn label_title(name: &str, key: &str) -> Option<String> {
    let word = key.rsplit('.').next().unwrap_or(key);
    (name == "Label").then(|| word.replace(['-', '_'], " "))
}

fn cells(line: &str) -> Vec<String> {
    line.split('\t').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_are_told_apart() {
        let parse = |text| Format::parse(text, "{{.ID}}");
        assert!(matches!(parse("json"), Ok(Format::Json)));
        assert!(matches!(parse("table"), Ok(Format::Table(_))));
        assert!(matches!(parse("table {{.ID}}\\t{{.Names}}"), Ok(Format::Table(_))));
        assert!(matches!(parse("tables: {{.ID}}"), Ok(Format::Template(_))));
        assert!(parse("{{.ID").is_err());
    }

    #[test]
    fn label_columns_are_named_by_their_last_word() {
        assert_eq!(label_title("Label", "com.example.some-role").as_deref(), Some("some role"));
        assert_eq!(label_title("Other", "x"), None);
    }
}
