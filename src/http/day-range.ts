import { z } from "zod";
import type { DayRange } from "../spend/days.ts";

const MAX_DAYS = 366;
const day = z.iso.date("Input should be a date such as 2026-01-31");

/** `from` and `to`, UTC days, both inclusive, in this order and at most a year. */
export const dayRange = z
  .object({ from: day, to: day })
  .refine(({ from, to }) => from <= to, { message: "Input should not be before from", path: ["to"] })
  .refine((range) => range.from > range.to || daysBetween(range) <= MAX_DAYS, {
    message: `Input should be at most ${MAX_DAYS} days, both ends included`,
    path: ["to"],
  });

function daysBetween({ from, to }: DayRange): number {
  return (Date.parse(to) - Date.parse(from)) / Date.parse("1970-01-02") + 1;
}
