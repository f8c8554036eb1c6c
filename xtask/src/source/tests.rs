//! Tests of reading sources.

use super::*;

fn path(text: &str) -> Path {
    text.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn paths(sources: &Sources, module: &str) -> Vec<String> {
    sources.modules[&path(module)].paths.iter().map(|path| path.join("::")).collect()
}

#[test]
fn paths_are_read_from_the_root_of_the_crate() {
    let sources = Sources::parse([
        ("lib.rs", "mod a;\npub use a::{A, b::B as C};\n"),
        ("a.rs", "pub mod b;\nuse crate::x::{self, Y};\npub use self::b::B;\nuse std::fmt;\n"),
        ("a/b.rs", "use super::{A, super::x::Z};\nfn f() { super::c::g::<u8>(); crate::h!(); }\n"),
        ("x.rs", "#[cfg(test)]\nmod tests {\n use crate::a;\n}\nmod y { use super::Q; }\n"),
    ]);
    assert_eq!(paths(&sources, "a"), ["x", "x::Y"]);
    assert_eq!(paths(&sources, "a::b"), ["a::A", "x::Z", "a::c::g", "h"]);
    assert_eq!(paths(&sources, "x"), [""; 0]);
    assert_eq!(paths(&sources, "x::y"), ["x::Q"]);
    assert!(sources.modules[&path("a::b")].public && !sources.modules[&path("a")].public);
}

#[test]
fn a_path_is_followed_to_the_defining_module() {
    let sources = Sources::parse([
        ("lib.rs", "mod a;\npub use a::A;\npub use other::O;\n"),
        ("a.rs", "mod b;\npub use self::b::A;\n"),
        ("a/b.rs", "pub struct A;\n"),
    ]);
    let found = |text: &str| sources.resolve(&path(text)).map(|(path, _)| path.join("::"));
    assert_eq!(found("A").as_deref(), Some("a::b"));
    assert_eq!(found("a::A").as_deref(), Some("a::b"));
    assert_eq!(found("a::b").as_deref(), Some("a::b"));
    assert_eq!(found("a::Unknown").as_deref(), Some("a"));
    assert_eq!(found("O"), None);
}

#[test]
fn methods_have_the_type_of_their_impl() {
    let text = "struct S;\nimpl<T: Into<S>, F: Fn() -> T> a::S<F> where T: Send {\n fn f() { fn inner() {} }\n}\n\
                impl Drop for S {\n fn drop(&mut self) {}\n}\nfn g() {}\n";
    let sources = Sources::parse([("lib.rs", text)]);
    let items = &sources.modules[&Path::new()].items;
    let methods: Vec<_> = items
        .iter()
        .filter_map(|item| Some((item.name.as_str(), item.method_of.as_deref()?)))
        .collect();
    assert_eq!(methods, [("f", "S")]);
}

#[test]
fn items_have_kind_visibility_and_place() {
    let text = "#[derive(Debug, thiserror::Error)]\n#[error(\"x\")]\npub enum E { A }\n\
                pub(crate) struct S;\nimpl S {\n    pub async fn f(&self) {}\n    fn g() {}\n}\n\
                impl std::error::Error for S {}\npub const fn h() {}\n";
    let sources = Sources::parse([("lib.rs", text)]);
    let module = &sources.modules[&Path::new()];
    let items: Vec<_> = module
        .items
        .iter()
        .map(|item| (item.kind.as_str(), item.name.as_str(), item.public, item.top))
        .collect();
    let expected = [
        ("enum", "E", true, true),
        ("struct", "S", false, true),
        ("fn", "f", true, false),
        ("fn", "g", false, false),
        ("fn", "h", true, true),
    ];
    assert_eq!(items, expected);
    assert_eq!(module.errors, ["E", "S"]);
}
