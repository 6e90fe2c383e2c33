//! YAML text as a tree whose every node knows its line and column.
//!
//! The library gives events with positions; a tree of our own keeps them, so that a mistake found long after the
//! reading still names its place. Anchors and aliases work; tags are refused, and what a merge key means is left to
//! whoever reads the tree. Limits on values and depth hold for all documents of a text together.

use std::collections::HashMap;

use granit_parser::{Event, Marker, Parser, ScalarStyle};

/// Nothing that people write is near this; a bomb of nested aliases is.
const MOST_NODES: usize = 200_000;
const MOST_DEPTH: usize = 64;

/// Counted from 1, as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

#[derive(Debug, Clone)]
pub struct Node {
    pub at: Position,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub enum Value {
    Scalar {
        text: String,
        /// Written without quotes: `22` may be a number and `true` a truth value.
        plain: bool,
    },
    List(Vec<Node>),
    /// In the order of the file; a key may stand here twice, which the reader refuses.
    Map(Vec<(Key, Node)>),
}

#[derive(Debug, Clone)]
pub struct Key {
    pub at: Position,
    pub text: String,
}

impl Node {
    /// Nothing was written: `key:`, `~` or `null`.
    pub fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar { text, plain } => {
                *plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            Value::List(_) | Value::Map(_) => false,
        }
    }

    fn size(&self) -> usize {
        match &self.value {
            Value::Scalar { .. } => 1,
            Value::List(items) => 1 + items.iter().map(Node::size).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|(_, node)| 1 + node.size()).sum::<usize>(),
        }
    }
}

/// The text is no YAML, or YAML that no file of ours may use. Parsing ends at the first of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    pub at: Position,
    pub message: String,
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line().max(1), column: marker.col() + 1 }
}

/// A collection that is still being read.
struct Open {
    at: Position,
    anchor: usize,
    inside: Inside,
}

enum Inside {
    List(Vec<Node>),
    Map { entries: Vec<(Key, Node)>, key: Option<Key> },
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    documents: Vec<Node>,
    nodes: usize,
}

/// Every document of `text`; none when it holds nothing but comments.
pub fn documents(text: &str) -> Result<Vec<Node>, SyntaxError> {
    let mut builder = Builder::default();
    for next in Parser::new_from_str(text.trim_start_matches('\u{feff}')) {
        let (event, span) = next.map_err(|error| SyntaxError {
            at: position(*error.marker()),
            message: format!("is not valid YAML: {}", error.info()),
        })?;
        builder.take(event, position(span.start))?;
    }
    Ok(builder.documents)
}

/// The one document of `text`; `None` when it holds nothing but comments.
pub(crate) fn document(text: &str) -> Result<Option<Node>, SyntaxError> {
    let mut documents = documents(text)?.into_iter();
    let first = documents.next();
    match documents.next() {
        Some(second) => {
            Err(SyntaxError { at: second.at, message: "holds a second document: one file, one site".into() })
        }
        None => Ok(first),
    }
}

impl Builder {
    fn take(&mut self, event: Event<'_>, at: Position) -> Result<(), SyntaxError> {
        if let Some(tag) = event.tag() {
            return Err(SyntaxError {
                at,
                message: format!("has a YAML tag ({tag}), which is not used here"),
            });
        }
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let plain = matches!(style, ScalarStyle::Plain);
                self.place(Node { at, value: Value::Scalar { text: text.into_owned(), plain } }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.begin(at, anchor, Inside::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => {
                self.begin(at, anchor, Inside::Map { entries: Vec::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let open = self.open.pop().expect("the parser pairs starts and ends");
                let value = match open.inside {
                    Inside::List(items) => Value::List(items),
                    Inside::Map { entries, .. } => Value::Map(entries),
                };
                self.place(Node { at: open.at, value }, open.anchor)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    self.nodes += node.size();
                    let node = Node { at, value: node.value.clone() };
                    self.place(node, 0)
                }
                None => Err(SyntaxError { at, message: "has an alias inside of its own anchor".into() }),
            },
            // The rest carries no data: stream and document marks, and what only options turn on.
            _ => Ok(()),
        }
    }

    fn begin(&mut self, at: Position, anchor: usize, inside: Inside) -> Result<(), SyntaxError> {
        if self.open.len() >= MOST_DEPTH {
            return Err(SyntaxError { at, message: format!("is nested deeper than {MOST_DEPTH} levels") });
        }
        self.open.push(Open { at, anchor, inside });
        Ok(())
    }

    /// Puts a finished node where it belongs: as a key, a value, an item or the root.
    fn place(&mut self, node: Node, anchor: usize) -> Result<(), SyntaxError> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(SyntaxError { at: node.at, message: format!("has more than {MOST_NODES} values") });
        }
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.documents.push(node),
            Some(Inside::List(items)) => items.push(node),
            Some(Inside::Map { entries, key }) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => match node.value {
                    Value::Scalar { text, .. } => *key = Some(Key { at: node.at, text }),
                    Value::List(_) | Value::Map(_) => {
                        return Err(SyntaxError {
                            at: node.at,
                            message: "has a list or a map as a key".into(),
                        });
                    }
                },
            },
        }
        Ok(())
    }
}
