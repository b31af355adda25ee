import { Double, Int32 } from "bson";
import { compareValues } from "../keys.ts";
import { asDouble, asInteger, fromInteger, isLong, isNumber } from "../numbers.ts";

/** A running sum: integers exactly, doubles beside them, anything else left out. */
export class Sum {
  #integers = 0n;
  #doubles: number | null = null;
  #long = false;
  count = 0;

  add(value: unknown): void {
    if (!isNumber(value)) return;
    this.count++;
    const integer = asInteger(value);
    if (integer === null) this.#doubles = (this.#doubles ?? 0) + asDouble(value);
    else {
      this.#integers += integer;
      this.#long ||= isLong(value);
    }
  }

  /** Overflow of int64 is an error here, not an inexact double. */
  total(): unknown {
    if (this.#doubles === null) return fromInteger(this.#integers, this.#long);
    return new Double(Number(this.#integers) + this.#doubles);
  }

  average(): Double | null {
    if (this.count === 0) return null;
    return new Double((Number(this.#integers) + (this.#doubles ?? 0)) / this.count);
  }
}

export function addUp(values: readonly unknown[]): unknown {
  const sum = new Sum();
  for (const value of values) sum.add(value);
  return values.length === 0 ? new Int32(0) : sum.total();
}

export function average(values: readonly unknown[]): Double | null {
  const sum = new Sum();
  for (const value of values) sum.add(value);
  return sum.average();
}

/** The smallest (-1) or largest (1) value that is not null; null when there is none. */
export function extreme(values: readonly unknown[], direction: 1 | -1): unknown {
  let best: unknown = null;
  for (const value of values) best = better(best, value, direction);
  return best;
}

export function better(best: unknown, value: unknown, direction: 1 | -1): unknown {
  if (value === null || value === undefined) return best;
  return best === null || compareValues(value, best) * direction > 0 ? value : best;
}
