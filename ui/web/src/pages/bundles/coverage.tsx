import { useText } from "../../i18n";
import { State } from "../../kit";
import { coverage, type Release } from "./contents";

/** Architectures that the product installs on. */
const ARCHITECTURES = ["amd64", "arm64"];

/** What a host of an architecture gets of each component. The index says nothing of distributions: what is in it brings its own libraries. */
export function Coverage({ release }: { release: Release }) {
  const t = useText();
  return (
    <>
      <p className="muted">{t("bundles.coverageWhy")}</p>
      <div className="scrolls" tabIndex={0} role="group" aria-label={t("bundles.coverage")}>
        <table className="coverage">
          <thead>
            <tr>
              <th scope="col">{t("bundles.component")}</th>
              <th scope="col">{t("bundles.version")}</th>
              {ARCHITECTURES.map((arch) => <th key={arch} scope="col">{arch}</th>)}
              <th scope="col">{t("bundles.licence")}</th>
            </tr>
          </thead>
          <tbody>
            {release.components.map((component) => (
              <tr key={component.name}>
                <th scope="row">{component.name}</th>
                <td className="mono">{component.version}</td>
                {ARCHITECTURES.map((arch) => {
                  const has = coverage(component, arch);
                  const wanted = release.architectures.includes(arch);
                  const some = has.files + has.images > 0;
                  return (
                    <td key={arch}>
                      {some ? <State tone="ok">{t("bundles.has", has)}</State> : wanted ? <State tone="bad">{t("bundles.gap")}</State> : <span className="muted" title={t("bundles.notFor", { arch })}>–</span>}
                    </td>
                  );
                })}
                <td className="licence">{component.license}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}
