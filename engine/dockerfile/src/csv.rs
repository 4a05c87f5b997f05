//! One record of comma-separated values (RFC 4180), as flags hold them.

use crate::error::{Error, Result};

/// The fields of a record. One that begins with a quote may hold commas, and doubled quotes.
pub fn fields(record: &str) -> Result<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = record;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_field(quoted)?,
            None => plain_field(rest)?,
        };
        fields.push(field);
        match after.strip_prefix(',') {
            Some(after) => rest = after,
            None => return Ok(fields),
        }
    }
}

fn plain_field(rest: &str) -> Result<(String, &str)> {
    let (field, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
    match field.contains('"') {
        true => Err(Error::new("bare \" in non-quoted-field")),
        false => Ok((field.to_owned(), after)),
    }
}

fn quoted_field(rest: &str) -> Result<(String, &str)> {
    let mut field = String::new();
    let mut rest = rest;
    while let Some((part, after)) = rest.split_once('"') {
        field.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                rest = after;
            }
            None if after.is_empty() || after.starts_with(',') => return Ok((field, after)),
            None => break,
        }
    }
    Err(Error::new("extraneous or missing \" in quoted-field"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_be_quoted() {
        assert_eq!(fields("a=b,\"c,d\"\"e\",").unwrap(), ["a=b", "c,d\"e", ""]);
        assert_eq!(fields("").unwrap(), [""]);
        for record in ["a\"b", "\"a", "\"a\"b", "\"a\"\""] {
            assert!(fields(record).is_err(), "{record}");
        }
    }
}
