//! Which system calls a container may make. Profiles of one's own come in Docker's format (moby profiles/seccomp), of which
//! the `linux.seccomp` of an OCI spec is a part.

use crate::error::{Error, Result};
use oci_spec::runtime::{
    Arch, Capability, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompFilterFlag, LinuxSyscall,
};
use porthole_runtime::seccomp::Filter;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::path::Path;

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seccomp {
    /// Those of Docker's default profile; a privileged container may make all.
    #[default]
    Builtin,
    /// All of them.
    Unconfined,
    /// Those that a profile allows: its JSON, without white space.
    Profile(String),
}

/// This machine's architecture, as profiles and as OCI specs call it.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: (&str, Arch) = ("amd64", Arch::ScmpArchX86_64);
/// This machine's architecture, as profiles and as OCI specs call it.
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: (&str, Arch) = ("arm64", Arch::ScmpArchAarch64);

/// What the conditions of a profile are about.
pub struct Circumstances<'a> {
    /// What the container may ever have.
    pub bounding: &'a HashSet<Capability>,
    /// The first two numbers of the kernel's version.
    pub kernel: Version,
}

/// `4.8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Version(u32, u32);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    default_action: Option<LinuxSeccompAction>,
    default_errno_ret: Option<u32>,
    architectures: Option<Vec<Arch>>,
    arch_map: Option<Vec<Family>>,
    flags: Option<Vec<LinuxSeccompFilterFlag>>,
    syscalls: Option<Vec<Rule>>,
}

/// An architecture with those whose programs it runs too.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Family {
    architecture: Arch,
    sub_architectures: Option<Vec<Arch>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    names: Option<Vec<String>>,
    name: Option<String>,
    action: LinuxSeccompAction,
    errno_ret: Option<u32>,
    args: Option<Vec<LinuxSeccompArg>>,
    includes: Option<Condition>,
    excludes: Option<Condition>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<Version>,
}

impl Seccomp {
    /// The profile in a file, read and checked now, so that what becomes of the file does not matter later.
    pub fn of_file(path: &Path) -> std::result::Result<Self, String> {
        let text = fs::read_to_string(path)
            .map_err(|error| format!("opening seccomp profile ({}) failed: {error}", path.display()))?;
        check(&text).map_err(|error| format!("seccomp profile {}: {error}", path.display()))?;
        Ok(Self::Profile(compact(&text)))
    }

    /// The profile as an OCI spec has it, if it is one of the user's own that restricts something.
    pub fn to_oci(&self, circumstances: &Circumstances) -> Result<Option<LinuxSeccomp>> {
        let Self::Profile(text) = self else { return Ok(None) };
        let converted = parse(text).and_then(|profile| profile.to_oci(|rule| rule.holds(circumstances)));
        converted.map_err(|error| Error::InvalidOption(format!("seccomp profile: {error}")))
    }
}

/// As `--security-opt seccomp=` and `inspect` have it.
impl fmt::Display for Seccomp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Builtin => "builtin",
            Self::Unconfined => "unconfined",
            Self::Profile(text) => text,
        })
    }
}

impl Version {
    /// That of the kernel that runs.
    pub fn of_kernel() -> Result<Self> {
        let system = rustix::system::uname();
        let release = system.release().to_string_lossy();
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse().ok());
        match (numbers.next(), numbers.next()) {
            (Some(first), Some(second)) => Ok(Self(first, second)),
            _ => Err(Error::InvalidOption(format!("{release:?} is no version of a kernel"))),
        }
    }
}

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        let numbers = text.split_once('.').and_then(|(a, b)| Some(Self(a.parse().ok()?, b.parse().ok()?)));
        numbers.ok_or_else(|| format!("minKernel {text:?} is not of the form VERSION.PATCHLEVEL"))
    }
}

fn parse(text: &str) -> std::result::Result<Profile, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

/// Refuses what no container could be started with, whatever its capabilities.
fn check(text: &str) -> std::result::Result<(), String> {
    match parse(text)?.to_oci(|_| true)? {
        Some(whole) => Filter::compile(&whole).map(drop).map_err(|error| error.to_string()),
        None => Ok(()),
    }
}

