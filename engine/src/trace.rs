//! Which taps a trace needs.
