import { useEffect, useId } from "react";
import { useText } from "../../i18n";
import { Ago, Button, ButtonLink, Bytes, CopyAsCli, Copyable, EmptyState, Problem, Skeleton } from "../../kit";
import { fileOf, useBundles } from "./bundles";
import type { StepProps } from "./step";

/** Which bundle: among those whose every byte was found right, the newest one first. */
export function BundleStep({ draft, change, go, foot }: StepProps) {
  const t = useText();
  const name = useId();
  const { rows, error, retry } = useBundles();
  const verified = rows?.filter(({ verifiedAt }) => verifiedAt) ?? [];
  const chosen = verified.find(({ id }) => id === draft.bundle);
  const first = verified[0]?.id;
  const lost = Boolean(draft.bundle && rows && !chosen);
  useEffect(() => {
    if ((!draft.bundle || lost) && first) change({ bundle: first });
  }, [draft.bundle, lost, first, change]);
  const next = <Button kind="primary" disabled={!chosen} onClick={() => go()}>{t("install.next")}</Button>;
  if (!rows) return error ? <Problem error={error} retry={retry} /> : <Skeleton />;
  if (verified.length === 0) {
    return (
      <EmptyState why={t("install.noBundle")}>
        <ButtonLink to="/bundles" kind="primary">{t("install.toBundles")}</ButtonLink>
      </EmptyState>
    );
  }
  return (
    <>
      <p className="muted">{t("install.bundleLead")}</p>
      <div role="radiogroup" aria-label={t("install.step.bundle")} className="choices">
        {verified.map(({ id, release, version, architectures, size, signer, verifiedAt }) => (
          <label key={id} className="choice">
            <input type="radio" name={name} checked={id === draft.bundle} onChange={() => change({ bundle: id })} />
            <span>
              <strong>{release} {version}</strong> <span className="muted">{architectures.join(", ")} · <Bytes count={size} /></span>
              <br />
              <span className="muted">{t("install.sealedBy")} <Copyable value={signer} keep={8} what={t("install.sealedBy")} /> · {t("install.verified")} <Ago at={verifiedAt} /></span>
            </span>
          </label>
        ))}
      </div>
      <p><ButtonLink to="/bundles" kind="plain">{t("install.toBundles")}</ButtonLink></p>
      {chosen && <CopyAsCli command={`armilla bundle verify ${fileOf(chosen)}`} />}
      {foot(next)}
    </>
  );
}
