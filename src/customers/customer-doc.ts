import { NEW_ACCOUNT } from "../spend/account.ts";
import type { CustomerDoc } from "../store/documents.ts";
import { amount } from "./usd-field.ts";
import type { NewCustomer, UpdateCustomer } from "./customer-fields.ts";
import { aliasKeyOf } from "./find-customers.ts";

/** A customer that was deleted before comes back with its numbering and its lifetime spend, and nothing else. */
export function newCustomer(known: CustomerDoc | null, body: NewCustomer, now: Date): CustomerDoc {
  const offset = amount(body.spend) ?? 0n;
  const sequence = known?.sequence ?? 0n;
  return {
    _id: body.user_id,
    ...NEW_ACCOUNT,
    alerts: [],
    modelSpend: [],
    lifetimeSpendNano: known?.lifetimeSpendNano ?? 0n,
    sequence,
    spendFromSequence: sequence,
    spendNano: offset,
    spendOffsetNano: offset,
    alias: body.alias ?? null,
    aliasKey: aliasKeyOf(body.alias ?? null),
    blocked: body.blocked ?? false,
    models: body.models ?? [],
    budgetId: null,
    defaultModel: body.default_model ?? null,
    allowedModelRegion: body.allowed_model_region ?? null,
    objectPermission: body.object_permission == null ? null : JSON.stringify(body.object_permission),
    lastCallAt: null,
    utilization: null,
    reviewAt: now,
    deletedAt: null,
    createdAt: now,
    updatedAt: now,
  };
}

type Settings = Pick<
  CustomerDoc,
  "alias" | "aliasKey" | "blocked" | "models" | "defaultModel" | "allowedModelRegion" | "objectPermission"
>;

/**
 * What these fields change of a customer, its budget aside: absent ones nothing. `null` clears a value; a block
 * is no value to clear, and a list is cleared by an empty one.
 */
export function changedSettings(body: UpdateCustomer): Partial<Settings> {
  return {
    ...(body.alias !== undefined && { alias: body.alias, aliasKey: aliasKeyOf(body.alias) }),
    ...(body.blocked != null && { blocked: body.blocked }),
    ...(body.models != null && { models: body.models }),
    ...(body.default_model !== undefined && { defaultModel: body.default_model }),
    ...(body.allowed_model_region !== undefined && { allowedModelRegion: body.allowed_model_region }),
    ...(body.object_permission !== undefined && {
      objectPermission: body.object_permission === null ? null : JSON.stringify(body.object_permission),
    }),
  };
}
