import "../parts.css";
import { useText } from "../../i18n";
import { Field } from "../../kit";
import type { OwnSecret } from "./own-logins";

type Props = {
  own: readonly OwnSecret[];
  /** By what the text calls each. */
  typed: Readonly<Record<string, string>>;
  onChange: (typed: Record<string, string>) => void;
  given: (secret: OwnSecret) => boolean;
};

/** Hosts that are named beside a secret; the others are counted. */
const NAMED = 4;

/** One input for each secret that some hosts have for themselves. */
export function OwnLogins({ own, typed, onChange, given }: Props) {
  const t = useText();
  const named = (hosts: string[]) => {
    const listed = hosts.slice(0, NAMED).join(t("kit.listed"));
    return hosts.length > NAMED ? t("parts.own.andMore", { listed, count: hosts.length - NAMED }) : listed;
  };
  return (
    <fieldset className="credentials">
      <legend>{t("parts.ownLogins")}</legend>
      <p className="muted">{t("parts.ownLoginsWhy")}</p>
      <div className="two">
        {own.map((secret) => (
          <Field key={secret.from} label={t(`parts.own.${secret.kind}`, { hosts: named(secret.hosts), from: secret.from })} value={typed[secret.from] ?? ""}
            onChange={(value) => onChange({ ...typed, [secret.from]: value })} autoComplete="new-password"
            {...(secret.kind === "key" ? { lines: 4 } : { type: "password" as const })} {...(given(secret) && { hint: t("parts.given") })} />
        ))}
      </div>
    </fieldset>
  );
}
