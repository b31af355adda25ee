import type { AppDeps } from "../app.ts";
import type { AdminDeps } from "../customers/admin.ts";
import { showCustomer } from "../customers/admin.ts";
import {
  budgetSettings,
  createBudget,
  deleteBudget,
  findBudgets,
  updateBudget,
} from "../customers/admin-budgets.ts";
import { createCustomer, deleteCustomers, setBlocked, updateCustomer } from "../customers/admin-customers.ts";
import { dailyActivity } from "../customers/daily-activity.ts";
import { listAudit, listBudgets, listCustomers } from "../customers/list-customers.ts";
import type { Limits } from "./limits.ts";
import type { Parts } from "./parts.ts";

/** What operators change and look at. */
export function openAdmin(
  { config, store, newId }: Parts,
  limits: Limits,
): Pick<AppDeps, "customers" | "budgets" | "listAudit"> {
  const deployments = config.deployments;
  const deps: AdminDeps = {
    store,
    newId,
    now: () => new Date(),
    defaults: config.budgets,
    defaultBudgetId: config.budgets.defaultBudgetId,
    modelNames: [...new Set(deployments.map(({ modelName }) => modelName))],
    changed: (change) => {
      if ("budget" in change) {
        limits.tell({ kind: "budget", id: change.budget });
        return;
      }
      for (const id of change.customers) limits.admission.forget(id);
      limits.tell({ kind: "customers", ids: [...change.customers] });
    },
  };
  const providers = new Map(deployments.map(({ modelName, provider }) => [modelName, provider]));
  return {
    customers: {
      show: async (id) => {
        const customer = await store.collections.customers.findOne({ _id: id, deletedAt: null });
        return customer && showCustomer(deps, customer);
      },
      create: (actor, body) => createCustomer(deps, actor, body),
      update: (actor, body) => updateCustomer(deps, actor, body),
      delete: (actor, ids) => deleteCustomers(deps, actor, ids),
      setBlocked: (actor, change) => setBlocked(deps, actor, change),
      list: (query) => listCustomers(deps, query),
      dailyActivity: (query) => dailyActivity(store, (model) => providers.get(model) ?? "unknown", query),
    },
    budgets: {
      create: (actor, body) => createBudget(deps, actor, body),
      update: (actor, body) => updateBudget(deps, actor, body),
      delete: (actor, id) => deleteBudget(deps, actor, id),
      find: (ids) => findBudgets(deps, ids),
      settings: (id) => budgetSettings(deps, id),
      list: (query) => listBudgets(deps, query),
    },
    listAudit: (query) => listAudit(deps, query),
  };
}
