import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Of } from "../../api/client";
import { reading, useChange } from "../../api/data";
import { locale, useText } from "../../i18n";
import { Ago, Button, Bytes, duration, FileChoice, Problem, Progress, Section, State, type Tone } from "../../kit";
import { useSaid } from "../../said";
import { readHead } from "./head";
import { pace } from "./pace";
import { giveUp, goOn, goOnWith, hold, useSendings, type Sending } from "./sending";
import { UnknownKey } from "./unknown-key";

type Upload = Of<"Upload">;

/** Every upload that is not a bundle yet: those of this browser, and those that wait for their file. */
export function Uploads() {
  const t = useText();
  const sendings = useSendings();
  const uploads = useQuery(reading(["uploads"], () => api.GET("/api/v1/uploads")));
  const waiting = (uploads.data?.items ?? []).filter(({ id }) => !sendings.some((each) => each.id === id));
  if (sendings.length === 0 && waiting.length === 0) return null;
  return (
    <Section title={t("bundles.uploads")}>
      <ul className="uploads">
        {sendings.map((sending) => <li key={sending.id}><Going sending={sending} /></li>)}
        {waiting.map((upload) => <li key={upload.id}><Waiting upload={upload} /></li>)}
      </ul>
    </Section>
  );
}

const TONES: Record<Sending["state"], Tone> = { sends: "run", paused: "wait", waits: "warn", verifies: "run", elsewhere: "wait", failed: "bad" };

function Going({ sending }: { sending: Sending }) {
  const t = useText();
  const say = useSaid();
  const { id, name, size, sent, state, samples, trouble } = sending;
  const now = pace(samples, size);
  return (
    <article className="upload">
      <header className="row">
        <strong className="upload-name" title={name}>{name}</strong>
        <State tone={TONES[state]}>{t(`bundles.state.${state}`)}</State>
        <span className="spring" />
        {state === "sends" || state === "waits" ? <Button onClick={() => hold(id)}>{t("bundles.pause")}</Button> : null}
        {state === "paused" || state === "failed" || state === "elsewhere" ? <Button kind="primary" onClick={() => goOn(id)}>{t("bundles.goOn")}</Button> : null}
        {state !== "verifies" && <GiveUp id={id} name={name} />}
      </header>
      <Progress value={sent} of={size} label={t("bundles.uploadOf", { name })} tone={TONES[state]} />
      <p className="muted upload-figures">
        <span><Bytes count={sent} /> / <Bytes count={size} /></span>
        {state === "sends" && now && <span><Bytes count={now.rate} />{t("bundles.perSecond")}</span>}
        {state === "sends" && now && <span>{t("bundles.left", { time: duration(now.left, locale()) })}</span>}
        {state === "waits" && <span>{trouble?.message ? say(trouble.message) : t("bundles.lineDown")}</span>}
        {state === "elsewhere" && <span>{t("bundles.elsewhereWhy")}</span>}
        {state === "verifies" && <span>{t("bundles.reading")}</span>}
      </p>
      {state === "failed" && (
        <Problem error={trouble} title={t("bundles.uploadFailed")} shown={[""]}>
          <UnknownKey trouble={trouble} onTrusted={() => goOn(id)} />
        </Problem>
      )}
    </article>
  );
}

/** A part of it is on the server; its file is somewhere else, or was before the page was loaded. */
function Waiting({ upload }: { upload: Upload }) {
  const t = useText();
  const [wrong, setWrong] = useState(false);
  const { name, size, received, begunAt, by } = upload;
  const choose = async (file: File) => {
    const head = await readHead(file).catch(() => "foreign" as const);
    goOnWith(upload, file, typeof head === "string" ? undefined : head);
  };
  return (
    <article className="upload">
      <header className="row">
        <strong className="upload-name" title={name}>{name}</strong>
        <State tone="wait">{t("bundles.state.noFile")}</State>
        <span className="spring" />
        <GiveUp id={upload.id} name={name} />
      </header>
      <Progress value={received} of={size} label={t("bundles.uploadOf", { name })} tone="wait" />
      <p className="muted upload-figures">
        <span><Bytes count={received} /> / <Bytes count={size} /></span>
        <span>{by}</span>
        <Ago at={begunAt} />
      </p>
      <div className="row">
        <FileChoice text={t("bundles.choose")} onFile={(file) => (file.size === size ? void choose(file) : setWrong(true))} />
        <span className={wrong ? "field-error" : "muted"} role="status">{t(wrong ? "bundles.otherSize" : "bundles.chooseAgain")}</span>
      </div>
    </article>
  );
}

function GiveUp({ id, name }: { id: string; name: string }) {
  const t = useText();
  const end = useChange(() => api.DELETE("/api/v1/uploads/{id}", { params: { path: { id } } }));
  return (
    <Button label={t("bundles.giveUpOf", { name })} busy={end.isPending} onClick={() => {
      giveUp(id);
      end.mutate(undefined);
    }}>{t("bundles.giveUp")}</Button>
  );
}
