//! The public Rust surface of `jvdb-core`, as a list of declarations. `cargo xtask api` compares it with what is committed in
//! `core/api.txt`; `--accept` commits to what is there now.
//!
//! The list is read from the sources with `syn`, since rustdoc tells it to programs on nightly toolchains only: every item that
//! `lib.rs`, or a public module, re-exports by name, with its public fields, variants, methods and the traits it implements.

use crate::Result;
use crate::build::Workspace;
use clap::Args;
use quote::ToTokens;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use syn::{Attribute, Fields, ImplItem, Item, ItemImpl, TraitItem, UseTree, Visibility};

/// What to do.
#[derive(Args)]
pub struct Api {
    /// Writes core/api.txt anew from what is there now; CHANGELOG.md tells users what it means for them
    #[arg(long)]
    accept: bool,
}

pub fn run(wanted: &Api) -> Result<()> {
    let workspace = Workspace::find()?;
    if !wanted.accept {
        return check(&workspace);
    }
    let surface = surface(&workspace.root.join("core/src"))?;
    fs::write(workspace.root.join("core/api.txt"), surface.join("\n") + "\n")?;
    println!("accepted: {} declarations", surface.len());
    Ok(())
}

/// Fails if the surface is not what is committed, and tells each difference.
pub fn check(workspace: &Workspace) -> Result<()> {
    let committed = fs::read_to_string(workspace.root.join("core/api.txt"))?;
    let committed: BTreeSet<&str> = committed.lines().collect();
    let found = surface(&workspace.root.join("core/src"))?;
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    committed.difference(&found).for_each(|gone| println!("- {gone}"));
    found.difference(&committed).for_each(|new| println!("+ {new}"));
    if found == committed {
        println!("{} declarations, as committed", found.len());
        return Ok(());
    }
    Err("the public surface of jvdb-core is not that of core/api.txt; see `cargo xtask api --help`".into())
}

/// All declarations, sorted.
fn surface(src: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    parse_below(src, &mut files)?;
    let root = syn::parse_file(&fs::read_to_string(src.join("lib.rs"))?)?;
    let mut exported = BTreeSet::new();
    exports(&root.items, &mut exported);
    for item in &root.items {
        if let Item::Mod(module) = item
            && is_public(&module.vis)
            && !is_hidden(&module.attrs)
        {
            let file = src.join(module.ident.to_string()).join("mod.rs");
            exports(&syn::parse_file(&fs::read_to_string(file)?)?.items, &mut exported);
        }
    }
    let mut lines = BTreeSet::new();
    files.iter().flat_map(|file| &file.items).for_each(|item| declare(item, &exported, &mut lines));
    Ok(lines.into_iter().collect())
}

fn parse_below(directory: &Path, files: &mut Vec<syn::File>) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            parse_below(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(syn::parse_file(&fs::read_to_string(path)?)?);
        }
    }
    Ok(())
}

/// Names that `pub use` items bring out.
fn exports(items: &[Item], into: &mut BTreeSet<String>) {
    for item in items {
        if let Item::Use(item) = item
            && is_public(&item.vis)
        {
            names(&item.tree, into);
        }
    }
}

fn names(tree: &UseTree, into: &mut BTreeSet<String>) {
    match tree {
        UseTree::Path(path) => names(&path.tree, into),
        UseTree::Name(name) => drop(into.insert(name.ident.to_string())),
        UseTree::Rename(rename) => drop(into.insert(rename.ident.to_string())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| names(tree, into)),
        UseTree::Glob(_) => {}
    }
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// Whether an item is there for tests alone, or is no part of what users are promised.
fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let text = text(attribute);
        text.contains("doc(hidden)") || text.contains("cfg(test)") || text.contains("feature = \"__")
    })
}

/// Tokens as people write them.
fn text(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (spaced, close) in [
        (" :: ", "::"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" ,", ","),
        (" < ", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" : ", ": "),
        (" ;", ";"),
        ("' ", "'"),
        ("< '", "<'"),
        (" [", "["),
        ("[ ", "["),
        (" ]", "]"),
        ("# [", "#["),
        (" <", "<"),
        ("- >", "->"),
        ("->(", "-> ("),
    ] {
        text = text.replace(spaced, close);
    }
    text
}

