//! Reads Rust sources: modules, with their definitions and imports.
//!
//! It reads sources that rustfmt has formatted, without the output of macros.

mod words;

use std::collections::BTreeMap;
use std::path::MAIN_SEPARATOR;

use crate::Error;
use crate::files;
use crate::workspace;
use words::{Word, words};

/// A path of modules from the root of a crate: `["breaker", "permit"]`.
pub(crate) type Path = Vec<String>;

/// The modules of a crate, by path. The path of the root is empty.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) modules: BTreeMap<Path, Module>,
}

/// A module, in a file of its own or inside another file.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// The file, below `src`.
    pub(crate) file: String,
    /// The number of lines of the file, or 0 for a module inside another file.
    pub(crate) lines: usize,
    /// Whether the module is declared `pub`.
    pub(crate) public: bool,
    pub(crate) items: Vec<Item>,
    pub(crate) uses: Vec<Use>,
    /// The paths in its code, from the root of the crate.
    pub(crate) paths: Vec<Path>,
    /// The types for which it implements or derives `Error`.
    pub(crate) errors: Vec<String>,
}

/// A definition in a module.
#[derive(Debug)]
pub(crate) struct Item {
    /// `fn`, `struct`, `enum`, `trait`, `type`, …
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) public: bool,
    /// Whether it is in the module itself, and not in an `impl` or a function.
    pub(crate) top: bool,
    /// The type that it is a method of, if it is in an `impl` without a trait.
    pub(crate) method_of: Option<String>,
}

/// A name that a `use` binds.
#[derive(Debug)]
pub(crate) struct Use {
    /// The path from the root of the crate; `None` for another crate.
    pub(crate) path: Option<Path>,
    /// The bound name, or `*`.
    pub(crate) name: String,
    pub(crate) public: bool,
}

impl Sources {
    /// Reads the sources of a crate, without its tests.
    pub(crate) fn read(name: &str) -> Result<Self, Error> {
        let folder = workspace::root().join("crates").join(name).join("src");
        let mut texts = Vec::new();
        for path in files::below(&folder, &[])? {
            let file = path.strip_prefix(&folder).unwrap_or(&path).to_string_lossy();
            if file.ends_with(".rs") {
                texts.push((file.replace(MAIN_SEPARATOR, "/"), files::read(&path)?));
            }
        }
        Ok(Self::parse(texts.iter().map(|(file, text)| (file.as_str(), text.as_str()))))
    }

    /// Reads files by their names below `src` and their texts.
    pub(crate) fn parse<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut sources = Self::default();
        for (file, text) in texts {
            if file.ends_with("tests.rs") || file.contains("tests/") {
                continue;
            }
            let stem = file.trim_end_matches(".rs").trim_end_matches("/mod");
            let path: Path = match stem {
                "lib" | "main" => Path::new(),
                stem => stem.split('/').map(str::to_owned).collect(),
            };
            let module = sources.modules.entry(path.clone()).or_default();
            file.clone_into(&mut module.file);
            module.lines = text.lines().count();
            Reader { sources: &mut sources, file, words: words(text), at: 0 }.module(&path);
        }
        // The first name of a path may be a module that is declared further down.
        let declared: Vec<Path> = sources.modules.keys().cloned().collect();
        for (path, module) in &mut sources.modules {
            let known = |named: &Path| {
                named.len() <= path.len() + 1 || declared.contains(&named[..=path.len()].to_vec())
            };
            for used in &mut module.uses {
                // `use name::…` is a module of this crate or another crate.
                used.path = used.path.take().and_then(|named| local(&named, path, &known));
            }
            let paths = std::mem::take(&mut module.paths);
            module.paths = paths.iter().filter_map(|named| local(named, path, &known)).collect();
        }
        sources
    }

    /// Follows a path through imports. Returns the module that it leads to, and the name in it.
    pub(crate) fn resolve<'a>(&'a self, path: &'a [String]) -> Option<(Path, Option<&'a str>)> {
        self.follow(path, 8)
    }

    fn follow<'a>(&'a self, path: &[String], more: u8) -> Option<(Path, Option<&'a str>)> {
        let mut at = Path::new();
        for (index, name) in path.iter().enumerate() {
            let mut deeper = at.clone();
            deeper.push(name.clone());
            if self.modules.contains_key(&deeper) {
                at = deeper;
                continue;
            }
            let module = self.modules.get(&at)?;
            if let Some(item) = module.items.iter().find(|item| item.top && item.name == *name) {
                return Some((at, Some(&item.name)));
            }
            let Some(used) = module.uses.iter().find(|used| used.name == *name) else {
                return Some((at, None));
            };
            let target = [used.path.as_deref()?, &path[index + 1..]].concat();
            return if more == 0 { None } else { self.follow(&target, more - 1) };
        }
        Some((at, None))
    }
}

