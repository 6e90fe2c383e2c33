//! `armilla bundle split` and `join`.

use std::path::PathBuf;

use bundles_store::{JoinError, Parts};
use clap::Args;
use serde_json::json;

use super::super::{CliError, Output};
use super::{bar, bytes, failed, refused, say};

/// Cuts a bundle into parts, for carriers that do not take it whole.
#[derive(Debug, Args)]
pub(in crate::cli) struct SplitArgs {
    bundle: PathBuf,
    /// The most that a part may take: bytes, or with K, M, G (of 1024)
    #[arg(long, value_name = "N", value_parser = size)]
    size: u64,
    /// Where the parts go [default: beside the bundle]
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

/// Makes a bundle of its parts again; run again, it goes on where it was cut off.
#[derive(Debug, Args)]
pub(in crate::cli) struct JoinArgs {
    /// Where the bundle goes
    file: PathBuf,
    /// The parts in any order, or folders that hold them
    #[arg(required = true, value_name = "PART")]
    parts: Vec<PathBuf>,
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

const BAR: &str = "{bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";

fn size(text: &str) -> Result<u64, String> {
    let bad = || format!("{text:?} is no size: want bytes, or a number with K, M or G");
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let shift = match unit.to_ascii_uppercase().trim_end_matches("IB").trim_end_matches('B') {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return Err(bad()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift)).ok_or_else(bad)
}

pub(super) fn split(args: &SplitArgs) -> Result<(), CliError> {
    let beside = || args.bundle.parent().map(PathBuf::from).unwrap_or_default();
    let folder = args.into.clone().unwrap_or_else(beside);
    let bar = bar(BAR);
    let parts = bundles_store::split(&args.bundle, args.size, &folder, |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let parts = parts.map_err(|error| refused(&args.bundle, error))?;
    match args.output {
        Output::Json => say(&json!({ "parts": parts }).to_string()),
        Output::Text => parts.iter().for_each(|part| say(&part.display().to_string())),
    }
    Ok(())
}

pub(super) fn join(args: &JoinArgs) -> Result<(), CliError> {
    let found = Parts::find(&args.parts).map_err(unfit)?;
    let bar = bar(BAR);
    let joined = found.join(&args.file, |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let joined = joined.map_err(unfit)?;
    match args.output {
        Output::Json => say(&json!({
            "bundle": args.file, "id": joined.id, "size": joined.size,
            "parts": joined.parts, "resumed": joined.resumed,
        })
        .to_string()),
        Output::Text => {
            let resumed = match joined.resumed {
                0 => String::new(),
                there => format!(", {} of it there already", bytes(there)),
            };
            say(&format!(
                "{}: {} from {} parts{resumed}, index {}",
                args.file.display(),
                bytes(joined.size),
                joined.parts,
                joined.id
            ));
        }
    }
    Ok(())
}

fn unfit(error: JoinError) -> CliError {
    let hint = "bring the parts that are named once more; what is joined already stays";
    match &error {
        JoinError::Parts(_) | JoinError::Open(_) | JoinError::Other { .. } => {
            CliError::from_error(5, "", &error).hint(hint)
        }
        JoinError::NoParts(_) => CliError::from_error(3, "", &error),
        JoinError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            CliError::from_error(3, "", &error)
        }
        JoinError::Read { .. } | JoinError::Write { .. } => failed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, wanted) in
            [("4096", 4096), ("1K", 1024), ("650m", 650 << 20), ("4G", 4 << 30), ("4GiB", 4 << 30)]
        {
            assert_eq!(size(text), Ok(wanted), "{text}");
        }
        for bad in ["", "G", "4T", "-1", "1.5G", "99999999999G"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
