import { encodeCursor } from "../lib/cursor.ts";
import { usdJson } from "../lib/money.ts";
import type { Store } from "../store/connect.ts";
import type { ChargeEventDoc } from "../store/documents.ts";
import { readInTime } from "../store/read-in-time.ts";
import type { Page } from "./list-customers.ts";
import { readCursor } from "./read-cursor.ts";

const CALL_FIELDS = {
  requestId: 1,
  sequence: 1,
  createdAt: 1,
  model: 1,
  costNano: 1,
  usage: 1,
  estimated: 1,
  unpriced: 1,
} as const;

type CallRow = Pick<ChargeEventDoc, "_id" | keyof typeof CALL_FIELDS>;

/** One page of a customer's charges, newest first, by their numbers. Throws query_timeout. */
export async function listCalls(
  { collections: { events } }: Store,
  customerId: string,
  query: { readonly limit: number; readonly cursor: string | null },
): Promise<Page> {
  const [before] = readCursor(query.cursor, ["integer"]) ?? [];
  const below = before === undefined ? null : BigInt(before);
  const found = await readInTime((limit) =>
    events
      .find({ type: "spend_tracked", customerId, ...(below !== null && { sequence: { $lt: below } }) }, limit)
      .sort({ sequence: -1 })
      .limit(query.limit + 1)
      .project<CallRow>(CALL_FIELDS)
      .toArray(),
  );
  const rows = found.slice(0, query.limit);
  const last = found.length > query.limit ? rows.at(-1) : undefined;
  return {
    rows: rows.map((row) => ({
      request_id: row.requestId,
      event_id: row._id,
      sequence: Number(row.sequence),
      created_at: row.createdAt.toISOString(),
      model: row.model,
      cost: usdJson(row.costNano),
      prompt_tokens: row.usage.promptTokens,
      completion_tokens: row.usage.completionTokens,
      estimated: row.estimated,
      unpriced: row.unpriced,
    })),
    nextCursor: last === undefined ? null : encodeCursor([Number(last.sequence)]),
  };
}
