//! Files of other installers become drafts of sites. Nothing is kept.

use axum::Json;
use axum::extract::State;
use installer_import::{Draft, Format, ImportError, SourceFile};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Routes;
use crate::access::Needs;
use crate::app::App;
use crate::extract::Changing;
use crate::problem::{Kind, Problem};

pub(super) fn routes(routes: Routes) -> Routes {
    routes.add(Needs::Operator, routes!(import_site))
}

/// What another installer was told.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Import)]
struct ImportBody {
    /// Of one installation, such as KubeKey's inventory and its config.
    #[schema(min_items = 1, max_items = 16)]
    files: Vec<ImportFile>,
    /// Files of another format are refused; without it, they say themselves which they are.
    format: Option<Format>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ImportFile {
    /// Stands in the report when there are several.
    name: String,
    /// YAML, at most 4 MiB.
    text: String,
}

/// The draft of a site from files of KubeKey, k0sctl or kubeadm, and every field that it does not carry
#[utoipa::path(post, path = "/api/v1/sites/import", tag = "sites", request_body = ImportBody,
    responses((status = 200, body = Draft)))]
async fn import_site(State(_): State<App>, wish: Changing<ImportBody>) -> Result<Json<Draft>, Problem> {
    let ImportBody { files, format } = wish.body;
    if !(1..=16).contains(&files.len()) {
        return Err(Problem::invalid("/files", "1 to 16 files are wanted"));
    }
    // A file of 4 MiB takes a moment to read.
    let read = tokio::task::spawn_blocking(move || {
        let files: Vec<_> =
            files.iter().map(|file| SourceFile { name: &file.name, text: &file.text }).collect();
        installer_import::import(&files, format)
    });
    let read = read.await.map_err(|error| Problem::internal(&error))?;
    read.map(Json).map_err(|error| refused(&error))
}

fn refused(error: &ImportError) -> Problem {
    match error {
        ImportError::TooLong { .. } => Problem::new(Kind::TooLarge, format!("{error}.")),
        ImportError::NotYaml { .. }
        | ImportError::Empty { .. }
        | ImportError::Site { .. }
        | ImportError::NotKnown { .. }
        | ImportError::NoCluster(_)
        | ImportError::Twice { .. }
        | ImportError::Other { .. }
        | ImportError::Mixed { .. }
        | ImportError::TooManyHosts { .. } => Problem::invalid("/files", error.to_string()),
    }
}
