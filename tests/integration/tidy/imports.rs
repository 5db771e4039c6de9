//! Which files of a crate import which, read from their text: `use` statements and paths. Names
//! that a file re-exports count as imports of the file that defines them. `tidy.rs` looks for
//! cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{code, sources};

/// The path of a module, without `crate`: empty for the root.
type Module = Vec<String>;

/// The files of a crate, and what each imports.
pub(super) struct Imports {
    files: BTreeMap<Module, File>,
}

struct File {
    path: PathBuf,
    /// The file without comments, strings and tests.
    text: String,
    /// The full paths in its `use` statements.
    uses: Vec<Use>,
}

struct Use {
    path: Vec<String>,
    /// The name by which the file knows it.
    name: String,
    is_public: bool,
}

impl Imports {
    /// Reads all files below a folder, which is the root of a crate.
    pub(super) fn read(folder: &Path) -> Imports {
        let mut files = BTreeMap::new();
        for (path, text) in sources(folder) {
            let module = module_of(path.strip_prefix(folder).unwrap());
            let text = without_strings(&code(&text).collect::<Vec<_>>().join("\n"));
            let uses = uses(&text);
            files.insert(module, File { path: path.strip_prefix(folder).unwrap().to_owned(), text, uses });
        }
        Imports { files }
    }

    /// The paths of all files, below the root of the crate.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.values().map(|file| &*file.path)
    }

    /// The files that a file imports.
    pub(super) fn of(&self, file: &Path) -> impl Iterator<Item = &Path> {
        self.imported_by(&module_of(file)).into_iter().map(|module| &*self.files[module].path)
    }

    /// The files that are on a cycle of imports, in groups: each file of a group can be reached
    /// from each other one.
    pub(super) fn cycles(&self) -> Vec<Vec<String>> {
        let direct: BTreeMap<&Module, BTreeSet<&Module>> =
            self.files.keys().map(|module| (module, self.imported_by(module))).collect();
        let reached: BTreeMap<&Module, BTreeSet<&Module>> =
            self.files.keys().map(|module| (module, reachable(&direct, module))).collect();
        let mut seen = BTreeSet::new();
        let mut cycles = Vec::new();
        for module in self.files.keys().filter(|module| reached[*module].contains(*module)) {
            if seen.contains(module) {
                continue;
            }
            let group: Vec<&Module> =
                reached[module].iter().copied().filter(|other| reached[*other].contains(module)).collect();
            seen.extend(group.iter().copied());
            let mut files: Vec<String> =
                group.iter().map(|module| self.files[*module].path.display().to_string()).collect();
            files.sort();
            cycles.push(files);
        }
        cycles
    }

    /// The modules that a file imports.
    fn imported_by(&self, module: &Module) -> BTreeSet<&Module> {
        let file = &self.files[module];
        let mut paths: Vec<Vec<String>> =
            file.uses.iter().filter(|used| !used.is_public).map(|used| used.path.clone()).collect();
        paths.extend(self.paths_in_code(module));
        let resolved = paths.iter().filter_map(|path| self.resolve(module, path, 0));
        resolved.filter(|found| *found != module).collect()
    }

    /// Paths outside of `use` statements that begin with `crate`, `super`, `self` or a module below
    /// this one.
    fn paths_in_code(&self, module: &Module) -> Vec<Vec<String>> {
        // Where a name may be seen is no import.
        let text = self.files[module].text.replace("pub(in crate", "pub(in");
        let mut paths = Vec::new();
        for statement in text.split([';', '\n']).filter(|line| !is_use(line)) {
            let mut words = Vec::new();
            for (word, joined) in words_of(statement) {
                if !joined {
                    paths.push(std::mem::take(&mut words));
                }
                words.push(word);
            }
            paths.push(words);
        }
        paths.retain(|path| path.len() > 1);
        paths
    }

    /// Whether this is a file, or a folder whose module is declared in a file above it.
    fn is_module(&self, module: &Module) -> bool {
        self.files.contains_key(module) || self.files.keys().any(|file| file.starts_with(module))
    }

    /// The file in which the last part of a path is defined. `None` if it is in another crate.
    fn resolve(&self, from: &Module, path: &[String], depth: usize) -> Option<&Module> {
        if depth > 20 {
            return None;
        }
        let mut module = from.clone();
        let mut rest = path;
        let first = rest.first()?;
        match first.as_str() {
            "crate" => module.clear(),
            "self" => {}
            "super" => drop(module.pop()),
            _ => {
                module.push(first.clone());
                if !self.is_module(&module) {
                    return None;
                }
            }
        }
        rest = &rest[1..];
        while let Some(next) = rest.first() {
            if next == "super" {
                module.pop();
            } else {
                module.push(next.clone());
                if !self.is_module(&module) {
                    module.pop();
                    break;
                }
            }
            rest = &rest[1..];
        }
        let (found, file) = self.files.get_key_value(&module)?;
        let Some(item) = rest.first() else { return Some(found) };
        let exported = file.uses.iter().find(|used| used.is_public && used.name == *item);
        let defined = exported.and_then(|used| self.resolve(found, &used.path, depth + 1));
        Some(defined.unwrap_or(found))
    }
}

