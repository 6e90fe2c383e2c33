//! A binary with nothing but the hand, for the tests that put one on a host.

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args = match args.split_first() {
        Some((first, rest)) if first == "hand" => rest,
        Some(_) | None => &args[..],
    };
    std::process::exit(installer_hand::main(args));
}
