import type { Collection } from "./catalog.ts";
import type { Matcher } from "./match.ts";
import { candidatePlans, planQuery } from "./planner.ts";
import type { Plan } from "./planner.ts";
import { countUpTo, estimateDocuments } from "./scan.ts";
import type { SortField } from "./sort.ts";
import type { View } from "./view.ts";

interface Asked {
  readonly matcher: Matcher;
  readonly sort: readonly SortField[];
  /** How many documents will be read at most; Infinity for all. */
  readonly count: number;
}

/**
 * The plan to read by. Where only the first few in an order are asked for, the form of the query does not
 * tell whether to find what matches and sort it, or to walk in the order until enough has matched: index
 * entries are counted for that, no further than it takes to decide.
 */
export function choosePlan(view: View, collection: Collection, asked: Asked): Plan {
  const { matcher, sort, count } = asked;
  const usual = planQuery(collection, matcher, sort);
  if (sort.length === 0 || !Number.isFinite(count) || usual.index === null || usual.points) return usual;
  const plans = candidatePlans(collection, matcher, sort).map(({ plan }) => plan);
  if (plans.length < 2) return usual;
  const all = estimateDocuments(view, collection);
  // Beyond this many, walking in an order meets enough matches before all of them are found.
  const enough = Math.ceil(Math.sqrt(count * all)) + 1;
  const sized = plans.map((plan) => {
    const entries = countUpTo(view, collection, plan, enough);
    return { plan, entries: entries < enough ? entries : all };
  });
  const matches = Math.max(1, Math.min(...sized.map(({ entries }) => entries)));
  const reads = ({ plan, entries }: { plan: Plan; entries: number }): number =>
    plan.sorted ? Math.min(entries, (count * entries) / matches) : entries;
  let best = sized.find(({ plan }) => plan.index?.id === usual.index?.id) ?? { plan: usual, entries: all };
  for (const other of sized) if (reads(other) < reads(best)) best = other;
  return best.plan;
}
