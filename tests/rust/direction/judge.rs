//! What is wrong with the imports of a crate: ways up, and circles.

use crate::imports::Imports;

/// The rooms of the table that begins with `| room |`, from the top.
pub fn rooms_from(design: &str) -> Vec<String> {
    let table = design.lines().skip_while(|line| !line.starts_with("| room |")).skip(2);
    let rooms = table.map_while(|line| line.strip_prefix("| `")?.split('`').next());
    rooms.map(Into::into).collect()
}

/// The room of a module: its folder, or `api` for what lies in none.
fn room_of<'a>(module: &'a str, imports: &Imports) -> &'a str {
    let first = module.split("::").next().unwrap_or(module);
    let is_folder = imports.keys().any(|other| other.strip_prefix(first).is_some_and(|rest| rest.starts_with("::")));
    if is_folder { first } else { "api" }
}

/// Imports that lead to a room above, and files in rooms without a place.
pub fn upward(imports: &Imports, rooms: &[String]) -> Vec<String> {
    let level = |module: &str| rooms.iter().position(|room| room == room_of(module, imports));
    let mut wrong = Vec::new();
    for (module, named) in imports {
        let Some(here) = level(module) else {
            wrong.push(format!("{module} lies in a room that DESIGN.md does not list"));
            continue;
        };
        let up = named.iter().filter(|named| level(named).is_some_and(|there| there < here));
        wrong.extend(up.map(|named| format!("{module} imports {named}, which lies above it")));
    }
    wrong
}

/// Circles of files, each told once.
pub fn circles(imports: &Imports) -> Vec<String> {
    let mut found = Vec::new();
    let mut done = Vec::new();
    for module in imports.keys() {
        follow(imports, module, &mut Vec::new(), &mut done, &mut found);
    }
    found
}

fn follow<'a>(
    imports: &'a Imports,
    module: &'a str,
    path: &mut Vec<&'a str>,
    done: &mut Vec<&'a str>,
    found: &mut Vec<String>,
) {
    if let Some(start) = path.iter().position(|earlier| *earlier == module) {
        found.push([&path[start..], &[module]].concat().join(" -> "));
        return;
    }
    if done.contains(&module) {
        return;
    }
    path.push(module);
    for named in &imports[module] {
        follow(imports, named, path, done, found);
    }
    path.pop();
    done.push(module);
}