fn reachable<'m>(direct: &BTreeMap<&'m Module, BTreeSet<&'m Module>>, from: &Module) -> BTreeSet<&'m Module> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<&Module> = direct[from].iter().copied().collect();
    while let Some(module) = next.pop() {
        if let Some((module, imported)) = direct.get_key_value(module)
            && reached.insert(*module)
        {
            next.extend(imported.iter().copied());
        }
    }
    reached
}

/// The module of a file: `a/b.rs` and `a/b/mod.rs` are `a::b`.
fn module_of(path: &Path) -> Module {
    let mut module: Module = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    let last = module.pop().unwrap();
    let name = last.trim_end_matches(".rs");
    let is_root = module.is_empty() && (name == "lib" || name == "main");
    if name != "mod" && !is_root {
        module.push(name.to_owned());
    }
    module
}

fn without_strings(text: &str) -> String {
    text.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

fn is_use(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("use ")
        || line.starts_with("pub use ")
        || line.starts_with("pub(") && line.contains(") use ")
}

/// The `use` statements of a file, one entry per name.
fn uses(text: &str) -> Vec<Use> {
    let mut found = Vec::new();
    let mut statement = String::new();
    for line in text.lines() {
        if statement.is_empty() && !is_use(line) {
            continue;
        }
        statement.push_str(line.trim());
        statement.push(' ');
        if !line.contains(';') {
            continue;
        }
        let (visibility, tree) = statement.split_once("use ").unwrap();
        expand(&[], tree.trim_end().trim_end_matches(';'), !visibility.is_empty(), &mut found);
        statement.clear();
    }
    found
}

/// Expands the braces of a `use` statement.
fn expand(before: &[String], tree: &str, is_public: bool, found: &mut Vec<Use>) {
    let tree = tree.trim();
    let (path, braces) = match tree.split_once('{') {
        Some((path, braces)) => (path, Some(braces.rsplit_once('}').map_or(braces, |(inside, _)| inside))),
        None => (tree, None),
    };
    let (path, alias) = path.split_once(" as ").map_or((path, None), |(path, alias)| (path, Some(alias)));
    let mut full = before.to_vec();
    full.extend(path.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned));
    let Some(braces) = braces else {
        // `a::{self}` is `a`.
        if full.len() > 1 && full.last().is_some_and(|last| last == "self") {
            full.pop();
        }
        if let Some(last) = full.last().cloned() {
            let name = alias.map_or(last, |alias| alias.trim().to_owned());
            found.push(Use { path: full, name, is_public });
        }
        return;
    };
    let (mut depth, mut start) = (0_usize, 0);
    for (at, letter) in braces.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&full, &braces[start..at], is_public, found);
                start = at + 1;
            }
            _ => {}
        }
    }
    expand(&full, &braces[start..], is_public, found);
}

/// The words of a piece of code, each with whether `::` joins it to the one before.
fn words_of(text: &str) -> Vec<(String, bool)> {
    let mut words = Vec::new();
    let mut rest = text;
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    while let Some(start) = rest.find(is_part) {
        let joined = rest[..start].trim() == "::";
        rest = &rest[start..];
        let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
        words.push((rest[..end].to_owned(), joined));
        rest = &rest[end..];
    }
    words
}

#[test]
fn use_statements_are_expanded() {
    let text = "pub(crate) use a::{self, b::{C as D, E}, f};\nuse crate::g;\n";
    let found = uses(text);
    let paths: Vec<String> = found.iter().map(|used| used.path.join("::")).collect();
    assert_eq!(paths, ["a", "a::b::C", "a::b::E", "a::f", "crate::g"]);
    let names: Vec<&str> = found.iter().map(|used| &*used.name).collect();
    assert_eq!(names, ["a", "D", "E", "f", "g"]);
    assert!(found[0].is_public && !found[4].is_public);
}
