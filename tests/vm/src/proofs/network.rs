//! Names, pods, Services and host ports, as pods and the machines beside the hosts see them.

use super::{NAMESPACE, Page, ProofError, Stage, text};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// As in the workload's manifest.
const HOST_PORT: u16 = 18080;

fn wrong<T>(what: String) -> Result<T, ProofError> {
    Err(ProofError::Wrong(what))
}

fn first(pages: &[Page]) -> Result<&Page, ProofError> {
    pages.first().ok_or_else(|| ProofError::Wrong("no page is ready".to_owned()))
}

/// The API's own name, a headless Service with every pod behind it, and a short name through the search list.
pub(super) fn names_are_found(stage: &Stage<'_>) -> Result<String, ProofError> {
    let pages = stage.pages()?;
    let asker = first(&pages)?;
    let service = stage.cluster.get(&["service", "kubernetes"])?;
    let kubernetes = text(&service["spec"]["clusterIP"]);
    let found = answers(&stage.in_page(asker, "nslookup kubernetes.default.svc.cluster.local")?);
    if found != BTreeSet::from([kubernetes.clone()]) {
        return wrong(format!("kubernetes.default is {found:?}, not {kubernetes}"));
    }
    let headless = format!("nslookup page-each.{NAMESPACE}.svc.cluster.local");
    let found = answers(&stage.in_page(asker, &headless)?);
    let pods: BTreeSet<String> = pages.iter().map(|page| page.address.clone()).collect();
    if found != pods {
        return wrong(format!("the headless Service is {found:?}, its pods are {pods:?}"));
    }
    stage.in_page(asker, "wget -q -O - http://page/")?;
    Ok(format!("kubernetes.default is {kubernetes}, the headless Service has {} addresses", pods.len()))
}

/// The addresses in the answer of busybox's nslookup. Those before the first `Name:` are the name server's.
fn answers(text: &str) -> BTreeSet<String> {
    let lines = text.lines().skip_while(|line| !line.starts_with("Name:"));
    let addresses = lines.filter_map(|line| line.strip_prefix("Address")?.split_once(':'));
    addresses.filter_map(|(_, rest)| rest.split_whitespace().next().map(str::to_owned)).collect()
}

/// Every page asks every page by its address; each answers with its own name.
pub(super) fn pods_reach_pods(stage: &Stage<'_>) -> Result<String, ProofError> {
    let pages = stage.pages()?;
    let wanted: Vec<&str> = pages.iter().map(|page| page.pod.as_str()).collect();
    let ask: Vec<String> =
        pages.iter().map(|page| format!("wget -q -O - http://{}:8080/", page.address)).collect();
    for asker in &pages {
        let heard = stage.in_page(asker, &ask.join(" && "))?;
        let heard: Vec<&str> = heard.lines().collect();
        if heard != wanted {
            return wrong(format!("the pod on {} heard {heard:?}, not {wanted:?}", asker.node));
        }
    }
    Ok(format!("{0} × {0} by pod address", pages.len()))
}

/// From every node, and more than one pod answers where there is more than one: chance alone would need 40 equal
/// draws to make this fail.
pub(super) fn pods_reach_a_service(stage: &Stage<'_>) -> Result<String, ProofError> {
    let pages = stage.pages()?;
    first(&pages)?;
    for asker in &pages {
        let heard =
            stage.in_page(asker, "for i in $(seq 40); do wget -q -O - http://page/ || exit 1; done")?;
        let who: BTreeSet<&str> = heard.lines().collect();
        let known = who.iter().all(|name| pages.iter().any(|page| page.pod == *name));
        if heard.lines().count() != 40 || !known || who.len() < pages.len().min(2) {
            return wrong(format!("40 requests from {} were answered by {who:?}", asker.node));
        }
    }
    Ok(format!("40 requests from each of {} nodes, spread over pods", pages.len()))
}

/// From outside the cluster, on each host's own address: that of the network on which there is an outside.
pub(super) fn host_ports_answer(stage: &Stage<'_>) -> Result<String, ProofError> {
    let pages = stage.pages()?;
    for page in &pages {
        let host = stage.lab.host(&page.node).map_err(Box::new)?;
        let address = host.address();
        let heard = stage.lab.inside(|| get(address)).map_err(Box::new)?;
        match heard {
            Ok(text) if text.ends_with(&format!("{}\n", page.pod)) => {}
            Ok(text) => return wrong(format!("{address}:{HOST_PORT} answered {text:?}, not {}", page.pod)),
            Err(error) => return wrong(format!("{address}:{HOST_PORT} on {}: {error}", page.node)),
        }
    }
    Ok(format!("port {HOST_PORT} of {} hosts", pages.len()))
}

fn get(address: Ipv4Addr) -> std::io::Result<String> {
    let limit = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((address, HOST_PORT)), limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_server_is_no_answer() {
        let text = "Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\nName:\tx.svc\nAddress: 10.244.0.3\n\
                    Name:\tx.svc\nAddress: 10.244.1.2\n";
        assert_eq!(answers(text), BTreeSet::from(["10.244.0.3".to_owned(), "10.244.1.2".to_owned()]));
        assert!(answers("Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n** can't find x\n").is_empty());
    }
}
