//! Taps, decoding, conntrack, rule traces, and their correlation into journeys.
