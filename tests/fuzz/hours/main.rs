//! libFuzzer's end of the targets: which one is named by a variable.
#![no_main]

use std::{env, sync::LazyLock};

use libfuzzer_sys::fuzz_target;

#[path = "../targets/mod.rs"]
#[expect(dead_code, reason = "how many inputs there are is the suite's own affair")]
mod targets;

static TARGET: LazyLock<targets::Target> = LazyLock::new(|| {
    let name = env::var("OUTPOST_FUZZ_TARGET").expect("OUTPOST_FUZZ_TARGET names the target");
    targets::ALL.into_iter().find(|target| target.name == name).expect("a target of that name")
});

fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
