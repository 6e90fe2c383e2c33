//! `armilla init`.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::CliError;
use super::chain;

/// Example: armilla init root@10.0.0.11 root@10.0.0.12 root@10.0.0.13
#[derive(Debug, Args)]
pub(super) struct Init {
    /// Hosts as [user@]address[:port]; the first becomes the control plane
    #[arg(required = true, value_name = "HOST")]
    hosts: Vec<String>,
    /// Name of the site
    #[arg(long, default_value = "site")]
    name: String,
    /// Where to write; `-` is standard output
    #[arg(short = 'o', long, value_name = "FILE", default_value = "site.yaml")]
    output: PathBuf,
}

pub(super) fn run(args: &Init) -> Result<u8, CliError> {
    let hosts: Vec<&str> = args.hosts.iter().map(String::as_str).collect();
    let text = installer_model::site_file::init(&args.name, &hosts)
        .map_err(|error| CliError::new(5, chain(&error)))?;
    if args.output.as_os_str() == "-" {
        print!("{text}");
        return Ok(0);
    }
    let path = args.output.display();
    let mut file = OpenOptions::new().write(true).create_new(true).open(&args.output).map_err(|error| {
        let failed = CliError::new(
            if error.kind() == std::io::ErrorKind::AlreadyExists { 4 } else { 1 },
            format!("write {path}: {error}"),
        );
        failed.hint("name another file with --output, or print it with --output -")
    })?;
    file.write_all(text.as_bytes()).map_err(|error| CliError::new(1, format!("write {path}: {error}")))?;
    eprintln!("Wrote {path}. Read it, then: armilla check -s {path}");
    Ok(0)
}
