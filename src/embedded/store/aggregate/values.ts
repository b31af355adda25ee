import { isNumber, asDouble } from "../numbers.ts";

/** MongoDB's truth: everything but false, null, missing and zero. */
export function truthy(value: unknown): boolean {
  if (value === null || value === undefined || value === false) return false;
  return !isNumber(value) || asDouble(value) !== 0;
}
