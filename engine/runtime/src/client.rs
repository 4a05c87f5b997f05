//! How other processes talk to a monitor: launching one, attaching, stopping, waiting.
