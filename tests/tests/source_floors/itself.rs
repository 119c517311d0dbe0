//! The checks themselves, on small trees that are made for them.

use std::fs;

use super::check;
use super::floors::Floors;

/// Judges a tree of files, with floors where there are any.
fn check_tree(files: &[(&str, &str)], floors: Option<&str>) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    let mut declared: Vec<(&str, &[&str])> = Vec::new();
    if let Some(floors) = floors {
        fs::write(folder.path().join("floors.toml"), floors).expect("a file");
        declared.push(("floors.toml", &[]));
    }
    check(folder.path(), "src/lib.rs", &declared)
}

fn faults(files: &[(&str, &str)], floors: Option<&str>) -> String {
    check_tree(files, floors).expect_err("a fault is found")
}

#[test]
fn a_circle_is_shown_as_a_chain_with_its_names() {
    let text = faults(
        &[
            ("src/lib.rs", "mod a; mod b; mod c; mod aside;"),
            ("src/a.rs", "use crate::b::{B, b};"),
            ("src/b/mod.rs", "pub struct B; pub fn b() { super::c::c(); }"),
            ("src/c.rs", "pub fn c() -> crate::a::A { loop {} }\npub struct C;"),
            ("src/aside.rs", "use crate::a::A;"),
        ],
        None,
    );
    assert!(text.contains("circle of 3 files:"), "{text}");
    assert!(text.contains("a.rs imports b/mod.rs (B, b)"), "{text}");
    assert!(text.contains("b/mod.rs imports c.rs (c)"), "{text}");
    assert!(text.contains("c.rs imports a.rs (A)"), "{text}");
    assert!(!text.contains("aside"), "{text}");
}

#[test]
fn two_circles_are_two_faults() {
    let text = faults(
        &[
            ("src/lib.rs", "mod a; mod b; mod c; mod d;"),
            ("src/a.rs", "use crate::b::B; pub struct A;"),
            ("src/b.rs", "use crate::a::A; pub struct B;"),
            ("src/c.rs", "use crate::d::D; pub struct C;"),
            ("src/d.rs", "use crate::c::C; pub struct D;"),
        ],
        None,
    );
    assert!(text.contains("2 fault(s)"), "{text}");
}

#[test]
fn a_clean_tree_passes() {
    let tree = [
        ("src/lib.rs", "pub mod low; pub mod high; pub use high::High; use low::Low; pub struct Top(Low);"),
        ("src/low.rs", "pub struct Low;\n#[cfg(test)] mod tests { use crate::high::High; }"),
        ("src/high/mod.rs", "mod part; pub use part::Part; use crate::low::Low; pub struct High(Part, Low);"),
        ("src/high/part.rs", "use crate::low; pub struct Part(low::Low);"),
    ];
    assert_eq!(check_tree(&tree, Some("floors = [['low'], ['high']]")), Ok(()));
}

#[test]
fn test_code_ties_nothing() {
    let tree = [
        ("src/lib.rs", "mod a; mod b; #[cfg(test)] mod missing;"),
        ("src/a.rs", "use crate::b::B;\n#[cfg(test)] use crate::b::b;\npub struct A;"),
        ("src/b.rs", "pub struct B;\n#[cfg(test)] impl B { fn a() -> crate::a::A { crate::a::A } }"),
    ];
    assert_eq!(check_tree(&tree, None), Ok(()));
}

#[test]
fn a_re_export_leads_to_the_file_that_defines() {
    // The neighbour is taken through the folder's facade, which takes from both: no circle.
    let tree = [
        ("src/lib.rs", "mod part;"),
        ("src/part/mod.rs", "mod one; mod two; pub use one::One; pub use two::*; fn f() { two::two() }"),
        ("src/part/one.rs", "use super::two; pub struct One; fn f() { two(); super::Two; }"),
        ("src/part/two.rs", "pub struct Two; pub fn two() {}"),
    ];
    assert_eq!(check_tree(&tree, None), Ok(()));
}

#[test]
fn a_module_and_its_part_make_a_circle_like_any_others() {
    let tree = [
        ("src/lib.rs", "mod part;"),
        ("src/part/mod.rs", "mod one; pub use one::One; pub struct Own(One);"),
        ("src/part/one.rs", "pub struct One; fn f() -> super::Own { loop {} }"),
    ];
    let text = faults(&tree, None);
    assert!(text.contains("part/one.rs imports part/mod.rs (Own)"), "{text}");
    assert!(text.contains("part/mod.rs imports part/one.rs (One)"), "{text}");
}