/// Attributes that users meet: conditions, and what the compiler holds them to.
fn promises(attributes: &[Attribute]) -> String {
    let kept = |attribute: &&Attribute| {
        ["cfg", "non_exhaustive", "must_use"].iter().any(|name| attribute.path().is_ident(name))
    };
    let shown = attributes.iter().filter(kept).map(|attribute| match attribute.path().is_ident("must_use") {
        true => "#[must_use] ".to_owned(),
        false => text(attribute) + " ",
    });
    shown.collect()
}

fn derived(name: &str, attributes: &[Attribute], lines: &mut BTreeSet<String>) {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
        let list = attribute.meta.require_list().map(|list| text(&list.tokens)).unwrap_or_default();
        lines.extend(list.split(',').map(|derive| format!("impl {} for {name}", derive.trim())));
    }
}

fn declare(item: &Item, exported: &BTreeSet<String>, lines: &mut BTreeSet<String>) {
    let is_exported = |name: &syn::Ident| exported.contains(&name.to_string());
    match item {
        Item::Struct(it) if is_public(&it.vis) && is_exported(&it.ident) && !is_hidden(&it.attrs) => {
            let name = it.ident.to_string();
            lines.insert(format!("{}struct {name}{}", promises(&it.attrs), text(&it.generics)));
            derived(&name, &it.attrs, lines);
            fields(&name, &it.fields, true, lines);
        }
        Item::Enum(it) if is_public(&it.vis) && is_exported(&it.ident) => {
            let name = it.ident.to_string();
            lines.insert(format!("{}enum {name}{}", promises(&it.attrs), text(&it.generics)));
            derived(&name, &it.attrs, lines);
            for variant in &it.variants {
                let path = format!("{name}::{}", variant.ident);
                lines.insert(format!("{}{path}", promises(&variant.attrs)));
                fields(&path, &variant.fields, false, lines);
            }
        }
        Item::Trait(it) if is_public(&it.vis) && is_exported(&it.ident) => {
            let bounds = text(&it.supertraits);
            lines.insert(format!("trait {}{}: {bounds}", it.ident, text(&it.generics)));
            for item in &it.items {
                if let TraitItem::Fn(call) = item {
                    let provided = if call.default.is_some() { " { provided }" } else { "" };
                    lines.insert(format!("{}::{}{provided}", it.ident, text(&call.sig)));
                }
            }
        }
        Item::Const(it) if is_public(&it.vis) && is_exported(&it.ident) => {
            lines.insert(format!("const {}: {}", it.ident, text(&it.ty)));
        }
        Item::Type(it) if is_public(&it.vis) && is_exported(&it.ident) => {
            lines.insert(format!("type {}{} = {}", it.ident, text(&it.generics), text(&it.ty)));
        }
        Item::Fn(it) if is_public(&it.vis) && is_exported(&it.sig.ident) => {
            lines.insert(format!("{}{}", promises(&it.attrs), text(&it.sig)));
        }
        Item::Impl(it) if !is_hidden(&it.attrs) => implement(it, exported, lines),
        _ => {}
    }
}

fn fields(of: &str, fields: &Fields, only_public: bool, lines: &mut BTreeSet<String>) {
    for (number, field) in fields.iter().enumerate() {
        if !only_public || is_public(&field.vis) {
            let name = field.ident.as_ref().map_or_else(|| number.to_string(), ToString::to_string);
            lines.insert(format!("{of}.{name}: {}", text(&field.ty)));
        }
    }
}

fn implement(it: &ItemImpl, exported: &BTreeSet<String>, lines: &mut BTreeSet<String>) {
    let syn::Type::Path(path) = &*it.self_ty else { return };
    let Some(last) = path.path.segments.last() else { return };
    let name = last.ident.to_string();
    if !exported.contains(&name) {
        return;
    }
    if let Some((_, of, _)) = &it.trait_ {
        lines.insert(format!("{}impl{} {} for {}", promises(&it.attrs), text(&it.generics), text(of), text(path)));
        return;
    }
    for item in &it.items {
        match item {
            ImplItem::Fn(call) if is_public(&call.vis) && !is_hidden(&call.attrs) => {
                lines.insert(format!("{}{name}::{}", promises(&call.attrs), text(&call.sig)));
            }
            ImplItem::Const(it) if is_public(&it.vis) => {
                lines.insert(format!("{name}::const {}: {}", it.ident, text(&it.ty)));
            }
            _ => {}
        }
    }
}
