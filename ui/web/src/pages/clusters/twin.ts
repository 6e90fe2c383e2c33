/** The command lines that do what a page does. Names are those of Kubernetes and of sites: none needs to be quoted. */
export const twin = {
  health: (site: string) => `armilla cluster health -s ${site}`,
  nodes: (site: string) => `armilla cluster nodes -s ${site}`,
  workloads: (site: string) => `armilla cluster workloads -s ${site}`,
  pods: (site: string, fields: string[] = []) => ["armilla cluster pods -s", site, ...fields].join(" "),
  events: (site: string) => `armilla cluster events -s ${site}`,
  certificates: (site: string) => `armilla cluster certificates -s ${site}`,
  kubeconfig: (site: string) => `armilla kubeconfig -s ${site} > kubeconfig && kubectl --kubeconfig kubeconfig get nodes`,
  host: (site: string, host: string) => `armilla host shell -s ${site} ${host}`,
  pod: (site: string, namespace: string, pod: string, container: string | undefined) => {
    const which = container ? ` --container ${container}` : "";
    return `armilla cluster logs -s ${site} -n ${namespace} ${pod}${which} --follow\narmilla cluster exec -s ${site} -n ${namespace} ${pod}${which}`;
  },
};
