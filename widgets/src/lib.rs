//! Widgets for a terminal workstation; they know nothing of the engine.
