import { boundsByPath, excludesMissing } from "./bounds.ts";
import type { Bounds, FieldCondition } from "./bounds.ts";
import type { Collection, Index } from "./catalog.ts";
import { implies } from "./partial.ts";
import { afterPrefix, invert, orderedKeys } from "./keys.ts";
import { conjuncts } from "./match.ts";
import type { Condition, Matcher } from "./match.ts";
import type { SortField } from "./sort.ts";

/** Entries with `start <= key < end`. */
export interface KeyRange {
  readonly start: Buffer;
  readonly end: Buffer;
}

/** The part of an index the planner looks at; the `_id` index, which is the table itself, has no id. */
export type PlannedIndex = Pick<Index, "fields" | "unique" | "sparse" | "multikey" | "partial"> & {
  id: number | null;
};

export interface Plan {
  /** Null: read the whole collection in insertion order. */
  readonly index: PlannedIndex | null;
  /** In index order, not overlapping. */
  readonly ranges: readonly KeyRange[];
  readonly reverse: boolean;
  /** Rows come in the order the sort asks for. */
  readonly sorted: boolean;
  /** Each range can hold one entry at most and is one whole key. */
  readonly points: boolean;
  /** The ranges hold exactly what the filter matches: nothing is left to test. */
  readonly exact: boolean;
  /** Ranges whose rows have to be merged by what follows this many bytes of the key. */
  readonly mergeFrom: readonly number[] | null;
}

const ID_INDEX: PlannedIndex = {
  id: null,
  fields: [{ path: "_id", parts: ["_id"], direction: 1 }],
  unique: true,
  sparse: false,
  multikey: false,
  partial: null,
};

const MAX_RANGES = 100_000;
const MAX_MERGED = 64;
const PAST_EVERYTHING = Buffer.of(0xff);

/** Chooses how to read what a filter matches: equality first, then a range, then an order that saves sorting. */
export function planQuery(collection: Collection, matcher: Matcher, sort: readonly SortField[]): Plan {
  let best: ScoredPlan | null = null;
  for (const candidate of candidatePlans(collection, matcher, sort)) {
    if (best === null || candidate.score > best.score) best = candidate;
  }
  return best?.plan ?? wholeCollection(conjuncts(matcher.condition), sort);
}

/** A plan, and how good it looks by the form of the query alone. */
interface ScoredPlan {
  readonly plan: Plan;
  readonly score: number;
}

/** Every way to read what a filter matches by an index. */
export function candidatePlans(
  collection: Collection,
  matcher: Matcher,
  sort: readonly SortField[],
): ScoredPlan[] {
  const conditions = conjuncts(matcher.condition);
  return [ID_INDEX, ...collection.indexes].flatMap((index) => planIndex(index, conditions, sort) ?? []);
}

function wholeCollection(conditions: readonly Condition[], sort: readonly SortField[]): Plan {
  const exact = conditions.length === 0;
  return {
    index: null,
    ranges: [],
    reverse: false,
    sorted: sort.length === 0,
    points: false,
    exact,
    mergeFrom: null,
  };
}

interface Prefix {
  /** Joined keys of the leading fields that are bound to points. */
  keys: Buffer[];
  /** How many leading fields those are. */
  bound: number;
  /** Paths bound to one single value. */
  fixed: Set<string>;
  used: FieldCondition[];
}

function planIndex(
  index: PlannedIndex,
  conditions: readonly Condition[],
  sort: readonly SortField[],
): ScoredPlan | null {
  const bounds = boundsByPath(conditions, index.multikey);
  if (!isUsable(index, bounds, conditions)) return null;
  const prefix = bindPoints(index, bounds);
  const range = rangeAfter(index, prefix, bounds);
  const order = orderOf(index, sort, prefix);
  const isBound = prefix.bound > 0 || range !== null;
  if (!isBound && (sort.length === 0 || order === null)) return null;
  const used = new Set<Condition>([...prefix.used, ...(range?.conditions ?? [])]);
  const points = prefix.bound === index.fields.length && index.unique;
  const plan: Plan = {
    index,
    ranges: rangesOf(index, prefix, range),
    reverse: order?.reverse ?? false,
    sorted: sort.length === 0 || order !== null,
    points,
    exact: !index.multikey && conditions.every((condition) => used.has(condition)),
    mergeFrom: order?.merge === true ? mergePoints(prefix) : null,
  };
  return { plan, score: prefix.bound * 12 + (range ? 5 : 0) + (order ? 6 : 0) + (points ? 100 : 0) };
}

