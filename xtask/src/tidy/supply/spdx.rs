//! Licence expressions of SPDX: names joined by `OR`, `AND`, `WITH` and brackets; `/`, which was once
//! written for `OR`, is read as that.

use std::collections::BTreeSet;
use std::iter::Peekable;

/// An expression.
#[derive(Debug, PartialEq, Eq)]
pub enum Expression {
    /// A licence, with its exception if it has one.
    Licence(String),
    /// One of them is enough.
    Any(Vec<Self>),
    /// All of them hold.
    All(Vec<Self>),
}

impl Expression {
    /// Whether it can be kept to with what is allowed.
    pub fn holds(&self, allowed: &impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Licence(name) => allowed(name),
            Self::Any(parts) => parts.iter().any(|part| part.holds(allowed)),
            Self::All(parts) => parts.iter().all(|part| part.holds(allowed)),
        }
    }

    /// Every licence in it.
    pub fn named(&self) -> BTreeSet<&str> {
        match self {
            Self::Licence(name) => BTreeSet::from([name.as_str()]),
            Self::Any(parts) | Self::All(parts) => parts.iter().flat_map(Self::named).collect(),
        }
    }
}

/// Reads an expression.
pub fn parse(text: &str) -> Result<Expression, String> {
    let spaced = text
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let mut words = spaced.split_whitespace().peekable();
    let expression = any(&mut words)
        .filter(|_| words.peek().is_none())
        .ok_or_else(|| format!("\"{text}\" is no licence expression"))?;
    Ok(expression)
}

fn any<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> Option<Expression> {
    let mut parts = vec![all(words)?];
    while words.next_if_eq(&"OR").is_some() {
        parts.push(all(words)?);
    }
    Some(joined(parts, Expression::Any))
}

fn all<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> Option<Expression> {
    let mut parts = vec![one(words)?];
    while words.next_if_eq(&"AND").is_some() {
        parts.push(one(words)?);
    }
    Some(joined(parts, Expression::All))
}

fn one<'a>(words: &mut Peekable<impl Iterator<Item = &'a str>>) -> Option<Expression> {
    match words.next()? {
        "(" => {
            let inner = any(words)?;
            words.next_if_eq(&")").map(|_| inner)
        }
        ")" | "OR" | "AND" | "WITH" => None,
        name => {
            let mut name = name.to_owned();
            if words.next_if_eq(&"WITH").is_some() {
                name = format!("{name} WITH {}", words.next()?);
            }
            Some(Expression::Licence(name))
        }
    }
}

fn joined(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => join(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str, allowed: &[&str]) -> bool {
        let expression = parse(text).expect("an expression");
        expression.holds(&|name: &str| allowed.contains(&name))
    }

    #[test]
    fn an_expression_holds_by_what_is_allowed() {
        assert!(holds("MIT OR GPL-3.0-only", &["MIT"]));
        assert!(holds("MIT/Apache-2.0", &["MIT"]) && holds("Apache-2.0 / MIT", &["MIT"]));
        assert!(!holds("MIT AND GPL-3.0-only", &["MIT"]));
        assert!(!holds("(MIT OR Apache-2.0) AND Unicode-3.0", &["MIT"]));
        assert!(holds(
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            &["MIT", "Unicode-3.0"]
        ));
        assert!(holds("MIT OR Apache-2.0 AND ISC", &["MIT"]));
        assert!(!holds("Apache-2.0 WITH LLVM-exception", &["Apache-2.0"]));
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for text in [
            "",
            "MIT OR",
            "(MIT",
            "MIT)",
            "OR",
            "MIT Apache-2.0",
            "MIT WITH",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
