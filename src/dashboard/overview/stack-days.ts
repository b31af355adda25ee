import type { Day } from "../api/schemas/customers.ts";

export const OTHERS = "other models";

export interface StackedDays {
  /** Most expensive first; small ones are gathered in `OTHERS`. */
  readonly models: readonly string[];
  readonly totals: readonly number[];
  /** Per model the spend of each day. */
  readonly values: readonly (readonly number[])[];
  /** Per model the spend of each day of it and all models before: the tops of the bars. */
  readonly tops: readonly (readonly number[])[];
}

/** Spend per day as bars that stand on each other, at most `most` of them. */
export function stackDays(days: readonly Day[], most: number): StackedDays {
  const sums = new Map<string, number>();
  for (const day of days) {
    for (const [model, spend] of Object.entries(day.models)) sums.set(model, (sums.get(model) ?? 0) + spend);
  }
  const ranked = [...sums].sort(([a, x], [b, y]) => y - x || a.localeCompare(b)).map(([model]) => model);
  const shown = ranked.length > most ? ranked.slice(0, most - 1) : ranked;
  const rest = ranked.slice(shown.length);
  const valueOf = (day: Day, names: readonly string[]): number =>
    names.reduce((sum, name) => sum + (day.models[name] ?? 0), 0);
  const groups = [...shown.map((name) => [name]), ...(rest.length > 0 ? [rest] : [])];
  const values = groups.map((names) => days.map((day) => valueOf(day, names)));
  const tops: number[][] = [];
  for (const [index, row] of values.entries()) {
    const below = tops[index - 1];
    tops.push(row.map((value, day) => value + (below?.[day] ?? 0)));
  }
  return {
    models: rest.length > 0 ? [...shown, OTHERS] : shown,
    totals: values.map((row) => row.reduce((sum, value) => sum + value, 0)),
    values,
    tops,
  };
}