type Range = Extract<Bounds, { kind: "range" }>;

/** The range on the field that follows those bound to points. */
function rangeAfter(index: PlannedIndex, prefix: Prefix, bounds: Map<string, Bounds>): Range | null {
  const found = bounds.get(index.fields[prefix.bound]?.path ?? "");
  return found?.kind === "range" ? found : null;
}

function rangesOf(index: PlannedIndex, prefix: Prefix, range: Range | null): KeyRange[] {
  const inverted = index.fields[prefix.bound]?.direction === -1;
  const ranges = prefix.keys.map((key) =>
    range === null ? prefixRange(key) : keyRange(key, range, inverted),
  );
  return ranges.sort((a, b) => Buffer.compare(a.start, b.start));
}

function mergePoints(prefix: Prefix): number[] | null {
  return prefix.keys.length > 1 ? orderedKeys(prefix.keys).map((key) => key.length) : null;
}

function isUsable(
  index: PlannedIndex,
  bounds: Map<string, Bounds>,
  conditions: readonly Condition[],
): boolean {
  const hasAll = ({ path }: { path: string }): boolean => {
    const found = bounds.get(path);
    return found !== undefined && excludesMissing(found);
  };
  // What lacks every field is not in a sparse index.
  if (index.sparse && !index.fields.some(hasAll)) return false;
  return index.partial === null || implies(conditions, bounds, index.partial.condition);
}

function bindPoints(index: PlannedIndex, bounds: Map<string, Bounds>): Prefix {
  const prefix: Prefix = { keys: [Buffer.alloc(0)], bound: 0, fixed: new Set(), used: [] };
  for (const field of index.fields) {
    const found = bounds.get(field.path);
    if (found?.kind !== "points" || prefix.keys.length * found.keys.length > MAX_RANGES) break;
    const keys = field.direction === 1 ? found.keys : found.keys.map(invert);
    prefix.keys = prefix.keys.flatMap((start) => keys.map((key) => Buffer.concat([start, key])));
    prefix.used.push(...found.conditions);
    prefix.bound++;
    if (keys.length === 1) prefix.fixed.add(field.path);
  }
  return prefix;
}

function prefixRange(prefix: Buffer): KeyRange {
  return { start: prefix, end: afterPrefix(prefix) ?? PAST_EVERYTHING };
}

function keyRange(prefix: Buffer, range: Range, inverted: boolean): KeyRange {
  const from = inverted ? { ...range.upper, key: invert(range.upper.key) } : range.lower;
  const to = inverted ? { ...range.lower, key: invert(range.lower.key) } : range.upper;
  const first = Buffer.concat([prefix, from.key]);
  const last = Buffer.concat([prefix, to.key]);
  return {
    start: from.included ? first : (afterPrefix(first) ?? PAST_EVERYTHING),
    end: to.included ? (afterPrefix(last) ?? PAST_EVERYTHING) : last,
  };
}

/**
 * How the index yields the order of the sort, or null if it does not. Fields bound to one value do
 * not count. Where a leading field has several values, each gives its own ordered run and the runs
 * have to be merged.
 */
function orderOf(
  index: PlannedIndex,
  sort: readonly SortField[],
  prefix: Prefix,
): { reverse: boolean; merge: boolean } | null {
  if (index.multikey) return null;
  const wanted = sort.filter((field) => !prefix.fixed.has(field.path));
  const free = index.fields.filter((field) => !prefix.fixed.has(field.path));
  const reverse = directionOf(free, wanted);
  if (reverse !== null) return { reverse, merge: false };
  if (prefix.keys.length > MAX_MERGED) return null;
  const merged = directionOf(index.fields.slice(prefix.bound), wanted);
  return merged === null ? null : { reverse: merged, merge: true };
}

function directionOf(fields: readonly SortField[], wanted: readonly SortField[]): boolean | null {
  const [first] = wanted;
  if (first === undefined) return false;
  const reverse = fields[0]?.direction !== first.direction;
  const matches = wanted.every((field, at) => {
    const other = fields[at];
    return other?.path === field.path && (other.direction !== field.direction) === reverse;
  });
  return matches ? reverse : null;
}
