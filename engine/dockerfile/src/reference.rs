//! Whether a text can be the name of an image: `[DOMAIN/]PATH[:TAG][@DIGEST]`, the grammar of the
//! `distribution/reference` library.

/// Whether the text is an image's name, or a short form of one.
pub fn is_reference(text: &str) -> bool {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let last = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (name, tag) = match rest[last..].split_once(':') {
        Some((base, tag)) => (&rest[..last + base.len()], Some(tag)),
        None => (rest, None),
    };
    let is_id = name.len() == 64 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    !is_id && name.len() <= 255 && is_name(name) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest)
}

fn is_name(name: &str) -> bool {
    match name.split_once('/') {
        Some((domain, path)) if is_domain_like(domain) => is_domain(domain) && path.split('/').all(is_component),
        _ => name.split('/').all(is_component),
    }
}

/// What a domain is told from a path by.
fn is_domain_like(first: &str) -> bool {
    first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn is_domain(domain: &str) -> bool {
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let (host, port) = match domain.rfind(']') {
        Some(end) => (&domain[..=end], domain[end + 1..].strip_prefix(':')),
        None => domain.split_once(':').map_or((domain, None), |(host, port)| (host, Some(port))),
    };
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(is_inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':'),
        None => host.split('.').all(is_label),
    };
    is_host && port.is_none_or(is_port)
}

/// Lower-case letters and digits, between which one dot, one or two underscores, or hyphens may stand.
fn is_component(component: &str) -> bool {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut separators = component.split(is_alphanumeric).filter(|separator| !separator.is_empty());
    let is_separator = |separator: &str| matches!(separator, "." | "_" | "__") || separator.bytes().all(|b| b == b'-');
    component.starts_with(is_alphanumeric) && component.ends_with(is_alphanumeric) && separators.all(is_separator)
}

fn is_tag(tag: &str) -> bool {
    let is_inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    !tag.is_empty() && tag.len() <= 128 && tag.chars().all(is_inner) && !tag.starts_with(['.', '-'])
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let is_part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    algorithm.split(['+', '.', '-', '_']).all(is_part) && hex.len() >= 32 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_names_from_other_texts() {
        let digest = format!("a@sha256:{}", "0".repeat(64));
        for name in ["scratch", "busybox:1.2-x", "a/b__c/d--e", "localhost:5000/a", "R.io/a", "[::1]:5000/a:b", &digest]
        {
            assert!(is_reference(name), "{name}");
        }
        let id = "0".repeat(64);
        for name in ["", ":a", "a:", "A", "a//b", "a/", "a..b", "a___b", "-a", "a:-b", "a@b", "a b", "x:y/a", &id] {
            assert!(!is_reference(name), "{name}");
        }
    }
}
