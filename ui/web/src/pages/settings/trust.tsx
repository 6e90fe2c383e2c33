import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { api, type Of } from "../../api/client";
import { useChange, useRead } from "../../api/data";
import { me } from "../../api/session";
import { useText, type Text } from "../../i18n";
import { Ago, Button, CopyAsCli, Copyable, DataGrid, Dialog, EmptyState, Field, FileChoice, Form, Page, Problem, Section, State, type Column } from "../../kit";
import "./settings.css";

type HostKey = Of<"HostKey">;
type BundleKey = Of<"BundleKey">;

/** The keys that this instance believes: of hosts, and of those who seal bundles. */
export function Trust() {
  const t = useText();
  return (
    <Page title={t("settings.trust")} lead={t("settings.trustLead")}>
      <BundleKeys />
      <HostKeys />
    </Page>
  );
}

const forget = (text: string, label: string, act: () => void) => <button type="button" className="link" aria-label={label} onClick={act}>{text}</button>;

function BundleKeys() {
  const t = useText();
  const admin = useQuery(me).data?.role === "admin";
  const [asks, ask] = useState<BundleKey>();
  const keys = useRead(["hostKeys", "bundle-keys"], () => api.GET("/api/v1/bundle-keys"));
  const remove = useChange((fingerprint: string) => api.DELETE("/api/v1/bundle-keys/{fingerprint}", { params: { path: { fingerprint } } }));
  const close = () => ask(undefined);
  const columns: Column<BundleKey>[] = [
    { id: "fingerprint", title: t("settings.fingerprint"), width: 300, grow: 3, cell: ({ fingerprint }) => <Copyable value={fingerprint} keep={20} what={t("settings.fingerprint")} /> },
    { id: "at", title: t("settings.trusted"), width: 120, cell: ({ trustedAt }) => <Ago at={trustedAt} /> },
    ...(admin ? [{ id: "forget", title: t("settings.action"), width: 130, cell: (key: BundleKey) => forget(t("settings.forget"), t("settings.forgetOf", { name: key.fingerprint }), () => ask(key)) }] : []),
  ];
  return (
    <Section title={t("settings.bundleKeys")}>
      <DataGrid label={t("settings.bundleKeys")} columns={columns} list={{ rows: keys.data?.items, error: keys.error, retry: () => void keys.refetch() }} rowId={({ fingerprint }) => fingerprint} empty={<EmptyState why={t("settings.bundleKeysEmpty")} />} />
      {admin && <NewBundleKey />}
      {asks && (
        <Dialog title={t("settings.forgetBundleKey")} open onClose={close} actions={
          <>
            <Button kind="danger" busy={remove.isPending} onClick={() => remove.mutate(asks.fingerprint, { onSuccess: close })}>{t("settings.forget")}</Button>
            <Button onClick={close} autoFocus>{t("settings.cancel")}</Button>
          </>
        }>
          <p>{t("settings.forgetBundleKeyWhat")}</p>
          <p><Copyable value={asks.fingerprint} keep={20} what={t("settings.fingerprint")} /></p>
          <Problem error={remove.error} title={t("settings.notForgotten")} />
          <CopyAsCli command={`armilla bundle key rm ${asks.fingerprint}`} />
        </Dialog>
      )}
    </Section>
  );
}

/** A key is read from its file or pasted; a dry run says its fingerprint before anybody trusts it. */
function NewBundleKey() {
  const t = useText();
  const [pem, setPem] = useState("");
  const look = useChange((text: string) => api.POST("/api/v1/bundle-keys", { params: { query: { dryRun: "All" } }, body: { pem: text } }));
  const trust = useChange(() => api.POST("/api/v1/bundle-keys", { body: { pem } }));
  const give = (text: string) => {
    setPem(text);
    trust.reset();
    if (text.includes("END PUBLIC KEY")) look.mutate(text);
    else look.reset();
  };
  const seen = look.data?.fingerprint;
  return (
    <details className="more">
      <summary>{t("settings.trustAnother")}</summary>
      <Form onSubmit={() => trust.mutate(undefined, { onSuccess: () => give("") })}>
        <Field label={t("settings.publicKey")} value={pem} onChange={give} lines={4} hint={t("settings.publicKeyHint")} error={look.error?.at("/pem") ?? trust.error?.at("/pem")} />
        <FileChoice text={t("settings.chooseKey")} accept=".pub,.pem" onFile={(file) => void file.text().then(give)} />
        {seen && <p>{t("settings.compare")} <Copyable value={seen} what={t("settings.fingerprint")} /></p>}
        <Problem error={look.error ?? trust.error} title={t("settings.notTrusted")} shown={["/pem"]} />
        <Button kind="primary" type="submit" busy={trust.isPending} disabled={!seen}>{t("settings.trustKey")}</Button>
        <CopyAsCli command="armilla bundle key trust bundle.key.pub" />
      </Form>
    </details>
  );
}

function HostKeys() {
  const t = useText();
  const may = useQuery(me).data?.role !== "viewer";
  const [asks, ask] = useState<HostKey>();
  const [search, setSearch] = useState("");
  const keys = useRead(["hostKeys"], () => api.GET("/api/v1/host-keys"));
  const remove = useChange((place: string) => api.DELETE("/api/v1/host-keys/{place}", { params: { path: { place } } }));
  const rows = useMemo(() => keys.data?.items.filter(({ place, fingerprint }) => `${place} ${fingerprint}`.toLowerCase().includes(search.toLowerCase())), [keys.data, search]);
  const close = () => ask(undefined);
  return (
    <Section title={t("settings.hostKeys")}>
      <DataGrid label={t("settings.hostKeys")} columns={hostColumns(t, may ? ask : undefined)} list={{ rows, error: keys.error, retry: () => void keys.refetch(), ...(keys.data?.items.length && { search, setSearch }) }}
        rowId={({ place }) => place} search={asTyped} empty={<EmptyState why={t("settings.hostKeysEmpty")} />} />
      {asks && (
        <Dialog title={t("settings.forgetOf", { name: asks.place })} open onClose={close} actions={
          <>
            <Button kind="danger" busy={remove.isPending} onClick={() => remove.mutate(asks.place, { onSuccess: close })}>{t("settings.forget")}</Button>
            <Button onClick={close} autoFocus>{t("settings.cancel")}</Button>
          </>
        }>
          <p>{t("settings.forgetHostKeyWhat")}</p>
          <Problem error={remove.error} title={t("settings.notForgotten")} />
          <CopyAsCli command={`armilla host key rm ${asks.place}`} />
        </Dialog>
      )}
      {remove.isSuccess && <p role="status"><State tone="ok">{t("settings.forgotten")}</State></p>}
    </Section>
  );
}

const asTyped = (typed: string) => typed;

const hostColumns = (t: Text, ask: ((key: HostKey) => void) | undefined): Column<HostKey>[] => [
  { id: "place", title: t("settings.place"), width: 200, grow: 2, cell: ({ place }) => <span className="mono">{place}</span> },
  { id: "fingerprint", title: t("settings.fingerprint"), width: 300, grow: 3, cell: ({ fingerprint }) => <Copyable value={fingerprint} what={t("settings.fingerprint")} /> },
  ...(ask ? [{ id: "forget", title: t("settings.action"), width: 130, cell: (key: HostKey) => forget(t("settings.forget"), t("settings.forgetOf", { name: key.place }), () => ask(key)) }] : []),
];
