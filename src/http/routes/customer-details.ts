import { Readable } from "node:stream";
import type { Router } from "@koa/router";
import { z } from "zod";
import { moveCustomersSchema } from "../../customers/customer-fields.ts";
import type { CustomerFilter } from "../../customers/find-customers.ts";
import type { Page } from "../../customers/list-customers.ts";
import type { Move } from "../../customers/move-customers.ts";
import type { DayRange } from "../../spend/days.ts";
import type { AppContext, RequestState } from "../context.ts";
import { dayRange } from "../day-range.ts";
import { readJson, readQuery } from "../read-json.ts";
import { customerFilter, customerOrder } from "./customers.ts";

/** What the dashboard asks about customers beyond LiteLLM's routes. */
export interface CustomerDetailsDeps {
  readonly customers: {
    readonly calls: (id: string, query: { limit: number; cursor: string | null }) => Promise<Page>;
    readonly activity: (id: string, range: DayRange) => Promise<object>;
    readonly move: (actor: string, move: Move) => Promise<object>;
    /** CSV text, read as it is taken. */
    readonly exportCsv: (filter: CustomerFilter) => AsyncIterable<string>;
  };
}

const MAX_CALLS = 1000;
export const callsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_CALLS).default(50),
  cursor: z.string().nullable().default(null),
});
/** An order may be said, as for the list; the file is by id, the order in which nobody moves meanwhile. */
export const exportQuery = z.object({ ...customerFilter, ...customerOrder });

export function customerDetailRoutes(router: Router<RequestState>, { customers }: CustomerDetailsDeps): void {
  const both = (path: string): string[] => [`/customer/${path}`, `/end_user/${path}`];
  const idOf = (ctx: AppContext): string => String(ctx["params"]?.id ?? "");

  router.get(both("export.csv"), (ctx: AppContext) => {
    const { search, budget_id: budgetId, blocked } = readQuery(ctx, exportQuery);
    const day = new Date().toISOString().slice(0, 10);
    ctx.set("content-disposition", `attachment; filename="customers-${day}.csv"`);
    ctx.set("cache-control", "no-store");
    ctx.type = "text/csv; charset=utf-8";
    ctx.body = Readable.from(customers.exportCsv({ search, budgetId, blocked }));
  });

  router.post(both("move"), async (ctx: AppContext) => {
    const { user_ids: ids, budget_id: budgetId } = await readJson(ctx, moveCustomersSchema);
    ctx.body = await customers.move(ctx.state.keyHash, { ids, budgetId });
  });

  router.get(both(":id/calls"), async (ctx: AppContext) => {
    const page = await customers.calls(idOf(ctx), readQuery(ctx, callsQuery));
    ctx.body = { data: page.rows, next_cursor: page.nextCursor };
  });

  router.get(both(":id/activity"), async (ctx: AppContext) => {
    ctx.body = await customers.activity(idOf(ctx), readQuery(ctx, dayRange));
  });
}
