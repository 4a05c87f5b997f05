//! What a style can mean.

use ratatui_core::style::Style;

use crate::Theme;

macro_rules! roles {
    ($($variant:ident $getter:ident $doc:literal;)*) => {
        /// What a style means. A theme file gives each role a style under its [name](Role::name).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Role { $(#[doc = $doc] $variant,)* }

        impl Role {
            /// Every role, in the order of the theme files.
            pub const ALL: &[Role] = &[$(Role::$variant,)*];

            /// The name of the role in a theme file.
            pub const fn name(self) -> &'static str {
                match self { $(Role::$variant => stringify!($getter),)* }
            }
        }

        impl Theme {
            $(#[doc = $doc] pub fn $getter(&self) -> Style { self.style(Role::$variant) })*
        }
    };
}

roles! {
    Base base "The whole screen before anything is drawn: its foreground and background.";
    Text text "Plain text.";
    Muted muted "Text of less importance.";
    Faint faint "What should hardly be noticed: leaders, empty places, rulers.";
    Strong strong "Text of more importance.";
    Accent accent "What stands out without being good or bad.";
    PanelTitle panel_title "The title of an unfocused pane.";
    PanelTitleFocused panel_title_focused "The title of the focused pane.";
    PanelBorder panel_border "The frame of an unfocused pane.";
    PanelBorderFocused panel_border_focused "The frame of the focused pane.";
    PanelStatus panel_status "The facts in the right of a pane's top border.";
    Row row "The selected row of an unfocused list.";
    RowFocused row_focused "The selected row of the focused list.";
    Marker marker "The left edge of the selected row, and marks.";
    Header header "The head of a table.";
    Tab tab "A view that one can switch to.";
    TabActive tab_active "The view that is open.";
    Brand brand "The program's name.";
    Key key "A key to press.";
    KeyLabel key_label "What a key does.";
    Good good "Up, healthy, accepted.";
    Warn warn "Needs attention.";
    Bad bad "Failed, dropped, dangerous.";
    Dnat dnat "A changed destination address.";
    Snat snat "A changed source address.";
    Flow flow "A packet on its way.";
    Unseen unseen "What was not seen, and is not invented.";
    Timestamp timestamp "The time of a log line.";
    Stderr stderr "The mark of a line written to standard error.";
    Match found "Text that a search found.";
    MatchCurrent found_current "The match that a search stands on.";
    Selection selected_text "Text selected with the mouse.";
    Changed changed "A value that differs between before and after.";
    Number number "A number among values.";
    Word word "true and false among values.";
    SourceKeyword source_keyword "An instruction or another fixed word of a source text.";
    SourceName source_name "A name that a source text gives: a key, a flag, a stage.";
    SourceString source_string "Quoted and literal text in a source text.";
    SourceVariable source_variable "What a source text puts something else in for.";
    SourceComment source_comment "A comment in a source text.";
    Popup popup "The background of what lies above the panes.";
    Input input "Text being typed.";
    Cursor cursor "The place where typing goes.";
    Placeholder placeholder "What stands in an empty field.";
    Chart chart "The bars of a small chart.";
}