#[test]
fn paths_in_functions_macros_aliases_and_inline_modules_count() {
    for line in [
        "fn f() { use crate::b::B; }",
        "fn f() { assert!(crate::b::B == 1); }",
        "fn f() { println!(\"{}\", [super::b::B]); }",
        "use crate::b as other; fn f() { other::B; }",
        "use crate::b::B as Other;",
        "mod inside { fn f() { super::super::b::B; } }",
        "use super::b::*;",
        "use crate::{b::{self, B}};",
        "struct S(Vec<crate::b::B>);",
    ] {
        let a = format!("{line}\npub struct A;");
        let text = faults(
            &[
                ("src/lib.rs", "mod a; mod b;"),
                ("src/a.rs", &a),
                ("src/b.rs", "use crate::a::A; pub struct B;"),
            ],
            None,
        );
        assert!(text.contains("circle of 2 files"), "{line}: {text}");
    }
}

#[test]
fn an_import_of_a_higher_floor_is_found() {
    let tree = [
        ("src/lib.rs", "mod low; mod high;"),
        ("src/low.rs", "use crate::high::High;"),
        ("src/high.rs", "pub struct High;"),
    ];
    let text = faults(&tree, Some("floors = [['low'], ['high']]"));
    assert!(text.contains("low.rs (floor 0) imports high.rs (floor 1): High"), "{text}");
    assert_eq!(check_tree(&tree, Some("floors = [['high'], ['low']]")), Ok(()));
    assert_eq!(check_tree(&tree, Some("floors = [['high', 'low']]")), Ok(()));
}

#[test]
fn the_longest_path_decides_the_floor() {
    let tree = [
        ("src/lib.rs", "mod part; mod other;"),
        ("src/part/mod.rs", "mod low; pub use low::Low; use crate::other::Other;"),
        ("src/part/low.rs", "pub struct Low;"),
        ("src/other.rs", "use crate::part::Low; pub struct Other;"),
    ];
    assert_eq!(check_tree(&tree, Some("floors = [['part::low'], ['other'], ['part']]")), Ok(()));
    assert!(faults(&tree, Some("floors = [['part'], ['other']]")).contains("part/mod.rs (floor 0) imports"));
}

#[test]
fn a_folder_may_have_floors_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = [
        ("lib.rs", "mod part; mod other;"),
        ("other.rs", "pub struct Other; use crate::part::low::Low;"),
        ("part/mod.rs", "pub mod low; mod high; struct Own(high::High);"),
        ("part/low.rs", "pub struct Low; use super::high::High;"),
        ("part/high.rs", "pub struct High;"),
    ];
    fs::create_dir(folder.path().join("part")).expect("a folder");
    for (path, text) in files {
        fs::write(folder.path().join(path), text).expect("a file");
    }
    let faults_of = |floors: &str| {
        fs::write(folder.path().join("part/floors.toml"), floors).expect("a file");
        check(folder.path(), "lib.rs", &[("part/floors.toml", &["part"])])
    };
    assert_eq!(faults_of("floors = [['high'], ['low']]"), Ok(()));
    let text = faults_of("floors = [['low'], ['high']]").expect_err("an import of a higher floor");
    assert!(text.contains("part/low.rs (floor 0) imports part/high.rs (floor 1): High"), "{text}");
    let text = faults_of("floors = [['self'], ['high'], ['low']]").expect_err("the folder's own file is low");
    assert!(text.contains("part/mod.rs (floor 0) imports part/high.rs (floor 1): High"), "{text}");
}

#[test]
fn every_module_has_a_floor_and_every_floor_has_modules() {
    let tree = [("src/lib.rs", "mod a; mod b;"), ("src/a.rs", "fn a() {}"), ("src/b.rs", "fn b() {}")];
    assert!(faults(&tree, Some("floors = [['a']]")).contains("b.rs is on no floor"));
    assert!(faults(&tree, Some("floors = [['a', 'b', 'c']]")).contains("names `c`, which is no module"));
}

#[test]
fn a_wrong_list_of_floors_is_refused() {
    for text in ["", "floors = 1", "floors = ['a']", "floors = [[1]]", "floors"] {
        assert!(Floors::parse(text, &[]).is_err(), "{text}");
    }
}
