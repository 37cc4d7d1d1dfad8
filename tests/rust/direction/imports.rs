//! What a crate's files import of each other, as the compiler's grammar has it: `use` items and paths in the code. Tests and
//! documentation do not count. Judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// Each file of a crate, as the path of its module, with the files whose items it names.
pub type Imports = BTreeMap<String, BTreeSet<String>>;

/// Reads a crate's `src` directory. Modules are named as in `store::flush`; the root is `lib`.
pub fn of_directory(src: &Path) -> Imports {
    let mut sources = BTreeMap::new();
    read_below(src, src, &mut sources);
    of_sources(&sources)
}

fn read_below(src: &Path, directory: &Path, sources: &mut BTreeMap<String, String>) {
    let entries = std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            read_below(src, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let module = module_of(path.strip_prefix(src).unwrap());
            sources.insert(module, std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// `store/flush.rs` is `store::flush`, `store/mod.rs` is `store`.
fn module_of(file: &Path) -> String {
    let mut path = PathBuf::from(file).with_extension("");
    if path.ends_with("mod") {
        path.pop();
    }
    path.iter().map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join("::")
}

/// As [`of_directory`], of texts by the names of their modules.
pub fn of_sources(sources: &BTreeMap<String, String>) -> Imports {
    let modules: BTreeSet<&str> = sources.keys().map(String::as_str).collect();
    let imports = sources.iter().map(|(module, text)| {
        let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{module}: {error}"));
        let mut paths = Paths { module, found: Vec::new() };
        paths.visit_file(&file);
        let named = paths.found.iter().filter_map(|path| file_of(path, &modules));
        (module.clone(), named.filter(|named| named != module).collect())
    });
    imports.collect()
}

/// The file that a path from the crate's root leads into.
fn file_of(path: &[String], modules: &BTreeSet<&str>) -> Option<String> {
    let root = ["lib", "main"].into_iter().find(|root| modules.contains(root))?;
    let longest = (1..=path.len()).rev().map(|len| path[..len].join("::")).find(|path| modules.contains(path.as_str()));
    Some(longest.unwrap_or_else(|| root.into()))
}

/// Paths that begin at the crate's root.
struct Paths<'a> {
    module: &'a str,
    found: Vec<Vec<String>>,
}

impl Paths<'_> {
    fn take(&mut self, path: Vec<String>) {
        let mut own: Vec<String> = self.module.split("::").map(Into::into).collect();
        if matches!(self.module, "lib" | "main") {
            own.clear();
        }
        match path.first().map(String::as_str) {
            Some("crate") => self.found.push(path[1..].to_vec()),
            Some("self") => self.found.push([own, path[1..].to_vec()].concat()),
            Some("super") => {
                let up = path.iter().take_while(|part| *part == "super").count();
                own.truncate(own.len().saturating_sub(up));
                self.found.push([own, path[up..].to_vec()].concat());
            }
            _ => {}
        }
    }

    fn take_tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.take_tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) => self.take(with(&name.ident)),
            UseTree::Rename(rename) => self.take(with(&rename.ident)),
            UseTree::Glob(_) => self.take(before.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.take_tree(before, tree)),
        }
    }
}

/// Whether an item is there for tests or for documentation only.
fn is_aside(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let condition = attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default();
        attribute.path().is_ident("cfg") && matches!(condition.as_str(), "test" | "doc")
    })
}

impl<'ast> Visit<'ast> for Paths<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Use(item) if !is_aside(&item.attrs) => self.take_tree(&[], &item.tree),
            Item::Mod(item) if is_aside(&item.attrs) => {}
            Item::Use(_) => {}
            item => visit::visit_item(self, item),
        }
    }

    /// `pub(crate)` names no file.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.take(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }
}
