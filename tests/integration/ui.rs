//! What `#[derive(Record)]` accepts, and its errors for what it refuses. After a change of a
//! message: `TRYBUILD=overwrite cargo test --test integration ui`, then review the difference.

#[test]
fn derive_says_the_mend() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
