import "../parts.css";
import { useId, useState } from "react";
import { useText } from "../../i18n";
import { Button, Field, FileField } from "../../kit";
import { flawOf, type Login } from "./login";

type Props = {
  login: Login;
  onChange: (login: Login) => void;
  /** What the server has already: shown instead of an empty input. */
  given: boolean;
};

/** User, key or password, sudo and hops. What is typed here goes to the server's sealed store and is never shown again. */
export function Credentials({ login, onChange, given }: Props) {
  const t = useText();
  const [more, showMore] = useState(login.sudo !== "" || login.jump !== "");
  const flaws = flawOf(login);
  const set = <Key extends keyof Login>(key: Key) => (value: Login[Key]) => onChange({ ...login, [key]: value });
  const hint = given ? t("parts.given") : undefined;
  return (
    <fieldset className="credentials">
      <legend>{t("parts.credentials")}</legend>
      <Ways way={login.way} onChange={(way) => onChange({ ...login, way, secret: "" })} />
      <div className="two">
        <Field label={t("parts.user")} value={login.user} onChange={set("user")} autoComplete="off" error={flaws.user && t("parts.wrong.badUser")} />
        {login.way === "password" && (
          <Field label={t("parts.password")} type="password" value={login.secret} onChange={set("secret")} autoComplete="new-password" {...(hint && { hint })} />
        )}
      </div>
      {login.way === "key" && (
        <>
          <Field label={t("parts.key")} lines={4} value={login.secret} onChange={set("secret")} hint={hint ?? t("parts.keyHint")} />
          <KeyFile onRead={(secret, keyName) => onChange({ ...login, secret, keyName })} />
          <Field label={t("parts.passphrase")} type="password" value={login.passphrase} onChange={set("passphrase")} autoComplete="new-password" />
        </>
      )}
      {more ? (
        <div className="two">
          <Field label={t("parts.sudo")} type="password" value={login.sudo} onChange={set("sudo")} autoComplete="new-password" hint={t("parts.sudoHint")} />
          <Field label={t("parts.jump")} value={login.jump} onChange={set("jump")} autoComplete="off" hint={t("parts.jumpHint")} error={flaws.jump && t("parts.wrong.notAnAddress")} />
        </div>
      ) : <Button kind="plain" onClick={() => showMore(true)}>{t("parts.moreLogin")}</Button>}
    </fieldset>
  );
}

function Ways({ way, onChange }: { way: Login["way"]; onChange: (way: Login["way"]) => void }) {
  const t = useText();
  const name = useId();
  return (
    <div className="row" role="radiogroup" aria-label={t("parts.way")}>
      {(["password", "key"] as const).map((each) => (
        <label key={each} className="check">
          <input type="radio" name={name} checked={way === each} onChange={() => onChange(each)} /> {t(`parts.way.${each}`)}
        </label>
      ))}
    </div>
  );
}

/** A private key is a page of text; a movie is not one. Bytes. */
const LONGEST_KEY = 65_536;

function KeyFile({ onRead }: { onRead: (text: string, name: string) => void }) {
  const t = useText();
  const [wrong, setWrong] = useState("");
  const [name, setName] = useState("");
  const take = async (file: File | undefined) => {
    if (!file) return;
    if (file.size > LONGEST_KEY) return setWrong(file.name);
    const text = await file.text();
    const isKey = text.includes("PRIVATE KEY-----");
    setWrong(isKey ? "" : file.name);
    setName(isKey ? file.name : "");
    if (isKey) onRead(text, file.name);
  };
  return (
    <FileField label={t("parts.keyFile")} names={name ? [name] : []} onFiles={([file]) => void take(file)} error={wrong ? t("parts.noKey", { file: wrong }) : undefined} />
  );
}
