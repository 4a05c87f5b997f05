//! Files from the web, as `ADD` takes them.

use std::io::Read;

use ureq::http::header;
use url::Url;

use crate::error::{Error, Result};
use crate::registry::{plain_agent, web_failure};

/// More redirects are taken for a circle.
const MAX_REDIRECTS: u32 = 10;

/// A file that is being fetched.
pub struct Remote {
    /// Its content.
    pub content: Box<dyn Read + Send>,
    /// Its name, by what it is sent as, or by the address.
    pub name: Option<String>,
    /// When it was changed last, as the server tells (RFC 9110, "Last-Modified").
    pub modified: Option<i64>,
}

/// Fetches what is at an address, `http` or `https`.
pub fn fetch(address: &str) -> Result<Remote> {
    let refuse = |problem: String| Error::Remote { address: without_user(address), problem };
    let url = Url::parse(address).map_err(|error| refuse(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse("only http and https are fetched".to_owned()));
    }
    let agent = plain_agent()?;
    let request = agent.get(url.as_str()).config().max_redirects(MAX_REDIRECTS).build();
    let answer = request.call().map_err(|error| web_failure(&url, error))?;
    if !answer.status().is_success() {
        return Err(refuse(format!("the server answers {}", answer.status())));
    }
    let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let modified =
        text(header::LAST_MODIFIED).and_then(|date| jiff::fmt::rfc2822::parse(&date.replace("GMT", "+0000")).ok());
    let sent_as = text(header::CONTENT_DISPOSITION).and_then(|value| file_name(&value));
    let last = url.path_segments().and_then(|mut segments| segments.next_back().map(str::to_owned));
    Ok(Remote {
        name: sent_as.or(last).filter(|name| is_name(name)),
        modified: modified.map(|time| time.timestamp().as_second()),
        content: Box::new(answer.into_body().into_reader()),
    })
}

/// The `filename` of a `Content-Disposition` (RFC 6266).
fn file_name(value: &str) -> Option<String> {
    let parameter = value.split(';').map(str::trim).find_map(|part| part.strip_prefix("filename="))?;
    Some(parameter.trim_matches('"').to_owned())
}

fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

/// The address without the user and password that may be in it.
fn without_user(address: &str) -> String {
    let Ok(mut url) = Url::parse(address) else { return address.to_owned() };
    // They fail for addresses that cannot have any.
    let _ = (url.set_username(""), url.set_password(None));
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_and_secrets_are_not_told() {
        assert_eq!(file_name("attachment; filename=\"a b.txt\"").as_deref(), Some("a b.txt"));
        assert!(is_name("a.tar") && !is_name("..") && !is_name("a/b") && !is_name(""));
        assert_eq!(without_user("https://me:secret@host/x"), "https://host/x");
        for address in ["file:///etc/passwd", "ftp://x/y", "no address"] {
            assert!(fetch(address).is_err(), "{address}");
        }
    }
}
