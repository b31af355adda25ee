import type { Router } from "@koa/router";
import { z } from "zod";
import type { ActivityQuery } from "../../customers/daily-activity.ts";
import type { CustomerQuery, Page } from "../../customers/list-customers.ts";
import { AppError } from "../../errors.ts";
import type { AppContext, RequestState } from "../context.ts";
import { readQuery } from "../read-json.ts";

export interface ActivityRoutesDeps {
  readonly customers: {
    readonly list: (query: CustomerQuery) => Promise<Page>;
    readonly dailyActivity: (query: ActivityQuery) => Promise<object>;
  };
}

const MAX_PAGE = 1000;
const day = z.iso.date("Input should be a date such as 2026-01-31");
const csv = z
  .string()
  .default("")
  .transform((text) => text.split(",").filter((part) => part !== ""));
export const activityQuery = z.object({
  start_date: day,
  end_date: day,
  end_user_ids: csv,
  exclude_end_user_ids: csv,
  model: z.string().nullable().default(null),
  api_key: z.string().nullable().default(null),
  page: z.coerce.number().int().min(1).default(1),
  page_size: z.coerce.number().int().min(1).max(MAX_PAGE).default(10),
});

export const aliasQuery = z.object({
  search: z.string().max(1024).nullable().default(null),
  page: z.coerce.number().int().min(1).default(1),
  size: z.coerce.number().int().min(1).max(MAX_PAGE).default(50),
});

/** What customers have done, by day, and the picker of their ids. */
export function activityRoutes(router: Router<RequestState>, { customers }: ActivityRoutesDeps): void {
  const both = (path: string): string[] => [`/customer/${path}`, `/end_user/${path}`];

  router.get(both("aliases"), async (ctx: AppContext) => {
    const { search, page, size } = readQuery(ctx, aliasQuery);
    let cursor: string | null = null;
    let found: Page = { rows: [], nextCursor: null };
    for (let at = 1; at <= page; at++) {
      const filter = { search, budgetId: null, blocked: null };
      found = await customers.list({ limit: size, cursor, ...filter, sort: "user_id", order: "asc" });
      cursor = found.nextCursor;
      if (cursor === null && at < page) found = { rows: [], nextCursor: null };
      if (cursor === null) break;
    }
    const aliases = found.rows.map((row) => row["user_id"]);
    ctx.body = { aliases, current_page: page, size, has_more: found.nextCursor !== null };
  });

  router.get(both("daily/activity"), async (ctx: AppContext, next) => {
    // A customer may be called "daily": its own route speaks of from and to.
    if (ctx.query["from"] !== undefined && ctx.query["start_date"] === undefined) {
      await next();
      return;
    }
    if (ctx.query["start_date"] === undefined || ctx.query["end_date"] === undefined) {
      throw new AppError("dates_missing", "Please provide start_date and end_date");
    }
    const query = readQuery(ctx, activityQuery);
    ctx.body = await customers.dailyActivity({
      startDate: query.start_date,
      endDate: query.end_date,
      customerIds: query.end_user_ids,
      excludedIds: query.exclude_end_user_ids,
      model: query.model,
      keyHash: query.api_key,
      page: query.page,
      pageSize: query.page_size,
    });
  });
}
