//! What `#[derive(Record)]` takes, and what it says of what it does not take.
//! After a change of a message: `TRYBUILD=overwrite cargo test --test integration ui`, and read the difference.

#[test]
fn derive_says_the_mend() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
