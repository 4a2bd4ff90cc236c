//! Bounds on the syntax tree of Cedar text, checked before Cedar parses it.
//!
//! Cedar's conversion, validator, evaluator, printer and `Drop` recurse on the syntax tree, and a stack overflow aborts
//! the process. This is one pass over the tokens, without recursion, that computes how deep the tree can be at most: it
//! may count too much (a bracket is counted as an operator of the expression it stands in), and never too little.

use super::problem::Problem;
use super::scan::{self, TokenKind};

/// The deepest nesting of brackets, not counting those of the clause or the scope they stand in.
pub(super) const MAX_NESTING: usize = 64;
/// The longest chain of operators of one precedence: `a || b || c` has two, `a.b["c"].d()` four, as `()` is one too.
pub(super) const MAX_CHAIN: usize = 512;
/// The most operators and brackets on one path through the tree, whatever they are.
pub(super) const MAX_PATH: usize = MAX_CHAIN + 2 * MAX_NESTING;

/// The stack Cedar needs for a text within the bounds: measured, 6 KB for each operator that is evaluated and 14 KB for
/// each bracket that is parsed, in the development profile.
const NEEDED_STACK_BYTES: usize = 6 << 20;
/// The size of a stack that is made when less than that is left.
const NEW_STACK_BYTES: usize = 8 << 20;

/// Runs what recurses on a text within the bounds on a stack that is large enough. Threads of the runtime have 2 MB.
pub(super) fn with_stack<R>(run: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(NEEDED_STACK_BYTES, NEW_STACK_BYTES, run)
}

/// The precedences of Cedar's grammar, the loosest first.
#[derive(Debug, Clone, Copy)]
enum Level {
    If,
    Or,
    And,
    Relation,
    Add,
    Multiply,
    Unary,
    Member,
}

const LEVELS: usize = 8;

/// What one precedence has gathered since the operand of the looser one above it began.
#[derive(Debug, Clone, Copy, Default)]
struct Chain {
    operators: usize,
    /// The deepest of the operands that are complete.
    operands: usize,
}

/// What stands between two brackets.
#[derive(Debug, Default)]
struct Frame {
    chains: [Chain; LEVELS],
    /// The deepest of the expressions that are complete.
    expressions: usize,
    /// Which bracket ends it.
    close: char,
}

impl Frame {
    fn chain(&mut self, level: Level) -> Chain {
        self.chains.get(level as usize).copied().unwrap_or_default()
    }

    /// Completes the operand of a precedence.
    fn complete(&mut self, level: Level) {
        let mut depth = 0;
        for (place, chain) in self.chains.iter_mut().enumerate().rev() {
            if place == level as usize {
                chain.operands = chain.operands.max(depth);
                return;
            }
            depth = chain.operators.saturating_add(chain.operands.max(depth));
            *chain = Chain::default();
        }
    }

    /// Completes the expression, and says how deep the deepest is.
    fn complete_expression(&mut self) -> usize {
        self.complete(Level::If);
        let Chain { operators, operands } = self.chain(Level::If);
        self.chains = Default::default();
        self.expressions = self.expressions.max(operators.saturating_add(operands));
        self.expressions
    }

    /// Counts an operator; how many are in its chain.
    fn count(&mut self, level: Level) -> usize {
        self.chains.get_mut(level as usize).map_or(0, |chain| {
            chain.operators = chain.operators.saturating_add(1);
            chain.operators
        })
    }

    /// Takes a part in brackets for an operand.
    fn enclose(&mut self, depth: usize) {
        if let Some(chain) = self.chains.get_mut(Level::Member as usize) {
            chain.operands = chain.operands.max(depth);
        }
    }
}

/// The first place at which a text passes a bound.
pub(super) fn exceeded(text: &str) -> Option<Problem> {
    let tokens = scan::tokens(text);
    let mut frames = vec![Frame::default()];
    // Whether an operand has just ended, so that a `-` is a difference; and whether a word here is only a name.
    let (mut after_operand, mut names) = (false, false);
    for token in tokens.iter().filter(|token| token.kind != TokenKind::Comment) {
        let here = |message: String| Some(Problem::at(text, token.span.start, message));
        let said = text.get(token.span.clone()).unwrap_or_default();
        let nesting = frames.len();
        let Some(frame) = frames.last_mut() else { break };
        let named = std::mem::take(&mut names);
        let follows_operand = std::mem::take(&mut after_operand);
        let mut operator = None;
        let mut path = 0;
        match (token.kind, said) {
            (TokenKind::Open, _) => {
                operator = Some(Level::Member);
                if nesting > MAX_NESTING.saturating_add(1) {
                    return here(format!("brackets are nested more than {MAX_NESTING} levels deep"));
                }
            }
            (TokenKind::Close, _) if said.starts_with(frame.close) && nesting > 1 => {
                path = frame.complete_expression();
                frames.pop();
                if let Some(outer) = frames.last_mut() {
                    outer.enclose(path);
                }
                after_operand = true;
            }
            // Between brackets it is an error, and no reason to forget what was counted.
            (TokenKind::Semicolon, _) if nesting == 1 => {
                path = frame.complete_expression();
                *frame = Frame::default();
            }
            (TokenKind::Other, "," | ":") => path = frame.complete_expression(),
            (TokenKind::Word, "if") if !named => operator = Some(Level::If),
            (TokenKind::Word, "then" | "else") if !named => frame.complete(Level::If),
            (TokenKind::Word, "in" | "has" | "like" | "is") if !named => {
                operator = Some(Level::Relation);
                names = said == "has";
            }
            (TokenKind::Other, "||") => operator = Some(Level::Or),
            (TokenKind::Other, "&&") => operator = Some(Level::And),
            (TokenKind::Other, "==" | "!=" | "<" | "<=" | ">" | ">=" | "=") => operator = Some(Level::Relation),
            (TokenKind::Other, "-") if !follows_operand => operator = Some(Level::Unary),
            (TokenKind::Other, "+" | "-") => operator = Some(Level::Add),
            (TokenKind::Other, "*" | "/" | "%") => operator = Some(Level::Multiply),
            (TokenKind::Other, "!") => operator = Some(Level::Unary),
            (TokenKind::Other, ".") => {
                operator = Some(Level::Member);
                names = true;
            }
            (TokenKind::Other, "::") | (TokenKind::At, _) => names = true,
            (TokenKind::Word | TokenKind::Text | TokenKind::Close, _) => after_operand = true,
            (TokenKind::Comment | TokenKind::Semicolon | TokenKind::Other, _) => {}
        }
        if let (Some(level), Some(frame)) = (operator, frames.last_mut()) {
            // What stands before a sign is not its operand, and what stands before a bracket is not complete.
            if !matches!(level, Level::Unary | Level::Member) {
                frame.complete(level);
            }
            if frame.count(level) > MAX_CHAIN {
                return here(format!("a chain of operators is longer than {MAX_CHAIN}"));
            }
        }
        if path > MAX_PATH {
            return here(format!("more than {MAX_PATH} operators and brackets are nested in each other"));
        }
        if token.kind == TokenKind::Open {
            let close = match said {
                "(" => ')',
                "[" => ']',
                _ => '}',
            };
            frames.push(Frame { close, ..Frame::default() });
        }
    }
    // What is not closed is an error; Cedar may still recurse on the parts of it.
    let mut depth = 0;
    while let Some(mut frame) = frames.pop() {
        frame.enclose(depth);
        depth = frame.complete_expression();
    }
    (depth > MAX_PATH).then(|| {
        Problem::at(text, text.len(), format!("more than {MAX_PATH} operators and brackets are nested in each other"))
    })
}
