import type { Router } from "@koa/router";
import { z } from "zod";
import {
  customerIdsSchema,
  type NewCustomer,
  newCustomerSchema,
  type UpdateCustomer,
  updateCustomerSchema,
} from "../../customers/customer-fields.ts";
import type { CustomerQuery, Page } from "../../customers/list-customers.ts";
import { AppError } from "../../errors.ts";
import type { AppContext, RequestState } from "../context.ts";
import { sendPage } from "../page.ts";
import { readJson, readQuery } from "../read-json.ts";
import { requiredQuery } from "../validation-failure.ts";

type Shown = Record<string, unknown>;

/** What the operator does with customers; the actor is the hash of the API key. */
export interface CustomerRoutesDeps {
  readonly customers: {
    /** The customer as the API shows one; null when there is none. */
    readonly show: (id: string) => Promise<Shown | null>;
    readonly create: (actor: string, body: NewCustomer) => Promise<Shown>;
    readonly update: (actor: string, body: UpdateCustomer) => Promise<Shown>;
    readonly delete: (actor: string, ids: readonly string[]) => Promise<number>;
    readonly setBlocked: (
      actor: string,
      change: { ids: readonly string[]; blocked: boolean },
    ) => Promise<Shown[]>;
    readonly list: (query: CustomerQuery) => Promise<Page>;
  };
}

const MAX_PAGE = 1000;
const limit = z.coerce.number().int().min(1).max(MAX_PAGE).default(MAX_PAGE);

const flag = z.enum(["true", "false"]).transform((text) => text === "true");
const text = z
  .string()
  .max(1024)
  .transform((value) => (value === "" ? null : value))
  .nullable()
  .default(null);

/** Which customers; shared by the list and its export. */
export const customerFilter = {
  search: text,
  budget_id: text,
  blocked: flag.nullable().default(null),
} as const;
export const customerOrder = {
  sort: z.enum(["user_id", "created_at", "spend", "utilization", "last_call_at"]).default("user_id"),
  order: z.enum(["asc", "desc"]).default("asc"),
} as const;

export const customerListQuery = z.object({
  limit,
  cursor: z.string().nullable().default(null),
  held: flag.default(false),
  ...customerFilter,
  ...customerOrder,
});

/** /customer/*, and LiteLLM's alias /end_user/*. */
export function customerRoutes(router: Router<RequestState>, { customers }: CustomerRoutesDeps): void {
  const both = (path: string): string[] => [`/customer/${path}`, `/end_user/${path}`];

  router.get(both("info"), async (ctx: AppContext) => {
    const id = requiredQuery(ctx.query, "end_user_id");
    const customer = await customers.show(id);
    if (customer === null) {
      throw new AppError("customer_not_found", `End User Id=${id} does not exist in db`, {
        param: "end_user_id",
      });
    }
    ctx.body = customer;
  });

  router.post(both("new"), async (ctx: AppContext) => {
    ctx.body = await customers.create(ctx.state.keyHash, await readJson(ctx, newCustomerSchema));
  });

  router.post(both("update"), async (ctx: AppContext) => {
    ctx.body = await customers.update(ctx.state.keyHash, await readJson(ctx, updateCustomerSchema));
  });

  router.post(both("delete"), async (ctx: AppContext) => {
    const { user_ids: ids } = await readJson(ctx, customerIdsSchema);
    if (ids.length === 0) {
      throw new AppError("invalid_request", "user_id is required, passed user_id = []", {
        param: "user_ids",
      });
    }
    const deleted = await customers.delete(ctx.state.keyHash, ids);
    const message = `Successfully deleted customers with ids: ${JSON.stringify(ids)}`;
    ctx.body = { deleted_customers: deleted, message };
  });

  router.post(both("block"), async (ctx: AppContext) => {
    const { user_ids: ids } = await readJson(ctx, customerIdsSchema);
    ctx.body = { blocked_users: await customers.setBlocked(ctx.state.keyHash, { ids, blocked: true }) };
  });

  router.post(both("unblock"), async (ctx: AppContext) => {
    const { user_ids: ids } = await readJson(ctx, customerIdsSchema);
    const unblocked = await customers.setBlocked(ctx.state.keyHash, { ids, blocked: false });
    ctx.body = { unblocked_users: unblocked, blocked_users: [] };
  });

  router.get(both("list"), async (ctx: AppContext) => {
    const { budget_id: budgetId, ...query } = readQuery(ctx, customerListQuery);
    sendPage(ctx, await customers.list({ ...query, budgetId }));
  });
}
