//! Builds the program from `src/program.rs`. It runs in containers whatever their images hold, so it needs neither a C
//! library nor a loader, and cargo's own way to build a program would give it both.

use std::env;
use std::path::PathBuf;
use std::process::Command;

const SOURCE: &str = "src/program.rs";

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    let variable = |name: &str| env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}"));
    let program = PathBuf::from(variable("OUT_DIR")).join("init");
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.args(["--edition", "2024", "--crate-name", "init", "--crate-type", "bin", SOURCE, "-o"]).arg(&program);
    rustc.arg("--target").arg(variable("TARGET"));
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg("-C").arg(format!("linker={linker}"));
    }
    for option in
        ["opt-level=s", "panic=abort", "strip=symbols", "relocation-model=static", "target-feature=+crt-static"]
    {
        rustc.args(["-C", option]);
    }
    for argument in ["-nostartfiles", "-nostdlib", "-static", "-Wl,--build-id=none", "-Wl,-z,noexecstack"] {
        rustc.arg("-C").arg(format!("link-arg={argument}"));
    }
    let status = rustc.status().expect("rustc runs");
    assert!(status.success(), "{SOURCE} does not compile");
}
