//! `armilla init`.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args};
use installer_import::{Draft, Format, SourceFile};

use super::chain;
use super::{CliError, Output};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["hosts", "from", "schema"])))]
pub(super) struct Init {
    /// Hosts as [user@]address[:port]; the first becomes the control plane
    #[arg(value_name = "HOST")]
    hosts: Vec<String>,
    /// Name of the site
    #[arg(long, default_value = "site", conflicts_with = "from")]
    name: String,
    /// A file of another installer (KubeKey, k0sctl, kubeadm) to make a draft from; `-` is standard input; may be given again
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,
    /// Refuse files of any other format than this one
    #[arg(long, value_name = "FORMAT", requires = "from",
          value_parser = PossibleValuesParser::new(Format::ALL.map(Format::as_str)))]
    from_format: Option<String>,
    /// Print the JSON Schema of site files, for editors
    #[arg(long)]
    schema: bool,
    /// Where to write; `-` is standard output [default: site.yaml; with --from and --schema: standard output]
    #[arg(short = 'f', long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// With --from: the draft as it is, or an object with the draft and all that is not in it
    #[arg(short = 'o', long, value_name = "FORMAT", value_enum, default_value_t, requires = "from")]
    output: Output,
}

pub(super) fn run(args: &Init) -> Result<u8, CliError> {
    if !args.from.is_empty() {
        return import(args);
    }
    if args.schema {
        let schema = serde_json::to_string_pretty(&installer_model::site_file::schema());
        let schema = schema.map_err(|error| CliError::new(1, format!("write the schema: {error}")))?;
        return write(args.file.as_deref().unwrap_or(Path::new("-")), &format!("{schema}\n"));
    }
    let hosts: Vec<&str> = args.hosts.iter().map(String::as_str).collect();
    let text = installer_model::site_file::init(&args.name, &hosts)
        .map_err(|error| CliError::new(5, chain(&error)))?;
    write_site(args.file.as_deref().unwrap_or(Path::new("site.yaml")), &text)
}

fn import(args: &Init) -> Result<u8, CliError> {
    let texts = args.from.iter().map(|path| Ok((path.display().to_string(), read(path)?)));
    let texts = texts.collect::<Result<Vec<_>, CliError>>()?;
    let files: Vec<_> = texts.iter().map(|(name, text)| SourceFile { name, text }).collect();
    let wanted =
        args.from_format.as_deref().and_then(|name| Format::ALL.into_iter().find(|f| f.as_str() == name));
    let draft = installer_import::import(&files, wanted).map_err(|error| {
        CliError::new(5, format!("import: {}", chain(&error)))
            .hint("give the file or files that another installer was told its cluster with; `armilla init HOST...` begins anew")
    })?;
    tell(&draft);
    write_site(args.file.as_deref().unwrap_or(Path::new("-")), &text_of(&draft, args.output)?)?;
    Ok(exit_code(&draft))
}

/// The draft as it is asked for.
pub(super) fn text_of(draft: &Draft, output: Output) -> Result<String, CliError> {
    match output {
        Output::Text => Ok(draft.site_yaml.clone()),
        Output::Json => {
            let json = serde_json::to_string_pretty(draft);
            Ok(json.map_err(|error| CliError::new(1, format!("write the draft as JSON: {error}")))? + "\n")
        }
    }
}

/// Something was listed: whoever goes on should have read it.
pub(super) fn exit_code(draft: &Draft) -> u8 {
    if draft.is_complete() && draft.report.is_empty() { 0 } else { 6 }
}

/// At most as much of a file as the importer takes, and a little more, so that it can say so.
fn read(path: &Path) -> Result<String, CliError> {
    let name = path.display();
    let failed = |error: std::io::Error| {
        let code = match error.kind() {
            std::io::ErrorKind::NotFound => 3,
            std::io::ErrorKind::PermissionDenied => 1,
            _ => 5,
        };
        CliError::new(code, format!("read {name}: {error}"))
            .hint("name the file of another installer with --from FILE")
    };
    let source: Box<dyn Read> = match path.as_os_str() == "-" {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(std::fs::File::open(path).map_err(failed)?),
    };
    let mut bytes = Vec::new();
    source.take(installer_import::LONGEST as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    String::from_utf8(bytes).or_else(|error| {
        // Cut off in the middle of a letter it is still too long, and not something else than text.
        let (bytes, short) = (error.as_bytes().len(), error.utf8_error().error_len().is_none());
        if short && bytes > installer_import::LONGEST {
            return Ok(String::from_utf8_lossy(error.as_bytes()).into_owned());
        }
        Err(CliError::new(5, format!("understand {name}: it is not text in UTF-8"))
            .hint("name the file of another installer with --from FILE"))
    })
}

/// On standard error: what the draft still lacks, then everything that it does not carry.
pub(super) fn tell(draft: &Draft) {
    eprintln!("Read as a file of {}.", draft.format.title());
    if !draft.lacks.is_empty() {
        eprintln!("The draft is not a site yet ({}):", draft.lacks.len());
        draft.lacks.iter().for_each(|lack| eprintln!("  {lack}"));
    }
    if !draft.report.is_empty() {
        eprintln!("Not in the draft, or not as it was written ({}):", draft.report.len());
        draft.report.iter().for_each(|one| eprintln!("  {one}"));
    }
}

fn write_site(to: &Path, text: &str) -> Result<u8, CliError> {
    write(to, text)?;
    if to.as_os_str() != "-" {
        let path = to.display();
        eprintln!("Wrote {path}. Read it, then: armilla check -s {path}");
    }
    Ok(0)
}

/// Writes a new file, or to standard output.
fn write(to: &Path, text: &str) -> Result<u8, CliError> {
    if to.as_os_str() == "-" {
        print!("{text}");
        return Ok(0);
    }
    let path = to.display();
    let mut file = OpenOptions::new().write(true).create_new(true).open(to).map_err(|error| {
        let failed = CliError::new(
            if error.kind() == std::io::ErrorKind::AlreadyExists { 4 } else { 1 },
            format!("write {path}: {error}"),
        );
        failed.hint("name another file with --file, or print it with --file -")
    })?;
    file.write_all(text.as_bytes()).map_err(|error| CliError::new(1, format!("write {path}: {error}")))?;
    Ok(0)
}
