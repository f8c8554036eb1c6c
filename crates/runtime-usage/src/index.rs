//! Names to prices: the name itself, else the longest known beginning of it.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::prices::{ModelPrices, Named};

/// Prices under lower-case names, in a radix tree: each node stands for the letters on the way to
/// it, and a node where a name ends has its price.
///
/// Walking down along a name passes every known beginning of it, so the price passed last is
/// that of the longest. The nodes live side by side and name each other by place.
#[derive(Debug)]
pub(crate) struct PrefixIndex {
    /// The first one is the root.
    nodes: Vec<Node>,
    /// What the labels of nodes are ranges of.
    letters: Vec<u8>,
    prices: Vec<Arc<ModelPrices>>,
}

#[derive(Debug, Default)]
struct Node {
    /// The letters between the node above and this one. Only the root has none.
    label: Range<usize>,
    /// The first letter of the label of each node below, sorted, and its place.
    below: Vec<(u8, usize)>,
    /// The place of the price, if a name ends here.
    price: Option<usize>,
}

const ROOT: usize = 0;

impl PrefixIndex {
    /// The price under `wanted` or the longest beginning of it.
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

    /// Sets the price under a lower-case name, and returns the one it replaces.
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

    /// The number of prices.
    pub(crate) const fn len(&self) -> usize {
        self.prices.len()
    }

    /// All prices with their names, sorted.
    pub(crate) fn to_vec(&self) -> Vec<Named> {
        let mut prices = Vec::with_capacity(self.len());
        let mut waiting = vec![(ROOT, Vec::new())];
        while let Some((place, mut name)) = waiting.pop() {
            let node = &self.nodes[place];
            name.extend(&self.letters[node.label.clone()]);
            if let Some(price) = node.price {
                prices.push((String::from_utf8_lossy(&name).into(), self.prices[price].clone()));
            }
            // The last one in is the first one out.
            waiting.extend(node.below.iter().rev().map(|&(_, below)| (below, name.clone())));
        }
        prices
    }

    /// The node where `name` ends, made if need be.
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

    /// Puts a new node above `node`, which takes over the first `shared` letters of its label.
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
    /// Where the node below that begins with this letter is among them, or would be.
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

/// Calls `f` with the name in lower case, without allocating for a name of usual length.
pub(crate) fn with_lower_case<R>(name: &str, f: impl FnOnce(&str) -> R) -> R {
    const USUAL: usize = 96;

    // No early exit: looking at all bytes at once is faster for names.
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
