import { useText } from "../../i18n";
import { Banner } from "../../kit";
import { around, clashes, layout, span, type Part } from "../../parts/site/cidr";
import { ipv4 } from "../../parts/hosts/pasted";
import type { SiteView } from "../../parts/site/text";

/** Where pods, Services and hosts lie among all addresses, and whether they lie on each other. */
export function Networks({ view }: { view: SiteView }) {
  const t = useText();
  const part = (what: string, text: string): Part[] => {
    const found = span(text);
    return found ? [{ what, text, ...found }] : [];
  };
  const networks = [
    ...part(t("install.pods"), view.at("network", "podCIDR") || "10.244.0.0/16"),
    ...part(t("install.services"), view.at("network", "serviceCIDR") || "10.96.0.0/12"),
  ];
  const hosts = view.hosts.flatMap(({ name, address }) => part(name, address));
  const wide = around(hosts.map(({ first }) => first).filter((first) => ipv4("0.0.0.0") !== first));
  const shown = layout([...networks, ...(wide ? [{ what: t("install.hosts"), text: wide.text, ...wide.span }] : [])]);
  const wrong = [...clashes(networks), ...networks.flatMap((network) => hosts.filter((host) => clashes([network, host]).length > 0).slice(0, 3).map((host): [Part, Part] => [network, host]))];
  return (
    <figure className="networks">
      <figcaption className="muted">{t("install.networksLead")}</figcaption>
      {shown.map(({ what, text, from, to }, index) => (
        <div key={what} className="network-row">
          <span>{what}</span>
          <span className="network-line"><span className={`network-bar network-${index}`} style={{ left: `${from * 100}%`, width: `${Math.max(1, (to - from) * 100)}%` }} /></span>
          <span className="mono">{text}</span>
        </div>
      ))}
      {wrong.length > 0 && (
        <Banner tone="danger" title={t("install.clashes")}>
          <ul>{wrong.map(([one, other]) => <li key={one.what + other.what}>{t("install.clashOf", { one: `${one.what} ${one.text}`, other: `${other.what} ${other.text}` })}</li>)}</ul>
        </Banner>
      )}
    </figure>
  );
}
