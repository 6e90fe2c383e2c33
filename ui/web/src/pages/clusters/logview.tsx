import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useDeferredValue, useEffect, useId, useMemo, useRef, useState } from "react";
import { Trouble } from "../../api/problem";
import { locale, useText } from "../../i18n";
import { Button, Check, moment, Problem, save, State } from "../../kit";
import { useSaid } from "../../said";
import { WHOLE } from "./whole";
import { coloured, plain, type Line } from "./log";
import { useLog, type Reading } from "./uselog";
import "./log.css";

const ROW = 20;

type Props = { site: string; namespace: string; pod: string; container: string; first?: { previous?: boolean } };

/** What a container writes: followed, filtered, wrapped; the newest at the bottom, and the view stays there only while it is there. */
export function LogView({ site, namespace, pod, container, first = {} }: Props) {
  const t = useText();
  const [follow, setFollow] = useState(true);
  const [previous, setPrevious] = useState(first.previous ?? false);
  const [wrap, setWrap] = useState(true);
  const [times, setTimes] = useState(false);
  const [typed, setTyped] = useState("");
  const filter = useDeferredValue(typed);
  const reading = useLog({ site, namespace, pod, container, previous, follow: follow && !previous });
  const lines = useMemo(() => {
    const wanted = filter.toLowerCase();
    return wanted ? reading.lines.filter(({ text }) => plain(text).toLowerCase().includes(wanted)) : reading.lines;
  }, [reading.lines, filter]);
  const id = useId();
  return (
    <div className="log">
      <div className="log-head">
        <div className="grid-search">
          <label htmlFor={id} className="unseen">{t("clusters.logFilter")}</label>
          <input id={id} type="search" value={typed} placeholder={t("clusters.logFilter")} onChange={(event) => setTyped(event.target.value)} />
        </div>
        <Check label={t("clusters.logFollow")} checked={follow && !previous} onChange={(on) => { setFollow(on); if (on) setPrevious(false); }} />
        <Check label={t("clusters.logPrevious")} checked={previous} onChange={setPrevious} />
        <Check label={t("clusters.logWrap")} checked={wrap} onChange={setWrap} />
        <Check label={t("clusters.logTimes")} checked={times} onChange={setTimes} />
        <Button onClick={() => saveText(`${pod}-${container}.log`, textOf(reading.lines))} disabled={reading.lines.length === 0}>{t("clusters.logSave")}</Button>
      </div>
      <Lines key={`${wrap}${times}`} lines={lines} wrap={wrap} times={times} label={t("clusters.logOf", { where: `${pod} / ${container}` })} />
      <Foot reading={reading} shown={lines.length} follow={follow && !previous} />
    </div>
  );
}

function Foot({ reading, shown, follow }: { reading: Reading; shown: number; follow: boolean }) {
  const t = useText();
  const say = useSaid();
  const { lines, dropped, state, trouble } = reading;
  // Kubernetes has no log of a container that has not begun, or of none before it: that is no failure.
  const waits = trouble instanceof Trouble && trouble.kind === "invalid";
  return (
    <div className="log-foot">
      {trouble && (waits ? <p><State tone="warn">{say(trouble.message)}</State></p> : <Problem error={trouble} shown={WHOLE} title={t("clusters.logFailed")} />)}
      <p className="muted row">
        <State tone={state === "live" ? "run" : "wait"}>
          {t(state === "live" ? "clusters.logLive" : state === "reading" ? "clusters.logReading" : follow ? "clusters.logAgain" : "clusters.logEnd")}
        </State>
        <span>{shown === lines.length ? t("clusters.logLines", { count: lines.length }) : t("clusters.logFound", { shown, count: lines.length })}</span>
        {dropped > 0 && <span>{t("clusters.logDropped", { count: dropped })}</span>}
      </p>
    </div>
  );
}

function Lines({ lines, wrap, times, label }: { lines: readonly Line[]; wrap: boolean; times: boolean; label: string }) {
  const t = useText();
  const box = useRef<HTMLDivElement>(null);
  const [atEnd, setAtEnd] = useState(true);
  const [seen, setSeen] = useState(0);
  const virtual = useVirtualizer({ count: lines.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 20 });
  const toEnd = () => {
    setAtEnd(true);
    virtual.scrollToIndex(lines.length - 1, { align: "end" });
  };
  useEffect(() => {
    if (atEnd && lines.length > 0) virtual.scrollToIndex(lines.length - 1, { align: "end" });
  }, [atEnd, lines, virtual]);
  const scrolled = () => {
    const element = box.current;
    if (!element) return;
    const is = element.scrollHeight - element.scrollTop - element.clientHeight < 2 * ROW;
    if (!is && atEnd) setSeen(lines.length);
    setAtEnd(is);
  };
  const fresh = atEnd ? 0 : Math.max(0, lines.length - seen);
  return (
    <div className="log-body">
      <div ref={box} className={wrap ? "log-lines log-wrap" : "log-lines"} role="log" aria-live="off" aria-label={label} tabIndex={0} onScroll={scrolled}>
        <div style={{ height: virtual.getTotalSize(), position: "relative" }}>
          {virtual.getVirtualItems().map(({ index, start }) => {
            const line = lines[index];
            return line && (
              <div key={index} data-index={index} ref={virtual.measureElement} className="log-line" style={{ transform: `translateY(${start}px)` }}>
                {times && line.at && <time dateTime={line.at} title={moment(Date.parse(line.at), locale())}>{line.at.slice(11, 23)} </time>}
                <Text text={line.text} />
              </div>
            );
          })}
        </div>
      </div>
      {fresh > 0 && <button type="button" className="log-more" onClick={toEnd}>{t("clusters.logMore", { count: fresh })}</button>}
    </div>
  );
}

const Text = memo(function Text({ text }: { text: string }) {
  return <>{coloured(text).map((span, place) => (span.style ? <span key={place} className={span.style}>{span.text}</span> : span.text))}</>;
});

const textOf = (lines: readonly Line[]): string => lines.map(({ at, text }) => (at ? `${at} ${text}` : text)).join("\n") + "\n";

/** Gives the browser a file that was made here. */
export const saveText = (name: string, text: string): void => save(name, new Blob([text], { type: "text/plain" }));
