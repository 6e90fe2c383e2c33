/** How times, durations and sizes are said. Pure: the language and the clock come in. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Making a format takes longer than to draw the line that it is for: each is made once for a language. */
function once<Format>(make: (locale: string, more: string) => Format): (locale: string, more?: string) => Format {
  const made = new Map<string, Format>();
  return (locale, more = "") => {
    const key = `${locale} ${more}`;
    const format = made.get(key) ?? make(locale, more);
    made.set(key, format);
    return format;
  };
}

const relatives = once((locale) => new Intl.RelativeTimeFormat(locale, { style: "short", numeric: "auto" }));
const moments = once((locale) => new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" }));
const clocks = once((locale) => new Intl.DateTimeFormat(locale, { timeStyle: "medium", hour12: false }));
const numbers = once((locale) => new Intl.NumberFormat(locale));
const quantities = once((locale, unit) => new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "short" }));
const sizes = once((locale, digits) => new Intl.NumberFormat(locale, { maximumFractionDigits: Number(digits) }));

/** "3 min ago", "in 2 days". Both in Unix milliseconds. */
export function relative(at: number, now: number, locale: string): string {
  const past = at - now;
  const [unit, size] = (
    [["day", DAY], ["hour", HOUR], ["minute", MINUTE], ["second", SECOND]] as const
  ).find(([, size]) => Math.abs(past) >= size) ?? ["second", SECOND];
  return apart(relatives(locale).format(Math.trunc(past / size), unit));
}

/** Date and time to the second, in the reader's zone. */
export function moment(at: number, locale: string): string {
  return moments(locale).format(at);
}

/** The time of day to the second. */
export function clock(at: number, locale: string): string {
  return clocks(locale).format(at);
}

/** "3 min 12 s", "2 h 5 min", "850 ms"; two units at most. In milliseconds. */
export function duration(length: number, locale: string): string {
  if (length < SECOND) return quantity(Math.max(0, Math.round(length)), "millisecond", locale);
  const units = [["day", DAY], ["hour", HOUR], ["minute", MINUTE], ["second", SECOND]] as const;
  const first = units.findIndex(([, size]) => length >= size);
  let rest = length;
  const said = units.slice(first, first + 2).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count > 0 ? quantity(count, unit, locale) : "";
  });
  return said.filter(Boolean).join(" ");
}

const ENGLISH: Record<string, string> = { day: "d", hour: "h", minute: "min", second: "s", millisecond: "ms" };

/** Signs of units have no plural: the platform's own English says "3 mins 12 secs". */
function quantity(value: number, unit: string, locale: string): string {
  if (locale.startsWith("en")) return `${numbers(locale).format(value)} ${ENGLISH[unit] ?? unit}`;
  return apart(quantities(locale, unit).format(value));
}

/** Figures and Chinese keep a space between them, as everywhere on these pages. */
const apart = (text: string): string => text.replace(/(\d)(\p{Script=Han})/gu, "$1 $2");

/** Number and unit apart, so that the unit can be drawn quieter: `["1.4", "GB"]`. Powers of 1000, as disks and networks are sold. */
export function bytes(count: number, locale: string): [string, string] {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  const power = Math.min(units.length - 1, count < 1000 ? 0 : Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** power;
  const digits = power === 0 || value >= 100 ? 0 : 1;
  return [sizes(locale, String(digits)).format(value), units[power] ?? "B"];
}

/** A long value with its middle left out. */
export function shortened(value: string, keep: number): string {
  return value.length > 2 * keep + 1 ? `${value.slice(0, keep)}…${value.slice(-keep)}` : value;
}
