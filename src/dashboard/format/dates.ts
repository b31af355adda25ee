const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY_MS = 24 * HOUR;

const UNITS: readonly (readonly [number, string])[] = [
  [DAY_MS, "d"],
  [HOUR, "h"],
  [MINUTE, "min"],
  [SECOND, "s"],
];

/** A length of time by its two largest units: "3 d 4 h", "12 s". */
export function formatSpan(ms: number): string {
  const first = UNITS.findIndex(([size]) => ms >= size);
  if (first === -1) return "0 s";
  let rest = ms;
  const parts = UNITS.slice(first, first + 2).flatMap(([size, unit]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count === 0 ? [] : [`${count} ${unit}`];
  });
  return parts.join(" ");
}

/** "just now", "4 min ago", "3 d ago", and the date when it is long ago. */
export function formatAgo(instant: string, now: number): string {
  const age = now - Date.parse(instant);
  if (age < 5 * SECOND) return "just now";
  if (age > 30 * DAY_MS) return formatDate(instant);
  const [size, unit] = UNITS.find(([size]) => age >= size) ?? [SECOND, "s"];
  return `${Math.floor(age / size)} ${unit} ago`;
}

const INSTANT = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "short",
});
const DATE = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });
const CLOCK = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

/** In full, in the reader's time zone. */
export function formatInstant(instant: string): string {
  return INSTANT.format(new Date(instant));
}

export function formatDate(instant: string): string {
  return DATE.format(new Date(instant));
}

/** "24 Nov, 14:03:22" in the reader's time zone. */
export function formatClock(instant: string): string {
  return CLOCK.format(new Date(instant));
}

/** "24 Nov" for a UTC day, YYYY-MM-DD. */
export function formatDay(day: string): string {
  return DAY.format(new Date(`${day}T00:00:00Z`));
}

/** The UTC day of an instant, YYYY-MM-DD. */
export function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