impl Profile {
    /// The OCI form with the rules that are wanted. One that says nothing restricts nothing.
    fn to_oci(&self, is_wanted: impl Fn(&Rule) -> bool) -> std::result::Result<Option<LinuxSeccomp>, String> {
        let rules = self.syscalls.as_deref().unwrap_or_default();
        let action = match self.default_action {
            None if rules.is_empty() => return Ok(None),
            action => action.ok_or("defaultAction is missing")?,
        };
        let calls = rules.iter().filter(|rule| is_wanted(rule)).map(Rule::to_oci);
        let mut oci = LinuxSeccomp::default();
        oci.set_default_action(action)
            .set_default_errno_ret(self.default_errno_ret)
            .set_architectures(Some(self.architectures()?))
            .set_flags(self.flags.clone())
            .set_syscalls(Some(calls.collect::<std::result::Result<_, _>>()?));
        Ok(Some(oci))
    }

    fn architectures(&self) -> std::result::Result<Vec<Arch>, String> {
        let (listed, families) = (self.architectures.as_deref(), self.arch_map.as_deref());
        let (listed, families) = (listed.unwrap_or_default(), families.unwrap_or_default());
        if !listed.is_empty() && !families.is_empty() {
            return Err("it has both 'architectures' and 'archMap', use one of them".to_owned());
        }
        let ours = families.iter().find(|family| family.architecture == ARCHITECTURE.1);
        let family = ours.into_iter().flat_map(|family| {
            [family.architecture].into_iter().chain(family.sub_architectures.iter().flatten().copied())
        });
        Ok(listed.iter().copied().chain(family).collect())
    }
}

impl Rule {
    fn to_oci(&self) -> std::result::Result<LinuxSyscall, String> {
        let names = match (&self.name, self.names.as_deref().unwrap_or_default()) {
            (Some(name), []) if !name.is_empty() => vec![name.clone()],
            (Some(name), _) if !name.is_empty() => {
                return Err(format!("the rule for {name} has both 'name' and 'names', use one of them"));
            }
            (_, names) => names.to_vec(),
        };
        let mut call = LinuxSyscall::default();
        call.set_names(names).set_action(self.action).set_errno_ret(self.errno_ret).set_args(self.args.clone());
        Ok(call)
    }

    /// Whether it applies. It is left out if anything that excludes it is true, or anything that it needs is not.
    fn holds(&self, circumstances: &Circumstances) -> bool {
        let is_excluded = self.excludes.iter().flat_map(|excludes| excludes.truths(circumstances)).any(|truth| truth);
        !is_excluded && self.includes.iter().flat_map(|includes| includes.truths(circumstances)).all(|truth| truth)
    }
}

impl Condition {
    /// What of it is true: each capability by itself, any of the architectures, the kernel's version.
    fn truths(&self, circumstances: &Circumstances) -> impl Iterator<Item = bool> {
        let bounding = circumstances.bounding;
        let has = |name: &String| {
            let plain = name.strip_prefix("CAP_").unwrap_or(name);
            bounding.iter().any(|capability| capability.to_string() == plain)
        };
        let architectures = self.arches.as_ref().filter(|names| !names.is_empty());
        let is_listed = architectures.map(|names| names.iter().any(|name| name == ARCHITECTURE.0));
        let is_new_enough = self.min_kernel.map(|least| circumstances.kernel >= least);
        self.caps.iter().flatten().map(has).chain(is_listed).chain(is_new_enough)
    }
}

