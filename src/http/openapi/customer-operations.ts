import { z } from "zod";
import {
  budgetIdsSchema,
  customerIdsSchema,
  deleteBudgetSchema,
  moveCustomersSchema,
  newBudgetSchema,
  newCustomerSchema,
  previewBudgetSchema,
  updateBudgetSchema,
  updateCustomerSchema,
} from "../../customers/customer-fields.ts";
import { dayRange } from "../day-range.ts";
import { activityQuery, aliasQuery } from "../routes/activity.ts";
import { auditQuery, budgetListQuery } from "../routes/budgets.ts";
import { callsQuery, exportQuery } from "../routes/customer-details.ts";
import { customerListQuery } from "../routes/customers.ts";
import type { Operation } from "./operation.ts";

const CUSTOMERS = "Customers";
const BUDGETS = "Budgets";
const customer = "The customer: LiteLLM's seven fields first, then ours.";
const budget = "The budget's row.";

const info = z.object({ end_user_id: z.string() });
const settings = z.object({ budget_id: z.string() });

/** Customers and budgets. Paths under /customer are there under /end_user as well. */
export const CUSTOMER_OPERATIONS: readonly Operation[] = [
  {
    method: "post",
    path: "/customer/new",
    tag: CUSTOMERS,
    summary: "Create a customer",
    body: newCustomerSchema,
    answers: customer,
  },
  {
    method: "post",
    path: "/customer/update",
    tag: CUSTOMERS,
    summary:
      "Change a customer: what is absent stays, null clears a value, never a block or a list of models",
    body: updateCustomerSchema,
    answers: customer,
  },
  {
    method: "get",
    path: "/customer/info",
    tag: CUSTOMERS,
    summary: "One customer and what it has spent",
    query: info,
    answers: `${customer} \`spooled_charges\` and \`spooled_spend\`: what this proxy's disk has for the store.`,
  },
  {
    method: "get",
    path: "/customer/list",
    tag: CUSTOMERS,
    summary: "Customers, by page",
    query: customerListQuery,
    answers: "An array; the next page is in the Link header.",
  },
  {
    method: "get",
    path: "/customer/export.csv",
    tag: CUSTOMERS,
    summary: "Customers as CSV",
    query: exportQuery,
    answers: "text/csv, streamed.",
  },
  {
    method: "get",
    path: "/customer/aliases",
    tag: CUSTOMERS,
    summary: "Ids to pick from",
    query: aliasQuery,
    answers: "{aliases, current_page, size, has_more}",
  },
  {
    method: "post",
    path: "/customer/delete",
    tag: CUSTOMERS,
    summary: "Delete all of these customers or none; their ledger stays",
    body: customerIdsSchema,
    answers: "{deleted_customers, message}",
  },
  {
    method: "post",
    path: "/customer/block",
    tag: CUSTOMERS,
    summary: "Block customers; ids that nobody has yet are created",
    body: customerIdsSchema,
    answers: "{blocked_users}",
  },
  {
    method: "post",
    path: "/customer/unblock",
    tag: CUSTOMERS,
    summary: "Unblock customers",
    body: customerIdsSchema,
    answers: "{unblocked_users, blocked_users}",
  },
  {
    method: "post",
    path: "/customer/move",
    tag: CUSTOMERS,
    summary: "Move customers to a budget, or to none",
    body: moveCustomersSchema,
    answers: "{moved, previous}: what undoes it.",
  },
  {
    method: "get",
    path: "/customer/daily/activity",
    tag: CUSTOMERS,
    summary: "What was spent per day, in LiteLLM's shape",
    query: activityQuery,
    answers: "{results, metadata}",
  },
  {
    method: "get",
    path: "/customer/{id}/calls",
    tag: CUSTOMERS,
    summary: "A customer's charges, newest first",
    query: callsQuery,
    answers: "{data, next_cursor}",
  },
  {
    method: "get",
    path: "/customer/{id}/activity",
    tag: CUSTOMERS,
    summary: "A customer's spend per day and model",
    query: dayRange,
    answers: "{days}",
  },
  {
    method: "post",
    path: "/budget/new",
    tag: BUDGETS,
    summary: "Create a tier",
    body: newBudgetSchema,
    answers: budget,
  },
  {
    method: "post",
    path: "/budget/update",
    tag: BUDGETS,
    summary: "Change a tier for all of its customers: what is absent stays, null clears",
    body: updateBudgetSchema,
    answers: budget,
  },
  {
    method: "post",
    path: "/budget/info",
    tag: BUDGETS,
    summary: "Budgets by their ids",
    body: budgetIdsSchema,
    answers: "An array; unknown ids are absent.",
  },
  {
    method: "get",
    path: "/budget/list",
    tag: BUDGETS,
    summary: "Tiers, by page",
    query: budgetListQuery,
    answers: "An array; the next page is in the Link header.",
  },
  {
    method: "get",
    path: "/budget/settings",
    tag: BUDGETS,
    summary: "A budget as fields with their descriptions",
    query: settings,
    answers: "An array of fields.",
  },
  {
    method: "post",
    path: "/budget/preview",
    tag: BUDGETS,
    summary: "How many customers another maximum would put over",
    body: previewBudgetSchema,
    answers: "{customers, over_now, over_then}",
  },
  {
    method: "post",
    path: "/budget/delete",
    tag: BUDGETS,
    summary: "Delete a tier; its customers go on without one",
    body: deleteBudgetSchema,
    answers: budget,
  },
  {
    method: "get",
    path: "/audit",
    tag: BUDGETS,
    summary: "Who changed what, newest first",
    query: auditQuery,
    answers: "{data, next_cursor}",
  },
];
