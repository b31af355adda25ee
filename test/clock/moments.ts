/** A clock to run tests under. */
export interface Moment {
  readonly name: string;
  /** What the clock shows at the start; it goes on from there. */
  readonly at: Date;
  readonly timeZone: string;
}

const DAY_MS = 86_400_000;

/** Midnights and changes of clocks are two minutes ahead, so that they come in the middle of a run. */
const FIXED: readonly Moment[] = [
  { name: "month-end", at: new Date("2027-04-30T23:58:00Z"), timeZone: "UTC" },
  { name: "year-end", at: new Date("2027-12-31T23:58:00Z"), timeZone: "UTC" },
  { name: "leap-day", at: new Date("2028-02-29T12:00:00Z"), timeZone: "UTC" },
  { name: "leap-day-end", at: new Date("2028-02-29T23:58:00Z"), timeZone: "UTC" },
  { name: "summer-europe", at: new Date("2027-03-28T00:58:00Z"), timeZone: "Europe/Berlin" },
  { name: "winter-europe", at: new Date("2027-10-31T00:58:00Z"), timeZone: "Europe/Berlin" },
  { name: "summer-us", at: new Date("2027-03-14T06:58:00Z"), timeZone: "America/New_York" },
  { name: "winter-us", at: new Date("2027-11-07T05:58:00Z"), timeZone: "America/New_York" },
];

/** All moments, as seen from now. */
export function momentsFrom(now: Date): readonly Moment[] {
  const ahead = (days: number): Date => new Date(now.getTime() + days * DAY_MS);
  return [
    { name: "tomorrow", at: ahead(1), timeZone: "UTC" },
    { name: "in-40-days", at: ahead(40), timeZone: "UTC" },
    ...FIXED,
  ];
}
