//! Imports between the files of a crate, and public paths of items.

use std::collections::{BTreeMap, BTreeSet};

use super::{PROJECT, assert_none};
use crate::source::{Module, Path, Sources, Use};

/// A file and the files that it uses.
type Graph = BTreeMap<Path, BTreeSet<Path>>;

#[test]
fn no_files_import_in_a_circle_or_from_above_their_parents() {
    check(|sources| {
        let graph = graph(sources);
        let mut problems = ancestors(&graph);
        problems.extend(circles(&graph).iter().map(|files| {
            let files: Vec<_> = files.iter().map(|file| shown(file)).collect();
            format!("a circle of {} files: {}", files.len(), files.join(", "))
        }));
        problems
    });
}

#[test]
fn every_public_item_has_one_public_path() {
    check(|sources| {
        let several = public_paths(sources).into_iter().filter(|(_, paths)| paths.len() > 1);
        let shown = several.map(|(_, paths)| {
            let paths: Vec<_> = paths.iter().map(|path| format!("`{}`", path.join("::"))).collect();
            format!("two public paths: {}", paths.join(", "))
        });
        shown.collect()
    });
}

#[test]
fn no_two_public_types_have_one_name() {
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for member in &PROJECT.crates {
        let sources = Sources::read(&member.name).expect("the sources are readable");
        for (module, name) in public_types(&sources) {
            let path = [&module[..], std::slice::from_ref(&name)].concat().join("::");
            found.entry(name).or_default().insert(format!("{}::{path}", member.name));
        }
    }
    let twice = found.values().filter(|paths| paths.len() > 1);
    assert_none(&twice.map(|paths| format!("one name: {paths:?}")).collect::<Vec<_>>());
}

/// A type with more methods is two types.
const METHODS: usize = 30;

#[test]
fn no_type_has_too_many_methods() {
    check(|sources| {
        let mut types = BTreeMap::<&str, usize>::new();
        let items = sources.modules.values().flat_map(|module| &module.items);
        for name in items.filter_map(|item| item.method_of.as_deref()) {
            *types.entry(name).or_default() += 1;
        }
        let large = types.into_iter().filter(|(_, methods)| *methods > METHODS);
        large.map(|(name, methods)| format!("`{name}` has {methods} methods")).collect()
    });
}

/// Applies a rule to every crate.
fn check(rule: impl Fn(&Sources) -> Vec<String>) {
    let mut problems = Vec::new();
    for member in &PROJECT.crates {
        let sources = Sources::read(&member.name).expect("the sources are readable");
        problems.extend(rule(&sources).iter().map(|found| format!("{}: {found}", member.name)));
    }
    assert_none(&problems);
}

/// The file of a module: its own, or the file of the module around it.
fn file<'a>(sources: &Sources, module: &'a [String]) -> &'a [String] {
    let mut at = module;
    while let Some((_, parent)) = at.split_last()
        && sources.modules.get(at).is_none_or(|module| module.lines == 0)
    {
        at = parent;
    }
    at
}

/// The imports between files, without the root, which only lists modules.
fn graph(sources: &Sources) -> Graph {
    let mut graph = Graph::new();
    for (path, module) in &sources.modules {
        let from = file(sources, path);
        if from.is_empty() {
            continue;
        }
        let users = graph.entry(from.to_vec()).or_default();
        for (used, _) in module.paths.iter().filter_map(|path| sources.resolve(path)) {
            let used = file(sources, &used);
            if used != from {
                users.insert(used.to_vec());
            }
        }
    }
    graph
}

/// Files that import from above their parents.
fn ancestors(graph: &Graph) -> Vec<String> {
    let mut problems = Vec::new();
    for (file, used) in graph {
        for used in used.iter().filter(|used| file.starts_with(used) && used.len() + 1 < file.len())
        {
            problems.push(format!(
                "{} imports from {}, above its parent",
                shown(file),
                shown(used)
            ));
        }
    }
    problems
}

/// The circles: groups of files that reach each other, except parents with their children.
fn circles(graph: &Graph) -> Vec<BTreeSet<Path>> {
    let reached: BTreeMap<&Path, BTreeSet<Path>> =
        graph.keys().map(|file| (file, reach(graph, file))).collect();
    let mut circles: Vec<BTreeSet<Path>> = Vec::new();
    for (&file, forth) in &reached {
        if !forth.contains(file) || circles.iter().any(|circle| circle.contains(file)) {
            continue;
        }
        let back = |other: &&Path| reached.get(*other).is_some_and(|there| there.contains(file));
        let circle: BTreeSet<Path> = forth.iter().filter(back).cloned().collect();
        if !is_family(graph, &circle) {
            circles.push(circle);
        }
    }
    circles
}

/// The files that a file reaches, in one step or more.
fn reach(graph: &Graph, file: &Path) -> BTreeSet<Path> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(file) = open.pop() {
        for used in graph.get(file).into_iter().flatten() {
            if reached.insert(used.clone()) {
                open.push(used);
            }
        }
    }
    reached
}

/// Whether the parents of all files but one are in the group, and no circle remains without the steps
/// between parents and children.
fn is_family(graph: &Graph, files: &BTreeSet<Path>) -> bool {
    let heads = files.iter().filter(|file| !files.contains(&file[..file.len() - 1])).count();
    let related = |a: &Path, b: &Path| {
        a.len().abs_diff(b.len()) == 1 && (a.starts_with(b) || b.starts_with(a))
    };
    let mut others = Graph::new();
    for file in files {
        let used = graph[file].iter().filter(|used| files.contains(*used) && !related(file, used));
        others.insert(file.clone(), used.cloned().collect());
    }
    heads == 1 && files.iter().all(|file| !reach(&others, file).contains(file))
}

