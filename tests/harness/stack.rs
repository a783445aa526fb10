//! The real parts, started at the first use and shared by the tests of one process.

use std::sync::OnceLock;

use local_stack::{Options, Silent, Stack};

static STACK: OnceLock<Stack> = OnceLock::new();

/// The stack of this test run. Its children hang on a pipe to this process and end with it.
pub fn shared() -> &'static Stack {
    STACK.get_or_init(|| {
        // Statics are not dropped: a fixed folder, emptied at the start, does not pile up.
        let folder = crate::children::target_folder().join("pipeline-stack");
        drop(std::fs::remove_dir_all(&folder));
        Stack::start(Options::new(folder), &Silent).expect("the stack starts")
    })
}
