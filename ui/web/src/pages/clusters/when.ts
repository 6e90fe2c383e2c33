/** Where things lie in time, for the pictures. Pure. */
import type { Tone } from "../../kit";

export const DAY = 86_400_000;

/** Days from now to the end, rounded down: what expired today has -1 or less. */
export const daysLeft = (end: number, now: number): number => Math.floor((end - now) / DAY);

/** Below 7 days somebody must act now, below 30 soon. kubeadm gives a year; its own warning comes at none. */
export const expiryTone = (days: number): Tone => (days < 7 ? "bad" : days < 30 ? "warn" : "ok");

/** The marks of the axis, in days: a week and ten years are both to be seen, so each step is wider than the one before. */
export const MARKS = [0, 7, 30, 90, 365, 3650] as const;

/** Where so many days lie on an axis from 0 to 1: even between two marks. What has expired lies at its beginning. */
export function axis(days: number): number {
  const last = MARKS.length - 1;
  const next = MARKS.findIndex((mark) => days < mark);
  if (next === 0) return 0;
  if (next < 0) return 1;
  const [from, to] = [MARKS[next - 1] ?? 0, MARKS[next] ?? 0];
  return (next - 1 + (days - from) / (to - from)) / last;
}

export type Bucket = { from: number; normal: number; warning: number };

/** Events of the last hour in equal spans, the oldest first. Those that are older or have no time are left out. */
export function histogram(events: { at: number | null; warning: boolean }[], now: number, spans = 12, length = 5 * 60_000): Bucket[] {
  const end = Math.ceil(now / length) * length;
  const begin = end - spans * length;
  const buckets = Array.from({ length: spans }, (_, place) => ({ from: begin + place * length, normal: 0, warning: 0 }));
  for (const { at, warning } of events) {
    const bucket = at === null ? undefined : buckets[Math.floor((at - begin) / length)];
    if (bucket) bucket[warning ? "warning" : "normal"] += 1;
  }
  return buckets;
}
