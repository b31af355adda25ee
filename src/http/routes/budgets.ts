import type { Router } from "@koa/router";
import { z } from "zod";
import {
  budgetIdsSchema,
  deleteBudgetSchema,
  type NewBudget,
  newBudgetSchema,
  previewBudgetSchema,
  updateBudgetSchema,
} from "../../customers/customer-fields.ts";
import type { Page } from "../../customers/list-customers.ts";
import type { AppContext, RequestState } from "../context.ts";
import { sendPage } from "../page.ts";
import { readJson, readQuery } from "../read-json.ts";
import { requiredQuery } from "../validation-failure.ts";

type Shown = Record<string, unknown>;

/** What the operator does with budgets; the actor is the hash of the API key. */
export interface BudgetRoutesDeps {
  readonly budgets: {
    readonly create: (actor: string, body: NewBudget) => Promise<Shown>;
    readonly update: (actor: string, body: NewBudget) => Promise<Shown>;
    readonly delete: (actor: string, id: string) => Promise<Shown>;
    readonly find: (ids: readonly string[]) => Promise<Shown[]>;
    readonly settings: (id: string) => Promise<Shown[]>;
    /** `usage`: with how many customers each has, and how many are near or over it. */
    readonly list: (query: { limit: number; cursor: string | null; usage: boolean }) => Promise<Page>;
    readonly preview: (id: string, maxBudget: number | string | null) => Promise<object>;
  };
  readonly listAudit: (query: {
    limit: number;
    cursor: string | null;
    targetId: string | null;
  }) => Promise<Page>;
}

const MAX_PAGE = 1000;
const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(MAX_PAGE),
  cursor: z.string().nullable().default(null),
});
export const budgetListQuery = pageQuery.extend({
  usage: z
    .enum(["true", "false"])
    .transform((text) => text === "true")
    .default(false),
});
export const auditQuery = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(100),
  cursor: z.string().nullable().default(null),
  target_id: z.string().nullable().default(null),
});

/** /budget/* and the record of all changes. */
export function budgetRoutes(router: Router<RequestState>, { budgets, listAudit }: BudgetRoutesDeps): void {
  router.post("/budget/new", async (ctx: AppContext) => {
    ctx.body = await budgets.create(ctx.state.keyHash, await readJson(ctx, newBudgetSchema));
  });
  router.post("/budget/update", async (ctx: AppContext) => {
    ctx.body = await budgets.update(ctx.state.keyHash, await readJson(ctx, updateBudgetSchema));
  });
  router.post("/budget/info", async (ctx: AppContext) => {
    ctx.body = await budgets.find((await readJson(ctx, budgetIdsSchema)).budgets);
  });
  router.get("/budget/settings", async (ctx: AppContext) => {
    ctx.body = await budgets.settings(requiredQuery(ctx.query, "budget_id"));
  });
  router.get("/budget/list", async (ctx: AppContext) => {
    sendPage(ctx, await budgets.list(readQuery(ctx, budgetListQuery)));
  });
  router.post("/budget/preview", async (ctx: AppContext) => {
    const { budget_id: id, max_budget: max } = await readJson(ctx, previewBudgetSchema);
    ctx.body = await budgets.preview(id, max);
  });
  router.post("/budget/delete", async (ctx: AppContext) => {
    ctx.body = await budgets.delete(ctx.state.keyHash, (await readJson(ctx, deleteBudgetSchema)).id);
  });
  router.get("/audit", async (ctx: AppContext) => {
    const { limit, cursor, target_id: targetId } = readQuery(ctx, auditQuery);
    const page = await listAudit({ limit, cursor, targetId });
    ctx.body = { data: page.rows, next_cursor: page.nextCursor };
  });
}
