//! Which file of a crate imports which: `use` declarations and inline paths, followed to the file that defines the
//! item.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;

use super::modules::{Meaning, Module, Modules, attributes, is_test};

/// By importing file, then by imported file: the names that tie the two.
pub(super) type Imports = BTreeMap<usize, BTreeMap<usize, BTreeSet<String>>>;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq)]
enum Target {
    Module(usize),
    /// An item, by the file that defines it.
    Item(usize),
}

/// Collects the imports between the files of a crate.
///
/// A re-export is no import: whoever takes the name imports the file that defines it. Naming a module imports nothing
/// either; what is taken from it does. Calls of methods name no file, so they are not seen.
pub(super) fn imports(modules: &Modules) -> Imports {
    let mut found = Imports::new();
    let mut add = |module: &Module, file: usize, name: &str| {
        if module.file != file {
            found.entry(module.file).or_default().entry(file).or_default().insert(name.to_owned());
        }
    };
    for (id, module) in modules.all.iter().enumerate() {
        let mut paths = Paths(module.uses.clone());
        module.items.iter().for_each(|item| paths.visit_item(item));
        for path in paths.0 {
            for target in resolve(modules, id, &path, &mut BTreeSet::new()) {
                if let Target::Item(file) = target {
                    add(module, file, path.last().expect("a path has a name"));
                }
            }
        }
        for path in &module.globs {
            for target in resolve(modules, id, path, &mut BTreeSet::new()) {
                if let Target::Module(from) = target {
                    add(module, modules.all[from].file, "*");
                }
            }
        }
    }
    found
}

/// Follows a path from inside a module. Empty: it leads out of the crate.
fn resolve(
    modules: &Modules,
    from: usize,
    path: &[String],
    seen: &mut BTreeSet<(usize, String)>,
) -> Vec<Target> {
    let mut targets = vec![Target::Module(from)];
    let mut is_first = true;
    for (index, name) in path.iter().enumerate() {
        let Some(module) = targets.iter().find_map(|target| match target {
            Target::Module(id) => Some(*id),
            Target::Item(_) => None,
        }) else {
            break; // variants and associated items belong to the item
        };
        targets = match name.as_str() {
            "crate" => vec![Target::Module(0)],
            "self" => vec![Target::Module(module)],
            "super" => vec![Target::Module(modules.all[module].parent)],
            name => {
                let mut next = lookup(modules, module, name, seen);
                if next.is_empty() && !is_first {
                    next.push(Target::Item(modules.all[module].file)); // made by a macro there
                }
                is_first = false;
                if next.is_empty() {
                    return next;
                }
                next
            }
        };
        if matches!(name.as_str(), "crate" | "self" | "super") {
            is_first = false;
        }
        // Where a function and a module share a name, the end of a path means the function.
        if index + 1 == path.len() && targets.iter().any(|target| matches!(target, Target::Item(_))) {
            targets.retain(|target| matches!(target, Target::Item(_)));
        }
    }
    targets
}

fn lookup(modules: &Modules, module: usize, name: &str, seen: &mut BTreeSet<(usize, String)>) -> Vec<Target> {
    let here = &modules.all[module];
    let mut targets = Vec::new();
    for meaning in here.names.get(name).into_iter().flatten() {
        match meaning {
            Meaning::Item => targets.push(Target::Item(here.file)),
            Meaning::Module(id) => targets.push(Target::Module(*id)),
            Meaning::Import(path) => {
                if seen.insert((module, path.join("::"))) {
                    targets.extend(resolve(modules, module, path, seen));
                }
            }
        }
    }
    if targets.is_empty() {
        for path in &here.globs {
            if seen.insert((module, format!("{}::*{name}", path.join("::")))) {
                for target in resolve(modules, module, path, seen) {
                    if let Target::Module(id) = target {
                        targets.extend(lookup(modules, id, name, seen));
                    }
                }
            }
        }
    }
    targets
}

/// Collects every path of an item that is not test code, those inside macros' arguments too.
struct Paths(Vec<Vec<String>>);

impl Visit<'_> for Paths {
    fn visit_item(&mut self, item: &syn::Item) {
        if !is_test(attributes(item)) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            syn::visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_item_use(&mut self, _: &syn::ItemUse) {}

    fn visit_attribute(&mut self, _: &syn::Attribute) {}

    fn visit_visibility(&mut self, _: &syn::Visibility) {}

    fn visit_path(&mut self, path: &syn::Path) {
        if path.leading_colon.is_none() {
            self.0.push(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &syn::Macro) {
        syn::visit::visit_macro(self, call);
        self.tokens(call.tokens.clone());
    }
}

impl Paths {
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                other => {
                    self.end(&mut path);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        if !path.is_empty() {
            self.0.push(std::mem::take(path));
        }
    }
}