/// The public paths of every public item, by the module that defines the item and its name.
fn public_paths(sources: &Sources) -> BTreeMap<(Path, String), BTreeSet<Path>> {
    let mut found: BTreeMap<(Path, String), BTreeSet<Path>> = BTreeMap::new();
    for (path, module) in public_modules(sources) {
        let under = |name: &str| [path.as_slice(), &[name.to_owned()]].concat();
        for item in module.items.iter().filter(|item| item.public && item.top) {
            let defined = (path.clone(), item.name.clone());
            found.entry(defined).or_default().insert(under(&item.name));
        }
        for used in module.uses.iter().filter(|used| used.public) {
            let target = used.path.as_deref().and_then(|path| sources.resolve(path));
            if let Some((defined, Some(name))) = target {
                found.entry((defined, name.to_owned())).or_default().insert(under(&used.name));
            }
        }
    }
    found
}

/// The public types of a crate and what it exports under a type's name, with the module of its public path.
fn public_types(sources: &Sources) -> Vec<(Path, String)> {
    let mut found = Vec::new();
    for (path, module) in public_modules(sources) {
        let items = module.items.iter().filter(|item| item.public && item.top);
        let is_ours = |used: &&Use| {
            let target = used.path.as_deref().and_then(|path| sources.resolve(path));
            used.public && target.is_some_and(|(module, _)| !module.is_empty())
        };
        let uses = module.uses.iter().filter(is_ours);
        let names = items.map(|item| &item.name).chain(uses.map(|used| &used.name));
        // Types that a macro makes are only known by their export.
        let types = names.filter(|name| is_name_of_a_type(name));
        found.extend(types.map(|name| (path.clone(), name.clone())));
    }
    found
}

/// Whether a name is written like `Turn`, and not like `turn` or `LIMIT`.
fn is_name_of_a_type(name: &str) -> bool {
    name.starts_with(char::is_uppercase) && name.contains(char::is_lowercase)
}

/// The modules that users can name.
fn public_modules(sources: &Sources) -> impl Iterator<Item = (&Path, &Module)> {
    let is_public = |path: &[String]| sources.modules.get(path).is_some_and(|it| it.public);
    sources
        .modules
        .iter()
        .filter(move |(path, _)| (1..=path.len()).all(|length| is_public(&path[..length])))
}

/// A file as it is named in the crate.
fn shown(file: &[String]) -> String {
    if file.is_empty() { "the root".to_owned() } else { format!("{}.rs", file.join("/")) }
}

mod can_fail {
    use super::*;

    fn circles_of(files: &[(&'static str, &'static str)]) -> Vec<usize> {
        let sources = Sources::parse(files.iter().copied());
        circles(&graph(&sources)).iter().map(BTreeSet::len).collect()
    }

    #[test]
    fn a_circle_is_found_through_re_exports() {
        let root = ("lib.rs", "mod a;\nmod b;\npub use a::A;\npub use b::B;\n");
        let b = ("b.rs", "use crate::A;\npub struct B;\n");
        assert_eq!(circles_of(&[root, b, ("a.rs", "pub struct A;\n")]), [0; 0]);
        assert_eq!(circles_of(&[root, b, ("a.rs", "use crate::B;\npub struct A;\n")]), [2]);
        let child = ("a/c.rs", "fn f() { crate::b::g() }\n");
        let parent = ("a.rs", "mod c;\nuse self::c::f;\npub struct A;\n");
        assert_eq!(circles_of(&[root, b, parent, child]), [3]);
    }

    #[test]
    fn a_parent_and_children_may_circle_but_not_siblings() {
        let parent = ("a.rs", "mod c;\nmod d;\nuse self::{c::C, d::D};\npub struct A;\n");
        let c = ("a/c.rs", "use super::{A, d::D};\npub struct C;\n");
        assert_eq!(circles_of(&[parent, c, ("a/d.rs", "use super::A;\npub struct D;\n")]), [0; 0]);
        assert_eq!(circles_of(&[parent, c, ("a/d.rs", "use super::c::C;\npub struct D;\n")]), [3]);
    }

    #[test]
    fn an_import_from_above_the_parent_is_found() {
        let sources = Sources::parse([
            ("lib.rs", "mod a;\npub type E = ();\n"),
            ("a.rs", "mod b;\nuse crate::E;\n"),
            ("a/b.rs", "use crate::E;\n"),
        ]);
        assert_eq!(ancestors(&graph(&sources)), ["a/b.rs imports from the root, above its parent"]);
    }

    #[test]
    fn a_second_public_path_is_found() {
        let several = |root: &str| {
            let a = ("a.rs", "mod c;\npub use self::c::C;\npub struct A;\n");
            let sources = Sources::parse([("lib.rs", root), a, ("a/c.rs", "pub struct C;\n")]);
            public_paths(&sources).values().filter(|paths| paths.len() > 1).count()
        };
        assert_eq!(several("mod a;\npub use self::a::{A, C};\n"), 0);
        assert_eq!(several("pub mod a;\n"), 0);
        assert_eq!(several("pub mod a;\npub use self::a::{A, C};\n"), 2);
    }

    #[test]
    fn a_type_is_known_by_its_definition_or_its_export() {
        let root = (
            "lib.rs",
            "pub mod a;\nmod b;\npub use self::b::{Bee, f, LIMIT};\npub use serde::Other;\n",
        );
        let a = ("a.rs", "pub struct Ape;\npub fn g() {}\nstruct Cow;\n");
        let sources = Sources::parse([root, a, ("b.rs", "made! { pub struct Bee; }\n")]);
        let names: Vec<_> = public_types(&sources).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["Bee", "Ape"]);
    }
}
