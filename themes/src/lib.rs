//! Semantic colours, themes as TOML, NO_COLOR and 16-colour fallbacks.
//!
//! Nothing outside this crate names a colour: a widget asks a [`Theme`] for the style of a [`Role`]
//! (`theme.muted()`, `theme.border(focused)`) and for [`Glyphs`]. How many colours the terminal has is a
//! [`ColourDepth`], found once from the environment.
//!
//! ```
//! use porthole_themes::{ColourDepth, Glyphs, Theme};
//!
//! let env = |name: &str| std::env::var(name).ok();
//! let theme = Theme::builtin("dusk", ColourDepth::detect(env))
//!     .expect("dusk is built in")
//!     .with_glyphs(Glyphs::detect(env));
//! let _style = theme.border(true);
//! ```

mod colour;
mod depth;
mod glyphs;
mod role;
mod sheet;
mod theme;

pub use colour::to_sixteen;
pub use depth::ColourDepth;
pub use glyphs::{Borders, Glyphs};
pub use role::Role;
pub use sheet::ThemeError;
pub use theme::Theme;
