//! `armilla hand …`: for engines, not for people.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bundles_format::Digest;
use installer_wire::terminal::Size;

use crate::DEFAULT_ROOT;
use crate::dial::dial;
use crate::differ::differ;
use crate::import::{Import, import};
use crate::patient::Patient;
use crate::receive::receive_blob;
use crate::serve::serve;
use crate::terminal::terminal;
use crate::unit_exec::unit_exec;

/// What a hand was started for.
#[derive(Debug, PartialEq, Eq)]
enum Job {
    Serve { root: PathBuf },
    ReceiveBlob { root: PathBuf, digest: Digest, size: u64 },
    UnitExec { folder: PathBuf },
    Import(Import),
    Differ { a: PathBuf, b: PathBuf },
    Terminal { size: Size, term: String },
    Dial { host: String, port: u16 },
    Version,
}

/// Runs `armilla hand` with the arguments after that word; gives the exit code.
pub fn main(args: &[String]) -> i32 {
    let job = match parse(args) {
        Ok(job) => job,
        Err(wrong) => {
            complain(&wrong);
            return 2;
        }
    };
    match job {
        Job::Serve { root } => with_stdin(|input| serve(input, io::stdout(), &root)),
        Job::ReceiveBlob { root, digest, size } => with_stdin(|input| {
            let received = receive_blob(input, io::stdout(), &root, &digest, size);
            i32::from(received.is_err())
        }),
        Job::UnitExec { folder } => unit_exec(&folder).unwrap_or_else(|failure| {
            complain(&failure.to_string());
            1
        }),
        Job::Import(job) => match import(&job, io::stdout()) {
            Ok(()) => 0,
            Err(error) => {
                complain(&with_causes(&error));
                1
            }
        },
        Job::Differ { a, b } => differ(&a, &b, io::stdout()),
        Job::Terminal { size, term } => with_stdin(|input| terminal(input, io::stdout(), size, &term)),
        Job::Dial { host, port } => with_stdin(|input| match dial(input, io::stdout(), &host, port) {
            Ok(()) => 0,
            Err(error) => {
                complain(&format!("connect to {host}:{port}: {error}"));
                1
            }
        }),
        Job::Version => {
            let version = format!("{} protocol {}\n", env!("CARGO_PKG_VERSION"), installer_wire::PROTOCOL);
            i32::from(io::stdout().write_all(version.as_bytes()).is_err())
        }
    }
}

fn with_stdin(job: impl FnOnce(Patient) -> i32) -> i32 {
    match Patient::stdin() {
        Ok(input) => job(input),
        Err(error) => {
            complain(&format!("open the standard input: {error}"));
            1
        }
    }
}

/// An error and what it says was behind it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

fn complain(what: &str) {
    let _ = writeln!(io::stderr(), "armilla hand: {what}");
}

fn parse(args: &[String]) -> Result<Job, String> {
    let mut args = args.iter().map(String::as_str).peekable();
    let mut root = PathBuf::from(DEFAULT_ROOT);
    if args.next_if_eq(&"--root").is_some() {
        root = args.next().ok_or("--root needs a folder")?.into();
    }
    if !root.is_absolute() {
        return Err(format!("{} is not an absolute path", root.display()));
    }
    let job = match args.next() {
        None | Some("serve") => Job::Serve { root },
        Some("receive-blob") => {
            let (Some(digest), Some(size)) = (args.next(), args.next()) else {
                return Err("receive-blob needs a digest and a size".to_owned());
            };
            let digest = digest.parse().map_err(|error| format!("{error}"))?;
            let size = size.parse().map_err(|_| format!("{size:?} is not a size"))?;
            Job::ReceiveBlob { root, digest, size }
        }
        Some("unit-exec") => {
            let folder = args.next().ok_or("unit-exec needs a folder")?;
            Job::UnitExec { folder: Path::new(folder).to_owned() }
        }
        Some("import") => Job::Import(parse_import(root, &mut args)?),
        Some("differ") => {
            let (Some(a), Some(b)) = (args.next(), args.next()) else {
                return Err("differ needs two folders".to_owned());
            };
            Job::Differ { a: a.into(), b: b.into() }
        }
        Some("terminal") => {
            let number = |word: Option<&str>| word.and_then(|word| word.parse::<u16>().ok());
            let (Some(columns), Some(rows), Some(term)) =
                (number(args.next()), number(args.next()), args.next())
            else {
                return Err("terminal needs columns, rows and the name of a terminal".to_owned());
            };
            Job::Terminal { size: Size { columns, rows }, term: term.to_owned() }
        }
        Some("dial") => {
            let (Some(host), Some(port)) = (args.next(), args.next()) else {
                return Err("dial needs a host and a port".to_owned());
            };
            let port = port.parse().map_err(|_| format!("{port:?} is not a port"))?;
            Job::Dial { host: host.to_owned(), port }
        }
        Some("version") => Job::Version,
        Some(other) => return Err(format!("unknown job {other:?}")),
    };
    match args.next() {
        Some(more) => Err(format!("unexpected {more:?}")),
        None => Ok(job),
    }
}

fn parse_import<'a>(root: PathBuf, args: &mut impl Iterator<Item = &'a str>) -> Result<Import, String> {
    let mut flag = |name: &str| match (args.next(), args.next()) {
        (Some(found), Some(value)) if found == name => Ok(PathBuf::from(value)),
        _ => Err(format!("import needs --content-store, --ctr and --list in this order; {name} is missing")),
    };
    let (content_store, ctr, list) = (flag("--content-store")?, flag("--ctr")?, flag("--list")?);
    let kept = match args.next() {
        None => false,
        Some("--kept") => true,
        Some(more) => return Err(format!("unexpected {more:?}")),
    };
    Ok(Import { root, content_store, ctr, list, kept })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Job, String> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_job_is_to_serve_unless_told_otherwise() {
        assert_eq!(parsed(""), Ok(Job::Serve { root: DEFAULT_ROOT.into() }));
        assert_eq!(parsed("--root /srv/a serve"), Ok(Job::Serve { root: "/srv/a".into() }));
        assert_eq!(parsed("unit-exec /x"), Ok(Job::UnitExec { folder: "/x".into() }));
    }

    #[test]
    fn terminals_have_a_size_and_connections_a_port() {
        let size = Size { columns: 80, rows: 24 };
        assert_eq!(parsed("terminal 80 24 xterm"), Ok(Job::Terminal { size, term: "xterm".to_owned() }));
        assert_eq!(parsed("dial ::1 7443"), Ok(Job::Dial { host: "::1".to_owned(), port: 7443 }));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "terminal 80",
            "terminal 80 24",
            "dial h1",
            "dial h1 70000",
            "--root",
            "--root here",
            "receive-blob sha256:00 1",
            "dance",
            "version twice",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
