//! `RUN --device`.

use super::mount::parse_bool;
use crate::csv;
use crate::error::{Error, Result};
use crate::suggest;

/// A device that a `RUN` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its name (Container Device Interface): `vendor.com/class=name`.
    pub name: String,
    /// Whether the `RUN` fails without it.
    pub required: bool,
}

impl Device {
    /// Reads the flag's value: a name, and whether it is required.
    pub fn parse(value: &str) -> Result<Self> {
        let fields = csv::fields(value).map_err(|error| error.context("failed to parse csv devices"))?;
        let mut device = Self { name: String::new(), required: false };
        for field in fields {
            device.apply(&field)?;
        }
        Ok(device)
    }

    fn apply(&mut self, field: &str) -> Result<()> {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_lowercase(), Some(value)),
            None => (field.to_lowercase(), None),
        };
        match (key.as_str(), value) {
            ("required", None) => self.required = true,
            ("required", Some(value)) => self.required = parse_bool(&key, value)?,
            ("name", Some(_)) if !self.name.is_empty() => {
                return Err(Error::new(format!("device name already set to {}", self.name)));
            }
            ("name", Some(value)) => self.name = value.to_owned(),
            _ if self.name.is_empty() => self.name = field.to_owned(),
            (_, None) => return Err(Error::new(format!("invalid field '{field}' must be a key=value pair"))),
            (key, Some(_)) => {
                let hint = suggest::hint(key, ["name", "required"]);
                return Err(Error::new(format!("unexpected key '{key}' in '{field}'{hint}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_whether_it_is_required() {
        let read = |value: &str| Device::parse(value).map(|device| (device.name, device.required));
        assert_eq!(read("v.com/d=foo"), Ok(("v.com/d=foo".to_owned(), false)));
        assert_eq!(read("v.com/d=foo,required"), Ok(("v.com/d=foo".to_owned(), true)));
        assert_eq!(read("name=v.com/d=foo,required=0"), Ok(("v.com/d=foo".to_owned(), false)));
        let message = |value: &str| read(value).unwrap_err().message().to_owned();
        assert_eq!(message("v.com/d=a,name=v.com/d=b"), "device name already set to v.com/d=a");
        assert_eq!(message("a=b,c=d"), "unexpected key 'c' in 'c=d'");
        assert_eq!(message("a=b,nam=d"), "unexpected key 'nam' in 'nam=d' (did you mean name?)");
        assert_eq!(message("a=b,c"), "invalid field 'c' must be a key=value pair");
        assert_eq!(message("a,required=x"), "invalid value for required: x");
    }
}
