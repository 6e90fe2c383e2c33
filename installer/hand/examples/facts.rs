//! Prints what a hand reads on this machine, as JSON: `facts [--calls] [DIRECTORY…]`. With `--calls` only the answers
//! of the system calls, for `fixtures/capture.sh`.

#![expect(clippy::print_stdout, reason = "a program whose output is its purpose")]

use installer_hand::facts::{SystemCalls, gather};
use installer_model::survey::Questions;

fn main() {
    let (flags, dirs): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let questions = Questions { fsync_dir: dirs.first().cloned(), data_dirs: dirs };
    let text = if flags.iter().any(|flag| flag == "--calls") {
        serde_json::to_string_pretty(&SystemCalls::make(&questions.data_dirs))
    } else {
        serde_json::to_string_pretty(&gather(&questions))
    };
    println!("{}", text.expect("facts are JSON"));
}
