//! Semantic colours, themes as TOML, NO_COLOR and 16-colour fallbacks.
