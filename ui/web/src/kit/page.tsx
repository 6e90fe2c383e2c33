import { useEffect, type ReactNode } from "react";
import { useText } from "../i18n";

type Props = {
  title: string;
  /** One sentence under the title. */
  lead?: string;
  /** Buttons at the title's right. */
  actions?: ReactNode;
  children: ReactNode;
};

/** A page: its heading is what the window is called. */
export function Page({ title, lead, actions, children }: Props) {
  const t = useText();
  useEffect(() => {
    document.title = `${title} · ${t("app.name")}`;
  }, [title, t]);
  return (
    <>
      <header className="page-head">
        <div>
          <h1>{title}</h1>
          {lead && <p className="muted">{lead}</p>}
        </div>
        {actions && <div className="row">{actions}</div>}
      </header>
      {children}
    </>
  );
}

/** A part of a page under a heading of its own. */
export function Section({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className="section" aria-label={title}>
      <header className="page-head"><h2>{title}</h2>{actions}</header>
      {children}
    </section>
  );
}

/** Names and their values, one beside the other; what is long has room for two. */
export function Facts({ of }: { of: [name: string, value: ReactNode, wide?: "wide"][] }) {
  return (
    <dl className="facts">
      {of.map(([name, value, wide]) => <div key={name} className={wide}><dt>{name}</dt><dd>{value}</dd></div>)}
    </dl>
  );
}
