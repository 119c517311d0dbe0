//! Reads the declared floors and finds imports that lead upwards.

use std::path::Path;

use super::imports::Imports;
use super::modules::Modules;

/// The floors of the modules below one folder, the lowest first; each is a list of module paths.
pub(super) struct Floors {
    folder: Vec<String>,
    floors: Vec<Vec<Vec<String>>>,
}

impl Floors {
    /// Reads a `floors.toml`. Its paths count from the module `folder`; empty is the crate.
    ///
    /// ```toml
    /// floors = [
    ///     ["bytes", "text"],
    ///     ["finders", "finders::pem"],
    /// ]
    /// ```
    pub(super) fn read(file: &Path, folder: &[&str]) -> Result<Floors, String> {
        let text = std::fs::read_to_string(file).map_err(|e| e.to_string())?;
        Floors::parse(&text, folder)
    }

    /// Parses the text of a `floors.toml`.
    pub(super) fn parse(text: &str, folder: &[&str]) -> Result<Floors, String> {
        let table: toml::Table = toml::from_str(text).map_err(|e| e.to_string())?;
        let lists = table.get("floors").and_then(toml::Value::as_array).ok_or("no list `floors`")?;
        let mut floors = Vec::new();
        for list in lists {
            let names = list.as_array().ok_or("a floor is a list of module paths")?;
            let names = names.iter().map(|name| name.as_str().ok_or("a module path is a string"));
            let paths = names.map(|name| Ok(name?.split("::").map(str::to_owned).collect()));
            floors.push(paths.collect::<Result<Vec<Vec<String>>, &str>>()?);
        }
        Ok(Floors { folder: folder.iter().map(|name| (*name).to_owned()).collect(), floors })
    }

    /// The floor of a module that lies in the folder: the one with the longest path to it. The folder's own `lib.rs` or
    /// `mod.rs` stands above all, unless a floor names it `self`. `None`: no floor names the module.
    fn floor_of(&self, module: &[String]) -> Option<usize> {
        let inside = module.strip_prefix(self.folder.as_slice())?;
        let own = ["self".to_owned()];
        let path = if inside.is_empty() { &own } else { inside };
        let matches = self.floors.iter().enumerate().flat_map(|(floor, paths)| {
            paths.iter().filter(|named| path.starts_with(named)).map(move |named| (named.len(), floor))
        });
        match matches.max() {
            Some((_, floor)) => Some(floor),
            None => inside.is_empty().then_some(self.floors.len()),
        }
    }

    /// Describes every import that leads to a higher floor, every module with items that is on no floor, and every path
    /// that names no module. Empty: the floors hold.
    pub(super) fn violations(&self, modules: &Modules, imports: &Imports) -> Vec<String> {
        let mut found = Vec::new();
        for (file, name) in modules.files.iter().enumerate() {
            let module = modules.of_file(file);
            let is_judged = module.path.starts_with(&self.folder) && !module.is_facade();
            if is_judged && self.floor_of(&module.path).is_none() {
                found.push(format!("{name} is on no floor: add it to floors.toml"));
            }
        }
        for path in self.floors.iter().flatten().filter(|path| path.as_slice() != ["self"]) {
            let whole: Vec<String> = self.folder.iter().chain(path).cloned().collect();
            if !modules.all.iter().any(|module| module.path == whole) {
                found.push(format!("floors.toml names `{}`, which is no module", path.join("::")));
            }
        }
        for (file, imported) in imports {
            for (other, names) in imported {
                let floor = self.floor_of(&modules.of_file(*file).path);
                let above = self.floor_of(&modules.of_file(*other).path);
                if let (Some(floor), Some(above)) = (floor, above)
                    && above > floor
                {
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    found.push(format!(
                        "{} (floor {floor}) imports {} (floor {above}): {}",
                        modules.files[*file],
                        modules.files[*other],
                        names.join(", ")
                    ));
                }
            }
        }
        found
    }
}
