//! Names that people give cannot hide behind words of routes.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod common;

use common::{Direct, ask};
use installer_model::names::SiteName;
use serde_json::json;

/// Words that stand in a route where another route, the same before it, has a name: the place of the names, and the word.
fn hiding(paths: &[Vec<&str>]) -> Vec<(String, String)> {
    let is_name = |segment: &str| segment.starts_with('{');
    let mut found = Vec::new();
    for path in paths {
        for (at, word) in path.iter().enumerate().filter(|(_, word)| !is_name(word)) {
            let named = |other: &&Vec<&str>| {
                other.get(at).is_some_and(|there| is_name(there)) && other[..at] == path[..at]
            };
            if paths.iter().any(|other| named(&other)) {
                found.push((path[..at].join("/"), (*word).to_owned()));
            }
        }
    }
    found.sort();
    found.dedup();
    found
}

#[test]
fn a_word_hides_a_name_only_in_its_own_place() {
    let path = |text: &'static str| text.split('/').skip(1).collect::<Vec<_>>();
    let paths =
        [path("/sites/{name}"), path("/sites/import"), path("/sites/{name}/draft"), path("/other/import")];
    assert_eq!(hiding(&paths), [("sites".to_owned(), "import".to_owned())]);
}

#[tokio::test]
async fn no_word_of_a_route_is_the_name_of_a_site() {
    let direct = Direct::new();
    let api = serde_json::to_value(appliance_api::router(&direct.app).1).unwrap();
    let paths: Vec<Vec<&str>> =
        api["paths"].as_object().unwrap().keys().map(|path| path.split('/').skip(1).collect()).collect();
    let hiding = hiding(&paths);
    assert!(!hiding.is_empty());
    for (place, word) in hiding {
        assert_eq!(place, "api/v1/sites", "{word} hides names that are not checked here");
        assert!(word.parse::<SiteName>().is_err(), "a site could be called {word}");
        let text = format!(
            "apiVersion: armilla/v1\nkind: Site\nmetadata: {{name: {word}}}\nssh: {{user: root, agent: true}}\nhosts:\n\
             - {{name: a, address: 10.0.0.1, roles: [control-plane]}}\n"
        );
        let said = direct.hear(ask("POST", "/api/v1/sites").json(&json!({"text": text}))).await;
        assert_eq!(said.json["errors"][0]["pointer"], "/metadata/name", "{said:?}");
    }
}
