//! porthole: a terminal workstation for containers.

fn main() {}