/// Marks a path that starts with a name: of the module, or of another crate.
const BARE: &str = "?";

/// The path from the root, if it is in this crate.
fn local(named: &Path, module: &Path, known: &impl Fn(&Path) -> bool) -> Option<Path> {
    let Some((mark, rest)) = named.split_first().filter(|(first, _)| *first == BARE) else {
        return Some(named.clone());
    };
    debug_assert_eq!(mark, BARE);
    let path = [module.as_slice(), rest].concat();
    (rest.len() > 1 && known(&path) && path.len() > module.len() + 1).then_some(path)
}

/// A position in the words of a file.
struct Reader<'a> {
    sources: &'a mut Sources,
    file: &'a str,
    words: Vec<Word<'a>>,
    at: usize,
}

impl<'a> Reader<'a> {
    fn word(&self, ahead: usize) -> &'a str {
        self.words.get(self.at + ahead).map_or("", |word| word.0)
    }

    fn of(&mut self, path: &Path) -> &mut Module {
        self.sources.modules.entry(path.clone()).or_default()
    }

    /// Reads up to the end of the module.
    fn module(&mut self, path: &Path) {
        let mut depth = 0_usize;
        let mut public = false;
        let mut derives_error = false;
        // The type of the `impl` around.
        let mut implemented = None;
        while self.at < self.words.len() {
            match self.word(0) {
                "#" if self.is_test() => {
                    self.skip_item();
                    continue;
                }
                "#" if self.word(2) == "derive" => derives_error = self.derives_error(),
                "{" => depth += 1,
                "}" if depth == 0 => return,
                "}" => depth -= 1,
                "pub" => {
                    public = self.word(1) != "(";
                    if !public {
                        self.skip_brackets();
                    }
                    self.at += 1;
                    continue;
                }
                "async" | "const" | "unsafe" if self.word(1) == "fn" => {
                    self.at += 1;
                    continue;
                }
                "impl" if depth == 0 => implemented = self.implemented(path),
                "use" => self.imports(path, public),
                "mod" if self.word(2) == "{" => {
                    let inner = [path.as_slice(), &[self.word(1).to_owned()]].concat();
                    let file = self.file.to_owned();
                    let module = self.of(&inner);
                    (module.file, module.public) = (file, public);
                    self.at += 3;
                    self.module(&inner);
                }
                "mod" => {
                    let inner = [path.as_slice(), &[self.word(1).to_owned()]].concat();
                    self.of(&inner).public = public;
                }
                kind @ ("fn" | "struct" | "enum" | "trait" | "type" | "const" | "static") => {
                    let (kind, name) = (kind.to_owned(), self.word(1).to_owned());
                    if derives_error && matches!(kind.as_str(), "struct" | "enum") {
                        derives_error = false;
                        self.of(path).errors.push(name.clone());
                    }
                    let method_of = implemented.clone().filter(|_| depth == 1 && kind == "fn");
                    let item = Item { kind, name, public, top: depth == 0, method_of };
                    self.of(path).items.push(item);
                    self.at += 1;
                }
                "crate" | "self" | "super" if self.word(1) == "::" => {
                    let named = self.path(path);
                    self.of(path).paths.push(named);
                    continue;
                }
                word if self.word(1) == "::" && words::is_name(word) => {
                    let named = self.path(path);
                    self.of(path).paths.push(named);
                    continue;
                }
                _ => {}
            }
            public = false;
            self.at += 1;
        }
    }

    /// `#[cfg(test)]`, `#[cfg(all(test, …))]`
    fn is_test(&self) -> bool {
        let all = self.word(4) == "all" && self.word(6) == "test";
        self.word(2) == "cfg" && (self.word(4) == "test" || all)
    }

    fn derives_error(&self) -> bool {
        let inside =
            (3..).map(|ahead| self.word(ahead)).take_while(|word| !matches!(*word, "]" | ""));
        inside.into_iter().any(|word| word == "Error")
    }

    /// Skips attributes and the item after them.
    fn skip_item(&mut self) {
        while self.word(0) == "#" {
            self.at += 1;
            self.skip_brackets();
            self.at += 1;
        }
        while self.at < self.words.len() {
            match self.word(0) {
                ";" | "," => break,
                "(" | "[" => self.skip_brackets(),
                "{" => {
                    self.skip_brackets();
                    break;
                }
                _ => {}
            }
            self.at += 1;
        }
        self.at += 1;
    }

    /// Skips to the end of the next pair of brackets.
    fn skip_brackets(&mut self) {
        let mut depth = 0_usize;
        while self.at < self.words.len() {
            match self.word(0) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return;
                    }
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// `impl … Error for Name` is an error type. Returns the type of an `impl` without a trait.
    fn implemented(&mut self, path: &Path) -> Option<String> {
        let head =
            (0..).map(|ahead| self.word(ahead)).take_while(|word| !matches!(*word, "{" | ""));
        let head: Vec<&str> = head.collect();
        let name = head.windows(3).find(|words| words[0] == "Error" && words[1] == "for");
        if let Some(name) = name.map(|words| words[2].to_owned()) {
            self.of(path).errors.push(name);
        }
        words::implemented(&head).map(str::to_owned)
    }

    /// Reads a path in code. Returns it from the root.
    fn path(&mut self, module: &Path) -> Path {
        let mut names = vec![self.word(0)];
        while self.word(1) == "::" && words::is_name(self.word(2)) {
            self.at += 2;
            names.push(self.word(0));
        }
        self.at += 1;
        absolute(&names, module)
    }

    /// `use a::{b, c::d as e};`
    fn imports(&mut self, module: &Path, public: bool) {
        self.at += 1;
        let mut found = Vec::new();
        self.tree(&mut Vec::new(), &mut found);
        let module_path = module.clone();
        for (names, name) in found {
            let path = absolute(&names, &module_path);
            let module = self.of(&module_path);
            if !public
                || path.first().is_some_and(|first| first == BARE)
                || !path.starts_with(&module_path)
            {
                // A module does not use its re-exports of children.
                module.paths.push(path.clone());
            }
            module.uses.push(Use { path: Some(path), name: name.to_owned(), public });
        }
    }

    /// Reads one tree of a `use`.
    fn tree(&mut self, before: &mut Vec<&'a str>, found: &mut Vec<(Vec<&'a str>, &'a str)>) {
        let depth = before.len();
        loop {
            match self.word(0) {
                "{" => {
                    self.at += 1;
                    while self.word(0) != "}" && self.at < self.words.len() {
                        self.tree(before, found);
                        if self.word(0) == "," {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    break;
                }
                "::" => self.at += 1,
                "*" => {
                    found.push((before.clone(), "*"));
                    self.at += 1;
                    break;
                }
                name => {
                    // `a::{self}` is `a`.
                    if name != "self" || before.is_empty() {
                        before.push(name);
                    }
                    self.at += 1;
                    if self.word(0) == "as" {
                        found.push((before.clone(), self.word(1)));
                        self.at += 2;
                        break;
                    }
                    if self.word(0) != "::" {
                        found.push((before.clone(), before.last().copied().unwrap_or_default()));
                        break;
                    }
                }
            }
        }
        before.truncate(depth);
    }
}

/// A path from the root of the crate. One that starts with a name is marked.
fn absolute(names: &[&str], module: &Path) -> Path {
    let mut path = match names.first() {
        Some(&"crate") => Path::new(),
        Some(&("self" | "super")) => module.clone(),
        _ => vec![BARE.to_owned()],
    };
    for &name in names {
        match name {
            "crate" | "self" => {}
            "super" => drop(path.pop()),
            name => path.push(name.to_owned()),
        }
    }
    path
}

#[cfg(test)]
mod tests;
