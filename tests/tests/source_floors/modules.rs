//! The modules of a crate as the compiler sees them: which file each comes from and which names stand in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::Visit;
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

/// One binary or library: the tree of modules below its root file.
pub(super) struct Modules {
    /// Source files by their path from the folder of the root file.
    pub(super) files: Vec<String>,
    /// Module 0 is the root.
    pub(super) all: Vec<Module>,
    folder: PathBuf,
}

/// One module, in a file of its own or inside another one's.
pub(super) struct Module {
    /// Its path from the root, without `crate`.
    pub(super) path: Vec<String>,
    /// Index into [`Modules::files`].
    pub(super) file: usize,
    pub(super) parent: usize,
    /// What its names stand for. A function and a module may share one.
    pub(super) names: BTreeMap<String, Vec<Meaning>>,
    /// Paths whose names are all taken in (`use path::*`).
    pub(super) globs: Vec<Vec<String>>,
    /// Paths of its `use` declarations that are no re-exports.
    pub(super) uses: Vec<Vec<String>>,
    /// Its items without tests, `use` and `mod`.
    pub(super) items: Vec<Item>,
}

impl Module {
    /// Whether it only declares modules and re-exports their names, so that nothing can depend on it.
    pub(super) fn is_facade(&self) -> bool {
        self.items.is_empty() && self.uses.is_empty()
    }
}

/// What a name in a module stands for.
#[derive(Clone)]
pub(super) enum Meaning {
    /// Something that is defined here.
    Item,
    /// A module declared here.
    Module(usize),
    /// Something from elsewhere.
    Import(Vec<String>),
}

impl Modules {
    /// Reads the module tree of a root file (`lib.rs`, `main.rs`). Panics when a file is missing or is not Rust.
    pub(super) fn load(root: &Path) -> Modules {
        let folder = root.parent().expect("a root file lies in a folder").to_path_buf();
        let mut modules = Modules { files: Vec::new(), all: Vec::new(), folder: folder.clone() };
        modules.add_file(root, &[], 0, &folder);
        modules
    }

    /// The module that a file is, as opposed to those inline in it.
    pub(super) fn of_file(&self, file: usize) -> &Module {
        self.all.iter().find(|module| module.file == file).expect("a file is a module")
    }

    fn add_file(&mut self, path: &Path, name: &[String], parent: usize, children: &Path) -> usize {
        let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let shown = path.strip_prefix(&self.folder).unwrap_or(path).to_string_lossy().into_owned();
        self.files.push(shown);
        let beside = path.parent().expect("a file lies in a folder");
        self.add(parsed.items, name, self.files.len() - 1, parent, [children, beside])
    }

    /// Adds a module; `folders` are where its child modules lie, and what `#[path]` counts from.
    fn add(
        &mut self,
        items: Vec<Item>,
        path: &[String],
        file: usize,
        parent: usize,
        folders: [&Path; 2],
    ) -> usize {
        let module = self.all.len();
        self.all.push(Module {
            path: path.to_vec(),
            file,
            parent,
            names: BTreeMap::new(),
            globs: Vec::new(),
            uses: Vec::new(),
            items: Vec::new(),
        });
        for item in items {
            if is_test(attributes(&item)) {
                continue;
            }
            UsesOf(&mut self.all[module]).visit_item(&item);
            match item {
                Item::Use(_) => {}
                Item::Mod(child) => {
                    let name = child.ident.to_string();
                    let id = self.add_child(child, path, file, module, folders);
                    self.all[module].names.entry(name).or_default().push(Meaning::Module(id));
                }
                item => {
                    let here = &mut self.all[module];
                    if let Some(name) = defined_name(&item) {
                        here.names.entry(name).or_default().push(Meaning::Item);
                    }
                    here.items.push(item);
                }
            }
        }
        module
    }

    fn add_child(
        &mut self,
        child: ItemMod,
        above: &[String],
        file: usize,
        parent: usize,
        [folder, beside]: [&Path; 2],
    ) -> usize {
        let name = child.ident.to_string();
        let path: Vec<String> = above.iter().cloned().chain([name.clone()]).collect();
        let inside = folder.join(&name);
        if let Some((_, items)) = child.content {
            return self.add(items, &path, file, parent, [&inside, &inside]);
        }
        let (flat, nested) = (folder.join(format!("{name}.rs")), inside.join("mod.rs"));
        if let Some(named) = named_file(&child.attrs) {
            let named = beside.join(named);
            let children = named.parent().expect("a file lies in a folder").to_path_buf();
            self.add_file(&named, &path, parent, &children)
        } else if flat.is_file() {
            self.add_file(&flat, &path, parent, &inside)
        } else {
            self.add_file(&nested, &path, parent, &inside)
        }
    }
}

/// Notes the `use` declarations of an item, also those inside functions, in the module around it.
struct UsesOf<'a>(&'a mut Module);

impl Visit<'_> for UsesOf<'_> {
    fn visit_item(&mut self, item: &Item) {
        if !is_test(attributes(item)) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, _: &ItemMod) {}

    fn visit_item_use(&mut self, item: &ItemUse) {
        if item.leading_colon.is_none() {
            let is_reexport = !matches!(item.vis, Visibility::Inherited);
            self.note(&item.tree, &mut Vec::new(), is_reexport);
        }
    }
}

impl UsesOf<'_> {
    fn note(&mut self, tree: &UseTree, above: &mut Vec<String>, is_reexport: bool) {
        let (name, path) = match tree {
            UseTree::Path(path) => {
                above.push(path.ident.to_string());
                self.note(&path.tree, above, is_reexport);
                above.pop();
                return;
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.note(tree, above, is_reexport));
                return;
            }
            UseTree::Glob(_) => {
                self.0.globs.push(above.clone());
                return;
            }
            UseTree::Name(name) if name.ident == "self" => {
                (above.last().cloned().unwrap_or_default(), above.clone())
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                (name.clone(), above.iter().cloned().chain([name]).collect())
            }
            UseTree::Rename(renamed) => {
                let name = (renamed.ident != "self").then(|| renamed.ident.to_string());
                (renamed.rename.to_string(), above.iter().cloned().chain(name).collect())
            }
        };
        self.0.names.entry(name).or_default().push(Meaning::Import(path.clone()));
        if !is_reexport {
            self.0.uses.push(path);
        }
    }
}

/// Whether something is compiled for tests only.
pub(super) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

fn named_file(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find(|attribute| attribute.path().is_ident("path")).and_then(|attribute| {
        let syn::Meta::NameValue(pair) = &attribute.meta else { return None };
        let syn::Expr::Lit(literal) = &pair.value else { return None };
        let syn::Lit::Str(text) = &literal.lit else { return None };
        Some(text.value())
    })
}

/// The attributes of an item.
pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn defined_name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}
