//! `lab`: match and call.

fn main() {}
