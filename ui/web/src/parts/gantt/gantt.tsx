import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { useText, locale, type Text } from "../../i18n";
import { Bytes, duration, useWidth } from "../../kit";
import { SIGNS, sinceStart, ticks, wide, type Bar, type Row } from "./bars";
import "./gantt.css";

const LANE = 22;
const PAD = 5;
/** Of a bar, in pixels: less is not seen. */
const LEAST = 4;

/** Bytes that a host was sent, and how many a second. */
type Moved = { done: number; perSecond: number };

type Props = {
  rows: Row[];
  /** Unix milliseconds. */
  from: number;
  to: number;
  /** The present moment, while the run goes on. */
  now?: number | undefined;
  moved?: (host: string) => Moved | undefined;
  /** What a host is at, in words, and how that column is called. */
  doing: (row: Row) => string;
  ends?: string;
  open: (bar: Bar) => void;
};

/** One row a host, one bar a phase, on one axis of time. Arrow keys go from bar to bar, Enter opens one. */
export function Gantt({ rows, from, to, now, moved, doing, ends, open }: Props) {
  const t = useText();
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box, 960);
  const printing = usePrinting();
  const [focus, setFocus] = useState({ row: 0, bar: 0 });
  const chart = Math.max(160, width - SIDES(width));
  const marks = ticks(to - from, Math.max(2, Math.floor(chart / 80)));
  const scale = chart / (marks.at(-1) ?? 1);
  const x = (at: number) => (at - from) * scale;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: (index) => heightOf(rows[index]),
    overscan: printing ? rows.length : 6,
  });
  useEffect(() => virtual.measure(), [virtual, rows.map(({ lanes }) => lanes).join()]);

  const go = (event: KeyboardEvent) => {
    const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] ?? [0, 0];
    if (down === 0 && right === 0) return;
    event.preventDefault();
    const row = Math.max(0, Math.min(rows.length - 1, focus.row + (down ?? 0)));
    const bar = Math.max(0, Math.min((rows[row]?.bars.length ?? 1) - 1, focus.bar + (right ?? 0)));
    setFocus({ row, bar });
    virtual.scrollToIndex(row);
    requestAnimationFrame(() => box.current?.querySelector<SVGGElement>(`[data-bar="${row}-${bar}"]`)?.focus());
  };
  return (
    <div className="gantt" ref={box} role="group" aria-label={t("parts.gantt")} onKeyDown={go}>
      <div className="gantt-head">
        <span className="gantt-host muted">{t("parts.place")}</span>
        <svg width={chart} height={22} aria-hidden="true">
          {marks.map((mark, index) => (
            <text key={mark} x={mark * scale} y={15} textAnchor={index === 0 ? "start" : index === marks.length - 1 ? "end" : "middle"}>{sinceStart(mark)}</text>
          ))}
        </svg>
        {width > NARROW && <span className="gantt-end muted">{ends ?? t("parts.doing")}</span>}
      </div>
      <div className="gantt-body" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const row = rows[index];
          if (!row) return null;
          const flow = moved?.(row.host);
          return (
            <div key={row.host} className={row.dropped ? "gantt-row dropped" : "gantt-row"} style={{ transform: `translateY(${start}px)`, height: heightOf(row) }}>
              <span className="gantt-host" title={row.host}><b>{row.host}</b> {row.bars[0]?.state !== "planned" && <span className="muted num">{row.done}/{row.steps}</span>}</span>
              <svg width={chart} height={heightOf(row)} role="group" aria-label={row.host}>
                <Patterns />
                {marks.map((mark) => <line key={mark} className="gantt-mark" x1={mark * scale} x2={mark * scale} y1={0} y2={heightOf(row)} />)}
                {row.bars.map((bar, at) => (
                  <Block key={bar.phase} bar={bar} x={x} name={name(bar, t)} id={`${index}-${at}`} open={() => open(bar)}
                    focused={focus.row === index && focus.bar === at} focus={() => setFocus({ row: index, bar: at })} />
                ))}
                {now !== undefined && <line className="gantt-now" x1={x(now)} x2={x(now)} y1={0} y2={heightOf(row)} />}
              </svg>
              {width > NARROW && (
                <span className="gantt-end" title={doing(row)}>
                  {flow && <span className="gantt-flow"><Bytes count={flow.done} />{flow.perSecond > 0 && <> · <Bytes count={flow.perSecond} /><span className="unit">/s</span></>}</span>}
                  <span>{doing(row)}</span>
                </span>
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** Under this width what hosts are at is left out: the drawer of a bar has it. */
const NARROW = 720;
const SIDES = (width: number) => (width > NARROW ? 120 + 250 : 96) + 24;
const heightOf = (row: Row | undefined) => (row?.lanes ?? 1) * LANE + 2 * PAD;

/** Why a bar has not begun; nothing of one that has. */
const reason = ({ waitsFor: [step, ...more] }: Bar, t: Text): string => (step ? t("parts.waitsForStep", { step, more: more.length }) : "");

const name = (bar: Bar, t: Text) => (bar.state === "planned" ? plannedName : begunName)(bar, t);

const plannedName = ({ host, phase, from, to, steps, critical }: Bar, t: Text) =>
  t("parts.barPlanned", { host, phase: t(`parts.phase.${phase}`), took: duration(to - from, locale()), steps: steps.length, critical: critical ? "yes" : "no" });

const begunName = (bar: Bar, t: Text) =>
  [t("parts.bar", {
    host: bar.host,
    phase: t(`parts.phase.${bar.phase}`),
    state: t(`parts.bar.${bar.state}`),
    done: bar.done,
    steps: bar.steps.length,
    took: duration(bar.to - bar.from, locale()),
  }), reason(bar, t)].filter(Boolean).join(" · ");

type BlockProps = { bar: Bar; x: (at: number) => number; name: string; id: string; open: () => void; focused: boolean; focus: () => void };

function Block({ bar, x, name, id, open, focused, focus }: BlockProps) {
  const t = useText();
  const width = Math.max(LEAST, x(bar.to) - x(bar.from));
  const [left, top] = [x(bar.from), PAD + bar.lane * LANE];
  const press = (event: KeyboardEvent) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    open();
  };
  if (bar.state === "never") return null;
  const phase = t(`parts.phase.${bar.phase}`);
  const said = [`${SIGNS[bar.state]} ${phase} · ${reason(bar, t)}`, `${SIGNS[bar.state]} ${phase}`.trim(), SIGNS[bar.state]].slice(bar.waitsFor.length > 0 ? 0 : 1);
  const text = said.find((each) => wide(each) < width - 8) ?? "";
  return (
    <g role="button" aria-label={name} tabIndex={focused ? 0 : -1} data-bar={id} className={`bar bar-${bar.state}${bar.critical ? " bar-critical" : ""}`} onClick={open} onKeyDown={press} onFocus={focus}>
      <title>{name}</title>
      <rect x={left} y={top} width={width} height={LANE - 3} rx={2} />
      {bar.state === "failed" && <rect className="bar-loud" x={left} y={top} width={width} height={LANE - 3} rx={2} />}
      {text && <text x={left + 5} y={top + 14}>{text}</text>}
    </g>
  );
}

/** Colour is never alone: what waits is hatched, what failed is crossed. */
const Patterns = () => (
  <defs>
    <pattern id="gantt-waits" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect className="waits-ground" width="6" height="6" /><line className="waits-line" x1="0" y1="0" x2="0" y2="6" /></pattern>
    <pattern id="gantt-fails" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><line className="fails-line" x1="0" y1="0" x2="0" y2="7" /></pattern>
  </defs>
);

/** On paper every row is there, not only those in sight. */
function usePrinting(): boolean {
  const [printing, setPrinting] = useState(false);
  useEffect(() => {
    const query = window.matchMedia("print");
    const change = () => setPrinting(query.matches);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, []);
  return printing;
}
