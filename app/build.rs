//! How the binary is linked.

fn main() {
    // A monitor stays with each container. In a position-independent executable every one of them would hold its own
    // copy of the relocated tables; at a fixed address those pages are shared by all.
    println!("cargo::rustc-link-arg-bins=-no-pie");
    // The dynamic loader has one library less to find at each start.
    println!("cargo::rustc-link-arg-bins=-static-libgcc");
}
