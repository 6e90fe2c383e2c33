import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { api } from "../../api/client";
import { settle } from "../../api/problem";
import { locale, useText } from "../../i18n";
import { Button, clock } from "../../kit";
import { useSaid } from "../../said";
import { LEVELS, Log, nameOf, textOf, type Block, type Filter, type Level, type Missing } from "./log";
import { PHASES, type Record_ } from "./model";
import { told } from "./words";
import "./logview.css";

const ROW = 20;
/** Outputs that are read at a time. */
const AT_ONCE = 3;
const SIGNS: Record<Level, string> = { error: "✕", warning: "!", info: "·", output: "" };

type Props = {
  run: string;
  records: readonly Record_[];
  count: number;
  hosts: string[];
  filter: Filter;
  setFilter: (filter: Filter) => void;
  /** The name of a line to be shown first. */
  line: string | undefined;
  setLine: (line: string) => void;
};

/** All that happened, and what the steps' commands said. Follows the end for as long as one looks at it. */
export function LogView({ run, records, count, hosts, filter, setFilter, line, setLine }: Props) {
  const t = useText();
  const say = useSaid();
  const log = useMemo(() => new Log(), [run]);
  const [outputs, setOutputs] = useState(0);
  const bringer = useMemo(() => new Outputs(run, log, () => setOutputs((before) => before + 1)), [run, log]);
  const wanted = useDeferredValue(filter);
  const words = useCallback((record: Record_) => told(record, t, say), [t, say]);
  const lines = useMemo(() => {
    log.take(records, count);
    return log.lines(wanted, words);
  }, [log, records, count, outputs, wanted, words]);

  // After the frame that shows the events: those come first.
  useEffect(() => {
    const timer = setTimeout(() => bringer.kick(), 50);
    return () => clearTimeout(timer);
  }, [bringer, count]);

  const box = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 12 });
  const [follows, setFollows] = useState(!line);
  const [seen, setSeen] = useState(0);
  const lookAt = useRef(line);
  useEffect(() => {
    if (lookAt.current !== undefined) {
      const place = log.place(lookAt.current, lines);
      if (place < 0) return;
      lookAt.current = undefined;
      virtual.scrollToIndex(place, { align: "center" });
    } else if (follows && lines.length > 0) virtual.scrollToIndex(lines.length - 1, { align: "end" });
  }, [log, lines, follows, virtual]);
  const scrolled = () => {
    const element = box.current;
    if (!element) return;
    const atEnd = element.scrollTop + element.clientHeight >= element.scrollHeight - ROW / 2;
    if (atEnd !== follows && lookAt.current === undefined) setFollows(atEnd);
    if (atEnd || seen > lines.length) setSeen(lines.length);
  };
  const fresh = follows ? 0 : Math.max(0, lines.length - seen);
  const missing = log.missing().length;
  return (
    <div className="runlog">
      <Facets hosts={hosts} filter={filter} setFilter={setFilter} />
      <div ref={box} className="runlog-box" tabIndex={0} role="log" aria-live="off" aria-label={t("runs.log")} onScroll={scrolled}>
        <div style={{ height: virtual.getTotalSize() }} className="runlog-body">
          {virtual.getVirtualItems().map(({ index, start }) => {
            const block = log.blocks[lines.block[index] ?? 0];
            const at = lines.line[index] ?? 0;
            if (!block) return null;
            const name = nameOf(block, at);
            return <Line key={name} name={name} block={block} text={textOf(block, at, words)} start={start} marked={name === line} mark={setLine} />;
          })}
        </div>
      </div>
      <div className="row runlog-foot">
        <span className="muted" role="status">{t("runs.lines", { count: lines.length })}{missing > 0 && ` · ${t("runs.outputsMissing", { count: missing })}`}</span>
        {!follows && (
          <Button onClick={() => { lookAt.current = undefined; setFollows(true); }}>{fresh > 0 ? t("runs.newLines", { count: fresh }) : t("runs.toEnd")}</Button>
        )}
      </div>
    </div>
  );
}

type LineProps = { name: string; block: Block; text: string; start: number; marked: boolean; mark: (name: string) => void };

const Line = memo(function Line({ name, block, text, start, marked, mark }: LineProps) {
  const t = useText();
  const { level, at } = block;
  const link = t("runs.linkTo", { name });
  return (
    <div className={`runlog-line runlog-${level}${marked ? " marked" : ""}`} style={{ transform: `translateY(${start}px)` }} data-line={name}>
      <button type="button" tabIndex={marked ? 0 : -1} aria-label={link} title={link} onClick={() => mark(name)}>{clock(at, locale())}</button>
      <span aria-hidden="true" className="runlog-sign">{SIGNS[level]}</span>
      <span>{text}</span>
    </div>
  );
});

function Facets({ hosts, filter, setFilter }: { hosts: string[]; filter: Filter; setFilter: (filter: Filter) => void }) {
  const t = useText();
  const [text, setText] = useState(filter.text ?? "");
  const settled = useDeferredValue(text);
  useEffect(() => {
    if (settled !== (filter.text ?? "")) setFilter({ ...filter, text: settled || undefined });
  }, [settled, filter, setFilter]);
  const all = t("runs.all");
  const select = (key: "host" | "phase" | "level", options: readonly string[], say: (option: string) => string) => (
    <label>
      {t(`runs.facet.${key}`)}
      <select className="quiet" value={filter[key] ?? ""} onChange={(event) => setFilter({ ...filter, [key]: event.target.value || undefined })}>
        <option value="">{all}</option>
        {options.map((option) => <option key={option} value={option}>{say(option)}</option>)}
      </select>
    </label>
  );
  return (
    <div className="row runlog-facets">
      {select("host", hosts, (host) => host)}
      {select("phase", PHASES, (phase) => t(`parts.phase.${phase}`))}
      {select("level", LEVELS, (level) => t(`runs.level.${level}`))}
      <label className="grid-search">
        <span className="unseen">{t("runs.searchLog")}</span>
        <input type="search" value={text} placeholder={t("runs.searchLog")} onChange={(event) => setText(event.target.value)} />
      </label>
    </div>
  );
}

/** Brings what commands said, a few at a time; what could not be read is tried again when the next event comes. */
class Outputs {
  private readonly asked = new Set<number>();

  constructor(private readonly run: string, private readonly log: Log, private readonly came: () => void) {}

  kick(): void {
    while (this.asked.size < AT_ONCE) {
      const next = this.log.missing().find(({ index }) => !this.asked.has(index));
      if (!next) return;
      this.asked.add(next.index);
      void this.bring(next);
    }
  }

  private async bring({ index, step, attempt }: Missing): Promise<void> {
    const text = await output(this.run, step, attempt).catch(() => undefined);
    this.asked.delete(index);
    if (text === undefined) return;
    this.log.put(index, text);
    this.came();
    this.kick();
  }
}

/** All that an attempt of a step said. */
export async function output(run: string, step: string, attempt: number): Promise<string> {
  let [text, offset] = ["", 0];
  for (;;) {
    const asked = api.GET("/api/v1/runs/{id}/output", { params: { path: { id: run }, query: { step, attempt, offset } } });
    const piece = (await settle(asked)).body;
    if (piece.next === offset) return text;
    text += piece.text;
    offset = piece.next;
  }
}
