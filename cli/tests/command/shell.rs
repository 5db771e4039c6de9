//! `drystone shell`, with commands from a pipe.

use crate::Folder;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.file("a.csv", "id,full name\n1,Ada L.\n2,Grace H.\n");
    folder.done(&["load", "a.dry", "the people", "a.csv", "--infer", "--key", "id"]);
    folder
}

#[test]
fn lines_are_commands_without_the_database() {
    let folder = folder();
    let script = "# who there is\n\nget 'the people' 2 --select \"full name\" --format csv\n\
                  set \"the people\" 2 'full name=Grace'\nscan 'the people' --format csv\n\
                  copy 'the people' b.dry people\nquit\nremove 'the people' 1\n";
    let ran = folder.run_with(&["shell", "a.dry"], script);
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    let rows = "full name\nGrace H.\nid,full name\n1,Ada L.\n2,Grace\n";
    assert_eq!(ran.stdout, format!("{rows}table \"people\" in b.dry: 2 rows\n"));
    assert_eq!(folder.done(&["get", "b.dry", "people", "2", "--format", "csv"]), "id,full name\n2,Grace\n");
    assert!(folder.done(&["check", "a.dry"]).contains("2 rows"));
}

#[test]
fn an_index_is_made_and_read_at_the_prompt() {
    let folder = folder();
    let script = "index create 'the people' by_name 'full name'\nget 'the people' --index by_name 'Grace H.' --format csv\n\
                  scan 'the people' --index by_name --prefix 'Ada L.' --format csv\n";
    let ran = folder.run_with(&["shell", "a.dry"], script);
    assert_eq!((ran.code, &*ran.stderr), (0, ""), "{ran:?}");
    assert_eq!(ran.stdout, "id,full name\n2,Grace H.\nid,full name\n1,Ada L.\n");
}

#[test]
fn an_error_is_told_with_its_line_and_the_next_line_is_taken() {
    let folder = folder();
    let script = "get 'the people' x\nnope\nget 'the people\nget\nget 'the people' 1 --format json\n";
    let ran = folder.run_with(&["shell", "a.dry"], script);
    assert_eq!(ran.code, 2);
    assert_eq!(ran.stdout, "{\"id\":1,\"full name\":\"Ada L.\"}\n");
    for said in
        ["error: line 1: ", "error: line 2: unrecognized", "error: line 3: a quote", "error: line 4: "]
    {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    assert!(ran.stderr.contains("<TABLE>") && !ran.stderr.contains("<DB>"), "{}", ran.stderr);
    // A missing row does not stop the script, but decides its exit code.
    let ran = folder.run_with(&["shell", "a.dry"], "get 'the people' 9\nget 'the people' 1 --format csv\n");
    assert_eq!((ran.code, ran.stdout.lines().count()), (1, 2), "{ran:?}");
}

#[test]
fn help_shows_what_can_be_typed() {
    let folder = folder();
    let ran = folder.run_with(&["shell", "a.dry"], "help\nhelp get\nget --help\nhelp nope\n");
    assert_eq!(ran.code, 2);
    assert!(ran.stdout.contains("query ") && !ran.stdout.contains("salvage"), "{}", ran.stdout);
    assert_eq!(ran.stdout.matches("Usage: get [OPTIONS] <TABLE> <KEY>...").count(), 2, "{}", ran.stdout);
    assert!(ran.stderr.contains("\"nope\""), "{}", ran.stderr);
}

#[test]
fn a_shell_needs_a_database() {
    let folder = folder();
    assert!(folder.refused(2, &["shell", "none.dry"]).contains("none.dry"));
    assert!(!folder.path("none.dry").exists());
    // A file whose name begins like an option.
    std::fs::copy(folder.path("a.dry"), folder.path("-a.dry")).unwrap();
    let ran = folder.run_with(&["shell", "--", "-a.dry"], "get 'the people' 1 --format csv\n");
    assert_eq!((ran.code, &*ran.stdout), (0, "id,full name\n1,Ada L.\n"), "{ran:?}");
}
