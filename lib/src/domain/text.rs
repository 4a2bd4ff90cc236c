//! Text that people read before they decide: names, reasons, messages.

/// The text without invisible characters that change how the rest is shown: bidirectional controls, zero-width
/// characters, blank fillers and tags (Unicode Technical Report 36, section 2.5; Unicode's
/// `Default_Ignorable_Code_Point`, without variation selectors, which only choose a glyph).
#[must_use]
pub fn without_invisible(text: &str) -> String {
    text.chars().filter(|char| !is_invisible(*char)).collect()
}

fn is_invisible(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e007f}')
}

/// Whether a text shows nothing: it is empty or consists only of spaces, invisible characters and characters that
/// change how others look (variation selectors; U+2800, a Braille cell without dots).
#[must_use]
pub fn is_blank(text: &str) -> bool {
    let is_seen = |char: char| {
        let selects = matches!(char, '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}');
        !(char.is_whitespace() || char == '\u{2800}' || selects || is_invisible(char))
    };
    !text.chars().any(is_seen)
}

/// Whether a text contains a control character other than tab and line breaks.
#[must_use]
pub fn has_control(text: &str) -> bool {
    text.chars().any(|char| char.is_control() && !matches!(char, '\t' | '\n' | '\r'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_left_out_and_the_rest_stays() {
        let cases = [
            ("Alice \u{202e}ecila\u{202c}", "Alice ecila"),
            ("\u{2066}read\u{2069} only\u{200b}", "read only"),
            ("b\u{200d}o\u{feff}b\u{ad}", "bob"),
            ("\u{e0041}x\u{3164}", "x"),
            ("Zoë 李 ❤\u{fe0f} שלום", "Zoë 李 ❤\u{fe0f} שלום"),
            ("two\nlines\t", "two\nlines\t"),
        ];
        for (text, shown) in cases {
            assert_eq!(without_invisible(text), shown, "{text:?}");
        }
    }

    #[test]
    fn a_text_that_shows_nothing_is_blank() {
        for text in ["", " \t\n", "\u{200b}", "\u{fe0f}", "\u{2800} \u{2800}", "\u{3164}\u{a0}", "\u{e0100}"] {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["x", " é ", "❤\u{fe0f}", "\u{200b}."] {
            assert!(!is_blank(text), "{text:?}");
        }
    }

    #[test]
    fn tab_and_line_breaks_are_the_only_controls() {
        for (text, has) in [("a\tb\r\nc", false), ("a\0", true), ("\u{1b}[31m", true), ("\u{85}", true), ("é", false)]
        {
            assert_eq!(has_control(text), has, "{text:?}");
        }
    }
}
