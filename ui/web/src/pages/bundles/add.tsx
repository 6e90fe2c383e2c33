import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, type Of } from "../../api/client";
import { useChange, useRead } from "../../api/data";
import { settle } from "../../api/problem";
import { me } from "../../api/session";
import { useText } from "../../i18n";
import { Banner, Button, ButtonLink, Bytes, CopyAsCli, Copyable, Dialog, Facts, Field, FileChoice, Form, Problem, useDrop } from "../../kit";
import { readHead, type Head } from "./head";
import { begin, goOnWith } from "./sending";
import { UnknownKey } from "./unknown-key";

/** A file that was dropped, as far as it is known. */
type Dropped = { file: File; head: Head };
type Said = { tone: "info" | "warning" | "danger"; title: string; command?: string; bundle?: string };

/** Brings a bundle here: from this browser's machine, or from a path on the server's. */
export function AddBundle() {
  const t = useText();
  const [asks, ask] = useState<Dropped>();
  const [said, say] = useState<Said>();
  const [trouble, setTrouble] = useState<Error>();
  const keys = useRead(["hostKeys", "bundle-keys"], () => api.GET("/api/v1/bundle-keys"));

  const send = async ({ file, head }: Dropped) => {
    ask(undefined);
    try {
      await sendOrGoOn(file, head);
    } catch (error) {
      setTrouble(error as Error);
    }
  };
  const take = async (file: File) => {
    say(undefined);
    setTrouble(undefined);
    const head = await readHead(file).catch(() => "foreign" as const);
    if (head === "foreign") return say({ tone: "danger", title: t("bundles.foreign", { name: file.name }) });
    if (head === "part") return say({ tone: "warning", title: t("bundles.part", { name: file.name }), command: "armilla bundle join armilla.bundle PART..." });
    if (await isHere(head.id)) return say({ tone: "info", title: t("bundles.here", { name: `${head.release} ${head.version}` }), bundle: head.id });
    const trusted = keys.data?.items.some(({ fingerprint }) => fingerprint === head.signer);
    if (trusted) void send({ file, head });
    else ask({ file, head });
  };

  return (
    <div className="add-bundle">
      <DropZone onFile={(file) => void take(file)} />
      {said && (
        <Banner tone={said.tone} title={said.title}>
          {said.tone === "danger" && t("bundles.foreignHelp")}
          {said.command && <CopyAsCli command={said.command} />}
          {said.bundle && <ButtonLink to="/bundles/$id" params={{ id: said.bundle }}>{t("bundles.open")}</ButtonLink>}
        </Banner>
      )}
      <Problem error={trouble} title={t("bundles.notBegun")} />
      {asks && <TrustDialog dropped={asks} onClose={() => ask(undefined)} onSend={() => void send(asks)} />}
      <ByPath />
      <CopyAsCli command="armilla bundle add armilla.bundle --trust bundle.key.pub" />
    </div>
  );
}

const isHere = (id: string) => settle(api.GET("/api/v1/bundles/{id}", { params: { path: { id } } })).then(() => true, () => false);

/** Where the browser notes which bundle an upload is of: the same file goes on, another of its name does not. */
const noted = (upload: string) => `upload:${upload}`;

async function sendOrGoOn(file: File, head: Head): Promise<void> {
  const { body } = await settle(api.GET("/api/v1/uploads"));
  const same = ({ id, name, size }: Of<"Upload">) => name === file.name && size === file.size && (localStorage.getItem(noted(id)) ?? head.id) === head.id;
  const cut = body.items.find(same);
  if (cut) goOnWith(cut, file, head);
  else localStorage.setItem(noted(await begin(file, head)), head.id);
}

function DropZone({ onFile }: { onFile: (file: File) => void }) {
  const t = useText();
  const { over, drop } = useDrop(([file]) => file && onFile(file));
  return (
    <div className={over ? "drop-zone over" : "drop-zone"} {...drop}>
      <p><strong>{t("bundles.drop")}</strong></p>
      <FileChoice text={t("bundles.choose")} onFile={onFile} />
      <p className="muted">{t("bundles.dropHint")}</p>
    </div>
  );
}

/** Nobody vouched for the key that sealed it: an administrator compares its fingerprint, and decides. */
function TrustDialog({ dropped: { file, head }, onClose, onSend }: { dropped: Dropped; onClose: () => void; onSend: () => void }) {
  const t = useText();
  const admin = useQuery(me).data?.role === "admin";
  const trust = useChange(() => api.POST("/api/v1/bundle-keys", { body: { pem: head.pem } }));
  return (
    <Dialog title={t("bundles.trustTitle")} open onClose={onClose} actions={
      <>
        {admin && <Button kind="primary" busy={trust.isPending} onClick={() => trust.mutate(undefined, { onSuccess: onSend })}>{t("bundles.trustAndUpload")}</Button>}
        <Button onClick={onSend}>{t("bundles.uploadUntrusted")}</Button>
        <Button kind="plain" onClick={onClose}>{t("bundles.cancel")}</Button>
      </>
    }>
      <p>{t("bundles.trustWhy")}</p>
      <Facts of={[
        [t("bundles.release"), `${head.release} ${head.version}`],
        [t("bundles.architectures"), head.architectures.join(", ")],
        [t("bundles.size"), <Bytes key="size" count={file.size} />],
      ]} />
      <p className="fingerprint"><span className="muted">{t("bundles.fingerprint")}</span> <Copyable value={head.signer} what={t("bundles.fingerprint")} /></p>
      {!admin && <p>{t("bundles.trustAdmin")}</p>}
      <Problem error={trust.error} title={t("bundles.notTrusted")} />
      <CopyAsCli command={`armilla bundle key trust bundle.key.pub\narmilla bundle add ${file.name}`} />
    </Dialog>
  );
}

/** A bundle that lies on the server's machine: it stays there. */
function ByPath() {
  const t = useText();
  const [path, setPath] = useState("");
  const add = useChange((path: string) => api.POST("/api/v1/bundles", { body: { path } }));
  const trouble = add.error;
  const take = () => add.mutate(path.trim(), { onSuccess: () => setPath("") });
  return (
    <details className="by-path">
      <summary>{t("bundles.byPath")}</summary>
      <Form onSubmit={take}>
        <Field label={t("bundles.path")} value={path} onChange={setPath} error={trouble?.at("/path")} hint={t("bundles.pathHint")} autoComplete="off" />
        <Button type="submit" busy={add.isPending} disabled={!path.trim()}>{t("bundles.takeIn")}</Button>
        {path.trim() && <CopyAsCli command={`armilla bundle add ${path.trim()} --there`} />}
        {add.isPending && <p className="muted" role="status">{t("bundles.reading")}</p>}
        <Problem error={trouble} title={t("bundles.notTakenIn")} shown={["/path", ""]}>
          <UnknownKey trouble={trouble} onTrusted={take} />
        </Problem>
      </Form>
    </details>
  );
}
