//! The real parts, started at the first use and shared by the tests of one process.

use std::sync::OnceLock;

use local_stack::{Options, Silent, Stack};

static STACK: OnceLock<(Stack, tempfile::TempDir)> = OnceLock::new();

/// The stack of this test run. Its children hang on a pipe to this process and end with it.
pub fn shared() -> &'static Stack {
    let (stack, _) = STACK.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder for the stack");
        let stack = Stack::start(Options::new(folder.path()), &Silent).expect("the stack starts");
        (stack, folder)
    });
    stack
}
