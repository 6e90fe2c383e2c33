//! A program with nothing but the hand, for the tests that put one on a host.

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args = args.strip_prefix(&["hand".to_owned()]).unwrap_or(&args);
    std::process::exit(installer_hand::main(args));
}
