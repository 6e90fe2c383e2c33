import type { ReactNode } from "react";
import { Trouble } from "../api/problem";
import { locale, useText } from "../i18n";
import { useSaid } from "../said";
import { Banner } from "./banner";
import { Button } from "./button";
import { duration } from "./format";
import { useNow } from "./time";

type Props = {
  error: Error | null | undefined;
  /** What was being done, as a title: "The run was not started". */
  title?: string;
  retry?: () => void;
  /** JSON pointers that the page shows beside their inputs; what is wrong elsewhere is listed here. */
  shown?: string[];
  children?: ReactNode;
};

/** What it is called where nobody says what was being done. */
const TITLES: Record<string, string> = { forbidden: "kit.forbidden", "not-found": "kit.notFound", unreachable: "kit.away" };
/** What another try does not change. */
const LASTING = new Set(["forbidden", "not-found"]);

/** When another try is looked at: counted down, not aloud. */
function Until({ at }: { at: number }) {
  const t = useText();
  const left = Math.ceil((at - useNow()) / 1000);
  return <p role="timer" aria-live="off">{left > 0 ? t("kit.tryIn", { time: duration(left * 1000, locale()) }) : t("kit.tryNow")}</p>;
}

/** What went wrong, as the server says it, in the reader's language: what, what to do, and each input that is named (RFC 9457). */
export function Problem({ error, title, retry, shown = [], children }: Props) {
  const t = useText();
  const say = useSaid();
  if (!error) return null;
  const problem = error instanceof Trouble ? error.problem : undefined;
  const kind = error instanceof Trouble ? error.kind : "";
  const away = kind === "unreachable";
  const all = problem?.errors ?? [];
  // One thing alone is what the sentence above says.
  const alone = all.length === 1 && problem?.detail.includes(all[0]?.detail.replace(/\.$/, "") ?? "") === true;
  const flaws = alone ? [] : all.filter((flaw) => !shown.includes(flaw.pointer));
  const notBefore = error instanceof Trouble ? error.notBefore : undefined;
  const guessed = problem?.type.endsWith(":too-many-guesses");
  const detail = guessed ? t("kit.tooManyGuesses") : away ? t("kit.unreachable", { status: problem?.status ?? 0 }) : say(problem?.detail ?? error.message);
  return (
    <Banner tone={away ? "warning" : "danger"} title={title ?? t(TITLES[kind] ?? "kit.failed")}>
      <p>{detail}</p>
      {problem?.hint && <p>{t("kit.hint", { hint: say(problem.hint) })}</p>}
      {notBefore !== undefined && <Until at={notBefore} />}
      {flaws.length > 0 && (
        <ul>
          {flaws.map((flaw) => <li key={flaw.pointer + flaw.detail}>{flaw.pointer && <><code>{flaw.pointer}</code>{t("kit.colon")}</>}{say(flaw.detail)}</li>)}
        </ul>
      )}
      {children}
      {retry && !LASTING.has(kind) && <Button onClick={retry}>{t("kit.retry")}</Button>}
    </Banner>
  );
}
