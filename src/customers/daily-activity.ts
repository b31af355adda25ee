import type { Filter } from "mongodb";
import { usdJson } from "../lib/money.ts";
import type { Store } from "../store/connect.ts";
import type { DailySpendDoc } from "../store/documents.ts";

export interface ActivityQuery {
  /** UTC days, YYYY-MM-DD, both inclusive. */
  readonly startDate: string;
  readonly endDate: string;
  readonly customerIds: readonly string[];
  readonly excludedIds: readonly string[];
  readonly model: string | null;
  readonly keyHash: string | null;
  /** 1-based. A page holds so many days. */
  readonly page: number;
  readonly pageSize: number;
}

interface Sums {
  costNano: bigint;
  calls: bigint;
  promptTokens: bigint;
  completionTokens: bigint;
  cachedTokens: bigint;
}

const ROUTE = "/chat/completions";

/** What was spent per day, newest first, in LiteLLM's shape, from the daily roll-ups. */
export async function dailyActivity(
  store: Store,
  providerOf: (model: string) => string,
  query: ActivityQuery,
): Promise<object> {
  const rows = store.collections.dailySpend.find(filterOf(query));
  const days = new Map<string, DailySpendDoc[]>();
  for await (const row of rows) {
    const known = days.get(row.day);
    if (known === undefined) days.set(row.day, [row]);
    else known.push(row);
  }
  const all = [...days.keys()].sort().reverse();
  const first = (query.page - 1) * query.pageSize;
  const shown = all.slice(first, first + query.pageSize);
  const total = metricsOf(sumUp([...days.values()].flat()));
  return {
    results: shown.map((day) => dayJson(day, days.get(day) ?? [], providerOf)),
    metadata: {
      total_spend: total.spend,
      total_prompt_tokens: total.prompt_tokens,
      total_completion_tokens: total.completion_tokens,
      total_tokens: total.total_tokens,
      total_api_requests: total.api_requests,
      total_successful_requests: total.successful_requests,
      total_failed_requests: 0,
      total_cache_read_input_tokens: total.cache_read_input_tokens,
      total_cache_creation_input_tokens: 0,
      page: query.page,
      total_pages: Math.ceil(all.length / query.pageSize),
      has_more: first + query.pageSize < all.length,
    },
  };
}

function filterOf(query: ActivityQuery): Filter<DailySpendDoc> {
  const customers = {
    ...(query.customerIds.length > 0 && { $in: [...query.customerIds] }),
    ...(query.excludedIds.length > 0 && { $nin: [...query.excludedIds] }),
  };
  return {
    day: { $gte: query.startDate, $lte: query.endDate },
    ...(Object.keys(customers).length > 0 && { customerId: customers }),
    ...(query.model !== null && { model: query.model }),
    ...(query.keyHash !== null && { keyHash: query.keyHash }),
  };
}

function dayJson(day: string, rows: DailySpendDoc[], providerOf: (model: string) => string): object {
  const models = breakdown(rows, (row) => row.model);
  return {
    date: day,
    metrics: metricsOf(sumUp(rows)),
    breakdown: {
      mcp_servers: {},
      models,
      model_groups: models,
      providers: breakdown(rows, (row) => providerOf(row.model)),
      endpoints: breakdown(rows, () => ROUTE),
      api_keys: breakdown(rows, (row) => row.keyHash),
      entities: breakdown(rows, (row) => row.customerId),
    },
  };
}

function breakdown(rows: DailySpendDoc[], by: (row: DailySpendDoc) => string): Record<string, object> {
  const groups = [...Map.groupBy(rows, by)];
  return Object.fromEntries(
    groups.map(([name, group]) => [
      name,
      {
        metrics: metricsOf(sumUp(group)),
        metadata: {},
        api_key_breakdown: Object.fromEntries(
          [...Map.groupBy(group, (row) => row.keyHash)].map(([key, own]) => [
            key,
            { metrics: metricsOf(sumUp(own)), metadata: {} },
          ]),
        ),
      },
    ]),
  );
}

function sumUp(rows: readonly DailySpendDoc[]): Sums {
  const sums: Sums = { costNano: 0n, calls: 0n, promptTokens: 0n, completionTokens: 0n, cachedTokens: 0n };
  for (const row of rows) {
    for (const name of Object.keys(sums) as (keyof Sums)[]) sums[name] += row[name];
  }
  return sums;
}

function metricsOf(sums: Sums) {
  return {
    spend: usdJson(sums.costNano),
    prompt_tokens: Number(sums.promptTokens),
    completion_tokens: Number(sums.completionTokens),
    cache_read_input_tokens: Number(sums.cachedTokens),
    cache_creation_input_tokens: 0,
    total_tokens: Number(sums.promptTokens + sums.completionTokens),
    successful_requests: Number(sums.calls),
    // A call that failed costs nothing and is in no roll-up.
    failed_requests: 0,
    api_requests: Number(sums.calls),
  };
}
