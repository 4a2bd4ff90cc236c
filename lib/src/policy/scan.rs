//! Where the statements of a policy text are, and where their clauses.
//!
//! Cedar parses; this only finds places in a text Cedar has parsed, to keep what was written as it was written. It knows
//! of strings, comments and brackets, which is all that can hide a `;` or a `when`.

use std::ops::Range;

/// What the scanner tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Word,
    Text,
    Comment,
    Open,
    Close,
    Semicolon,
    At,
    Other,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    pub(super) span: Range<usize>,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// From its first token, or the comments above it, to its `;` and a comment behind that on the same line.
    pub(super) span: Range<usize>,
    /// Its first token.
    pub(super) start: usize,
    /// From the first `when` or `unless` to the last `}`.
    pub(super) clauses: Option<Range<usize>>,
}

/// The tokens of a text, split as Cedar's lexer splits them: the longest first. What it does not know is one of its own.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((start, first)) = chars.next() {
        let kind = match first {
            _ if first.is_whitespace() => continue,
            '"' => {
                while let Some((_, next)) = chars.next() {
                    match next {
                        '\\' => drop(chars.next()),
                        '"' => break,
                        _ => {}
                    }
                }
                TokenKind::Text
            }
            '/' if chars.peek().is_some_and(|(_, next)| *next == '/') => {
                while chars.next_if(|(_, next)| !matches!(next, '\n' | '\r')).is_some() {}
                TokenKind::Comment
            }
            '(' | '{' | '[' => TokenKind::Open,
            ')' | '}' | ']' => TokenKind::Close,
            ';' => TokenKind::Semicolon,
            '@' => TokenKind::At,
            '0'..='9' => {
                while chars.next_if(|(_, next)| next.is_ascii_digit()).is_some() {}
                TokenKind::Word
            }
            ':' | '|' | '&' => {
                chars.next_if(|(_, next)| *next == first);
                TokenKind::Other
            }
            '=' | '!' | '<' | '>' => {
                chars.next_if(|(_, next)| *next == '=');
                TokenKind::Other
            }
            _ if is_word(first) => {
                while chars.next_if(|(_, next)| is_word(*next)).is_some() {}
                TokenKind::Word
            }
            _ => TokenKind::Other,
        };
        let end = chars.peek().map_or(text.len(), |(next, _)| *next);
        tokens.push(Token { kind, span: start..end });
    }
    tokens
}

fn is_word(char: char) -> bool {
    char == '_' || char.is_ascii_alphanumeric()
}

/// The statements of a text that Cedar parses.
pub(super) fn statements(text: &str) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut rest: &[Token] = &tokens(text);
    while let Some(first) = rest.first() {
        // The first of a statement that is not a comment, if there is one.
        let Some(start) = rest.iter().find(|token| token.kind != TokenKind::Comment) else { break };
        let Some(length) = rest.iter().position(|token| token.kind == TokenKind::Semicolon) else { break };
        let (own, after) = rest.split_at(length.saturating_add(1));
        let Some(semicolon) = own.last() else { break };
        let behind = after.first().filter(|token| {
            let between = text.get(semicolon.span.end..token.span.start);
            token.kind == TokenKind::Comment && between.is_some_and(|between| !between.contains(['\n', '\r']))
        });
        let end = behind.map_or(semicolon.span.end, |comment| comment.span.end);
        statements.push(Statement {
            span: first.span.start..end,
            start: start.span.start,
            clauses: clauses(text, own),
        });
        rest = after.get(usize::from(behind.is_some())..).unwrap_or_default();
    }
    statements
}

/// The `when` and `unless` clauses of a text, without the comments around them; none if there is anything else.
pub(super) fn trim_clauses(text: &str) -> Option<&str> {
    let tokens = tokens(text);
    let clauses = clauses(text, &tokens)?;
    let mut outside = tokens.iter().filter(|token| token.kind != TokenKind::Comment);
    outside.all(|token| clauses.start <= token.span.start && token.span.end <= clauses.end).then_some(())?;
    text.get(clauses)
}

/// From the first `when` or `unless` outside brackets and not the name of an annotation, to the last bracket.
fn clauses(text: &str, tokens: &[Token]) -> Option<Range<usize>> {
    let mut depth = 0_usize;
    let mut name_follows = false;
    let mut start = None;
    for token in tokens.iter().filter(|token| token.kind != TokenKind::Comment) {
        match token.kind {
            TokenKind::Open => depth = depth.saturating_add(1),
            TokenKind::Close => depth = depth.saturating_sub(1),
            TokenKind::Word if depth == 0 && !name_follows && start.is_none() => {
                let word = text.get(token.span.clone());
                start = Some(token.span.start).filter(|_| matches!(word, Some("when" | "unless")));
            }
            TokenKind::Word
            | TokenKind::Text
            | TokenKind::Comment
            | TokenKind::Semicolon
            | TokenKind::At
            | TokenKind::Other => {}
        }
        name_follows = token.kind == TokenKind::At;
    }
    let end = tokens.iter().rfind(|token| token.kind == TokenKind::Close)?.span.end;
    start.filter(|start| *start < end).map(|start| start..end)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn comments_go_with_the_statement_they_are_about() {
        let text = "// head\npermit(principal, action, resource); // tail\n// next\n@when(\"a;\")\nforbid(principal, \
                    action, resource)\n// why\nwhen { \"}\" == \"};\" } // when\n unless { true } // end\n;\n// bye";
        let found = statements(text);
        let [first, second] = found.as_slice() else { panic!("two statements, not {found:?}") };
        let of = |span: &Range<usize>| text.get(span.clone()).unwrap();
        assert_eq!(of(&first.span), "// head\npermit(principal, action, resource); // tail");
        assert_eq!(first.clauses, None);
        let second_text = of(&second.span);
        assert!(second_text.starts_with("// next\n@when") && second_text.ends_with("// end\n;"), "{second_text}");
        let clauses = of(second.clauses.as_ref().unwrap());
        assert_eq!(clauses, "when { \"}\" == \"};\" } // when\n unless { true }");
    }
}