/// JSON without the white space between its words.
fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    json.chars()
        .filter(|&character| {
            let is_quote = character == '"' && !escaped;
            escaped = in_string && character == '\\' && !escaped;
            in_string ^= is_quote;
            in_string || !character.is_ascii_whitespace()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(text: &str, capabilities: &[Capability], kernel: Version) -> LinuxSeccomp {
        let bounding = capabilities.iter().copied().collect();
        let profile = Seccomp::Profile(text.to_owned());
        profile.to_oci(&Circumstances { bounding: &bounding, kernel }).unwrap().unwrap()
    }

    fn names(profile: &LinuxSeccomp) -> Vec<&str> {
        profile.syscalls().iter().flatten().flat_map(LinuxSyscall::names).map(String::as_str).collect()
    }

    #[test]
    fn rules_depend_on_capabilities_architecture_and_kernel() {
        let text = r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,
            "archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86"]},
                       {"architecture":"SCMP_ARCH_AARCH64","subArchitectures":["SCMP_ARCH_ARM"]}],
            "syscalls":[
                {"names":["a"],"action":"SCMP_ACT_ALLOW","args":null,"comment":"","includes":{},"excludes":{}},
                {"names":["b"],"action":"SCMP_ACT_ALLOW","includes":{"caps":["CAP_SYS_ADMIN","CAP_CHOWN"]}},
                {"names":["c"],"action":"SCMP_ACT_ALLOW","excludes":{"caps":["CAP_SYS_ADMIN"]}},
                {"name":"d","action":"SCMP_ACT_ALLOW","includes":{"minKernel":"5.10"}},
                {"names":["e"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["s390x"]}},
                {"names":["f"],"action":"SCMP_ACT_ALLOW","includes":{"arches":["amd64","arm64"]}},
                {"names":["g"],"action":"SCMP_ACT_ERRNO","errnoRet":9,"excludes":{"arches":["amd64","arm64"]}}]}"#;
        let plain = converted(text, &[Capability::SysAdmin], Version(5, 9));
        assert_eq!(names(&plain), ["a", "f"]);
        assert_eq!((plain.default_errno_ret(), plain.architectures().as_ref().unwrap().len()), (Some(38), 2));
        let mighty = converted(text, &[Capability::SysAdmin, Capability::Chown], Version(6, 1));
        assert_eq!(names(&mighty), ["a", "b", "d", "f"]);
        assert_eq!(names(&converted(text, &[], Version(5, 10))), ["a", "c", "d", "f"]);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let wrong = [
            ("", "EOF"),
            ("7", "invalid type"),
            (r#"{"defaultAction":"SCMP_ACT_NOPE"}"#, "SCMP_ACT_NOPE"),
            (r#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#, "default action"),
            (r#"{"syscalls":[{"names":["a"],"action":"SCMP_ACT_ALLOW"}]}"#, "defaultAction is missing"),
            (r#"{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"names":["a"]}]}"#, "action"),
            (r#"{"defaultAction":"SCMP_ACT_LOG","architectures":["SCMP_ARCH_PDP11"]}"#, "SCMP_ARCH_PDP11"),
            (r#"{"defaultAction":"SCMP_ACT_LOG","flags":["FAST"]}"#, "FAST"),
            (
                r#"{"defaultAction":"SCMP_ACT_LOG","architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86"}]}"#,
                "both",
            ),
            (
                r#"{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"name":"a","names":["b"],"action":"SCMP_ACT_LOG"}]}"#,
                "both",
            ),
            (
                r#"{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"names":["read"],"action":"SCMP_ACT_LOG","args":[{"index":6,"value":1,"op":"SCMP_CMP_EQ"}]}]}"#,
                "six arguments",
            ),
            (
                r#"{"defaultAction":"SCMP_ACT_LOG","syscalls":[{"names":["a"],"action":"SCMP_ACT_LOG","includes":{"minKernel":"new"}}]}"#,
                "minKernel",
            ),
        ];
        for (text, why) in wrong {
            let error = check(text).unwrap_err();
            assert!(error.contains(why) && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn a_profile_that_says_nothing_restricts_nothing() {
        assert_eq!(check("{}"), Ok(()));
        let circumstances = Circumstances { bounding: &HashSet::new(), kernel: Version::of_kernel().unwrap() };
        assert_eq!(Seccomp::Profile("{}".to_owned()).to_oci(&circumstances).unwrap(), None);
        assert_eq!(Seccomp::Unconfined.to_oci(&circumstances).unwrap(), None);
    }

    #[test]
    fn only_white_space_between_words_goes() {
        assert_eq!(compact("{ \"a b\" :\n\t[ 1, \"\\\" \\\\\" ] }"), r#"{"a b":[1,"\" \\"]}"#);
    }
}
