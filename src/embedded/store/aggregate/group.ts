import { Int32 } from "bson";
import { isDocument } from "../bson-codec.ts";
import type { Document } from "../bson-codec.ts";
import { StoreError, notImplemented } from "../errors.ts";
import { keyString } from "../keys.ts";
import { setField } from "../paths.ts";
import { compileExpression } from "./expression.ts";
import type { Expression } from "./expression.ts";
import { Sum, better } from "./numeric.ts";

interface Accumulator {
  add(value: unknown): void;
  result(): unknown;
}

const ACCUMULATORS: Record<string, () => Accumulator> = {
  $sum: () => {
    const sum = new Sum();
    return { add: (value) => sum.add(value), result: () => sum.total() };
  },
  $avg: () => {
    const sum = new Sum();
    return { add: (value) => sum.add(value), result: () => sum.average() };
  },
  $min: () => extremeOf(-1),
  $max: () => extremeOf(1),
  $first: () => {
    let first: { value: unknown } | null = null;
    return { add: (value) => void (first ??= { value }), result: () => first?.value ?? null };
  },
  $last: () => {
    let last: unknown = null;
    return { add: (value) => void (last = value ?? null), result: () => last };
  },
  $push: () => {
    const values: unknown[] = [];
    return { add: (value) => void (value !== undefined && values.push(value)), result: () => values };
  },
  $addToSet: () => {
    const values = new Map<string, unknown>();
    return {
      add: (value) => void (value !== undefined && values.set(keyString(value), value)),
      result: () => [...values.values()],
    };
  },
  $count: () => {
    let count = 0;
    return { add: () => void count++, result: () => new Int32(count) };
  },
};

function extremeOf(direction: 1 | -1): Accumulator {
  let best: unknown = null;
  return { add: (value) => void (best = better(best, value, direction)), result: () => best };
}

interface Field {
  readonly name: string;
  readonly value: Expression;
  readonly create: () => Accumulator;
}

/** Compiles `$group`. Groups come out in the order in which they were first met. */
export function compileGroup(spec: unknown): (input: Iterable<Document>) => Iterable<Document> {
  if (!isDocument(spec) || !("_id" in spec))
    throw new StoreError("BadValue", "a group specification must include an _id");
  const { _id, ...rest } = spec;
  const id = compileExpression(_id);
  const fields = Object.entries(rest).map(([name, value]) => compileField(name, value));
  return (input) => group(input, id, fields);
}

function compileField(name: string, spec: unknown): Field {
  const entries = isDocument(spec) ? Object.entries(spec) : [];
  const [operator, operand] = entries[0] ?? [];
  if (operator === undefined || entries.length !== 1 || name.includes(".")) {
    throw new StoreError("BadValue", `The field '${name}' must be an accumulator object`);
  }
  const create = Object.hasOwn(ACCUMULATORS, operator) ? ACCUMULATORS[operator] : undefined;
  if (create === undefined) throw notImplemented(`accumulator ${operator}`);
  return { name, value: compileExpression(operator === "$count" ? null : operand), create };
}

function* group(input: Iterable<Document>, id: Expression, fields: readonly Field[]): Generator<Document> {
  const groups = new Map<string, { _id: unknown; parts: Accumulator[] }>();
  for (const root of input) {
    const scope = { root, variables: {} };
    const _id = id(scope) ?? null;
    const key = keyString(_id);
    let entry = groups.get(key);
    if (entry === undefined) {
      entry = { _id, parts: fields.map((field) => field.create()) };
      groups.set(key, entry);
    }
    for (const [at, part] of entry.parts.entries()) part.add(fields[at]?.value(scope));
  }
  for (const { _id, parts } of groups.values()) {
    const result: Document = { _id };
    for (const [at, part] of parts.entries()) setField(result, fields[at]?.name ?? "", part.result());
    yield result;
  }
}
