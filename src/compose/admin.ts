import type { AppDeps } from "../app.ts";
import type { AdminDeps } from "../customers/admin.ts";
import { findBudgetsOf, showing } from "../customers/admin.ts";
import {
  budgetSettings,
  createBudget,
  deleteBudget,
  findBudgets,
  updateBudget,
} from "../customers/admin-budgets.ts";
import { createCustomer, deleteCustomers, setBlocked, updateCustomer } from "../customers/admin-customers.ts";
import { previewBudget } from "../customers/budget-usage.ts";
import { customerActivity } from "../customers/customer-activity.ts";
import { listCalls } from "../customers/customer-calls.ts";
import { customerJson, projectionJson } from "../customers/customer-json.ts";
import { dailyActivity } from "../customers/daily-activity.ts";
import { exportCustomers } from "../customers/export-customers.ts";
import { moveCustomers } from "../customers/move-customers.ts";
import { listAudit, listBudgets, listCustomers, withHeld } from "../customers/list-customers.ts";
import { usdJson } from "../lib/money.ts";
import type { Limits } from "./limits.ts";
import type { Parts } from "./parts.ts";

/** What operators change and look at. */
export function openAdmin(
  parts: Parts,
  limits: Limits,
): Pick<AppDeps, "customers" | "budgets" | "listAudit"> {
  const { config, store } = parts;
  const deps = adminDeps(parts, limits);
  const held = limits.admission.held.bind(limits.admission);
  const providers = new Map(config.deployments.map(({ modelName, provider }) => [modelName, provider]));
  return {
    customers: {
      show: async (id) => {
        const customer = await store.collections.customers.findOne({ _id: id, deletedAt: null });
        const [found] = customer === null ? [] : await findBudgetsOf(deps, [customer]);
        if (found === undefined) return null;
        const show = showing(deps);
        const projection = projectionJson(found.customer, found, show);
        const [row] = await withHeld([{ ...customerJson(found.customer, found, show), ...projection }], held);
        if (row === undefined) return null;
        const { charges, totalNano } = limits.admission.waiting.sumOf(id);
        return { ...row, spooled_charges: charges, spooled_spend: usdJson(totalNano) };
      },
      create: (actor, body) => createCustomer(deps, actor, body),
      update: (actor, body) => updateCustomer(deps, actor, body),
      delete: (actor, ids) => deleteCustomers(deps, actor, ids),
      setBlocked: (actor, change) => setBlocked(deps, actor, change),
      list: async (query) => {
        const page = await listCustomers(deps, query);
        return query.held === true ? { ...page, rows: await withHeld(page.rows, held) } : page;
      },
      calls: (id, query) => listCalls(store, id, query),
      activity: (id, range) => customerActivity(store, id, range),
      move: (actor, move) => moveCustomers(deps, actor, move),
      exportCsv: (filter) => exportCustomers(deps, filter),
      dailyActivity: (query) => dailyActivity(store, (model) => providers.get(model) ?? "unknown", query),
    },
    budgets: {
      create: (actor, body) => createBudget(deps, actor, body),
      update: (actor, body) => updateBudget(deps, actor, body),
      delete: (actor, id) => deleteBudget(deps, actor, id),
      find: (ids) => findBudgets(deps, ids),
      settings: (id) => budgetSettings(deps, id),
      preview: (id, maxBudget) => previewBudget(deps, id, maxBudget),
      list: (query) => listBudgets(deps, query),
    },
    listAudit: (query) => listAudit(deps, query),
  };
}

export function adminDeps({ config, store, newId }: Parts, limits: Limits): AdminDeps {
  return {
    store,
    newId,
    now: () => new Date(),
    defaults: config.budgets,
    defaultBudgetId: config.budgets.defaultBudgetId,
    modelNames: [...new Set(config.deployments.map(({ modelName }) => modelName))],
    changed: (change) => {
      if ("budget" in change) {
        limits.tell({ kind: "budget", id: change.budget });
        return;
      }
      for (const id of change.customers) limits.admission.forget(id);
      limits.tell({ kind: "customers", ids: [...change.customers] });
    },
  };
}
