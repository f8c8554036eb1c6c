//! Looks up prices by the longest name that a model's name starts with.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::prices::{ModelPrices, Named};

/// Prices under lower-case names, in a radix tree. A node stands for the letters on the way to it.
/// If they are a name, the node has its price.
///
/// A walk along a name passes every entry that the name starts with, so the last price passed is
/// that of the longest. The nodes are stored in one vector and refer to each other by index.
#[derive(Debug)]
pub(crate) struct PrefixIndex {
    /// The first node is the root.
    nodes: Vec<Node>,
    /// The letters that the labels of nodes refer to.
    letters: Vec<u8>,
    prices: Vec<Arc<ModelPrices>>,
}

#[derive(Debug, Default)]
struct Node {
    /// The letters between the parent and this node. Only the root has none.
    label: Range<usize>,
    /// The first letter of each child's label, sorted, and the child's index.
    below: Vec<(u8, usize)>,
    /// The index of the price, if a name ends here.
    price: Option<usize>,
}

const ROOT: usize = 0;

impl PrefixIndex {
    /// The price of the longest entry that `wanted` starts with.
    pub(crate) fn resolve(&self, wanted: &str) -> Option<&Arc<ModelPrices>> {
        let mut node = &self.nodes[ROOT];
        let mut rest = wanted.as_bytes();
        let mut longest = None;
        while let Some(first) = rest.first()
            && let Ok(branch) = node.branch(*first)
        {
            node = &self.nodes[node.below[branch].1];
            let label = &self.letters[node.label.clone()];
            if shared_length(label, rest) < label.len() {
                break;
            }
            rest = &rest[label.len()..];
            longest = node.price.or(longest);
        }
        longest.map(|place| &self.prices[place])
    }

    /// Sets the price of a lower-case name. Returns the price that it replaces.
    pub(crate) fn insert(
        &mut self,
        name: &str,
        prices: Arc<ModelPrices>,
    ) -> Option<Arc<ModelPrices>> {
        let node = self.reach(name.as_bytes());
        if let Some(place) = self.nodes[node].price {
            return Some(std::mem::replace(&mut self.prices[place], prices));
        }
        self.nodes[node].price = Some(self.prices.len());
        self.prices.push(prices);
        None
    }

    /// All prices with their names, sorted.
    pub(crate) fn to_vec(&self) -> Vec<Named> {
        let mut prices = Vec::with_capacity(self.prices.len());
        let mut waiting = vec![(ROOT, Vec::new())];
        while let Some((place, mut name)) = waiting.pop() {
            let node = &self.nodes[place];
            name.extend(&self.letters[node.label.clone()]);
            if let Some(price) = node.price {
                prices.push((String::from_utf8_lossy(&name).into(), self.prices[price].clone()));
            }
            // In reverse, because the last one pushed is the first one popped.
            waiting.extend(node.below.iter().rev().map(|&(_, below)| (below, name.clone())));
        }
        prices
    }

    /// The node where `name` ends. It is created if it does not exist.
    fn reach(&mut self, name: &[u8]) -> usize {
        let (mut node, mut rest) = (ROOT, name);
        while let Some(&first) = rest.first() {
            let branch = match self.nodes[node].branch(first) {
                Ok(branch) => branch,
                Err(free) => {
                    let leaf = self.add_leaf(rest);
                    self.nodes[node].below.insert(free, (first, leaf));
                    return leaf;
                }
            };
            let mut below = self.nodes[node].below[branch].1;
            let label = self.nodes[below].label.clone();
            let shared = shared_length(&self.letters[label.clone()], rest);
            if shared < label.len() {
                below = self.split(below, shared);
                self.nodes[node].below[branch].1 = below;
            }
            (node, rest) = (below, &rest[shared..]);
        }
        node
    }

    fn add_leaf(&mut self, label: &[u8]) -> usize {
        let start = self.letters.len();
        self.letters.extend(label);
        self.nodes.push(Node { label: start..self.letters.len(), ..Node::default() });
        self.nodes.len() - 1
    }

    /// Inserts a parent above `node` that takes the first `shared` letters of its label.
    fn split(&mut self, node: usize, shared: usize) -> usize {
        let label = self.nodes[node].label.clone();
        let middle = label.start + shared;
        self.nodes[node].label = middle..label.end;
        let below = vec![(self.letters[middle], node)];
        self.nodes.push(Node { label: label.start..middle, below, price: None });
        self.nodes.len() - 1
    }
}

impl Node {
    /// The position of the child that starts with this letter, or where it would be inserted.
    fn branch(&self, first: u8) -> Result<usize, usize> {
        self.below.binary_search_by_key(&first, |(letter, _)| *letter)
    }
}

impl Default for PrefixIndex {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], letters: Vec::new(), prices: Vec::new() }
    }
}

fn shared_length(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Calls `f` with the name in lower case. Names of usual length are not allocated.
pub(crate) fn with_lower_case<R>(name: &str, f: impl FnOnce(&str) -> R) -> R {
    const USUAL: usize = 96;

    // No early exit: checking all bytes at once is faster for short names.
    if name.bytes().fold(true, |lower, b| lower & b.is_ascii() & !b.is_ascii_uppercase()) {
        return f(name);
    }
    let mut buffer = [0; USUAL];
    let lower = match buffer.get_mut(..name.len()) {
        Some(lower) if name.is_ascii() => {
            lower.copy_from_slice(name.as_bytes());
            lower.make_ascii_lowercase();
            str::from_utf8(lower).map_or_else(|_| name.to_lowercase().into(), Cow::Borrowed)
        }
        _ => Cow::Owned(name.to_lowercase()),
    };
    f(&lower)
}
