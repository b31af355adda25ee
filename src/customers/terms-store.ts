import type { Store } from "../store/connect.ts";
import type { BudgetDoc, CustomerDoc } from "../store/documents.ts";
import { type Account, reviewAccount } from "../spend/account.ts";
import { type BudgetTerms, type TermsDefaults, termsOf } from "../spend/budget-terms.ts";
import type { CustomerTerms } from "./customer-terms.ts";

export interface TermsStoreOptions extends TermsDefaults {
  readonly defaultBudgetId: string | null;
}

export interface TermsStore {
  /** Terms of these customers, one for each id, known or not. */
  readonly loadTerms: (customerIds: readonly string[]) => Promise<ReadonlyMap<string, CustomerTerms>>;
  /** A customer's account brought up to now; null for an id that nobody has. */
  loadAccount(customerId: string, now: Date): Promise<Account | null>;
}

const TERMS_FIELDS = {
  blocked: 1,
  models: 1,
  defaultModel: 1,
  allowedModelRegion: 1,
  budgetId: 1,
  deletedAt: 1,
} as const;
type TermsRow = Pick<CustomerDoc, "_id" | keyof typeof TERMS_FIELDS>;

/** Reads what decides over customers' calls. */
export function createTermsStore(store: Store, options: TermsStoreOptions): TermsStore {
  const { customers, budgets } = store.collections;
  const compiled = createCompiler(options);

  const loadBudgets = async (ids: readonly string[]): Promise<Map<string, BudgetTerms>> => {
    if (ids.length === 0) return new Map();
    const docs = await budgets.find({ _id: { $in: [...new Set(ids)] } }).toArray();
    return new Map(docs.map((doc) => [doc._id, compiled(doc)]));
  };

  const { defaultBudgetId } = options;
  const withDefault = (ids: readonly string[]): string[] =>
    defaultBudgetId === null ? [...ids] : [...ids, defaultBudgetId];
  /** Who names a tier that is gone has the default one, before its document says so. */
  const termsIn = (tiers: ReadonlyMap<string, BudgetTerms>, id: string | null): BudgetTerms | null =>
    (id !== null && tiers.get(id)) || (defaultBudgetId !== null && tiers.get(defaultBudgetId)) || null;

  return {
    loadTerms: async (customerIds) => {
      const rows = await customers
        .find({ _id: { $in: [...customerIds] } })
        .project<TermsRow>(TERMS_FIELDS)
        .toArray();
      const byId = new Map(rows.filter((row) => row.deletedAt === null).map((row) => [row._id, row]));
      const ids = customerIds.flatMap((id) => byId.get(id)?.budgetId ?? []);
      const tiers = await loadBudgets(withDefault(ids));
      return new Map(
        customerIds.map((id) => {
          const row = byId.get(id);
          return [
            id,
            {
              exists: row !== undefined,
              blocked: row?.blocked ?? false,
              models: row?.models ?? [],
              defaultModel: row?.defaultModel ?? null,
              region: row?.allowedModelRegion ?? null,
              budget: termsIn(tiers, row?.budgetId ?? null),
            },
          ];
        }),
      );
    },

    loadAccount: async (customerId, now) => {
      const row = await customers.findOne({ _id: customerId });
      if (row === null) return null;
      const tiers = await loadBudgets(withDefault(row.budgetId === null ? [] : [row.budgetId]));
      return reviewAccount(row, termsIn(tiers, row.budgetId), now).account;
    },
  };
}

/** The same budget is compiled once: its terms remember the period that they are asked for at every call. */
function createCompiler(options: TermsStoreOptions): (doc: BudgetDoc) => BudgetTerms {
  const known = new Map<string, { updatedAt: number; terms: BudgetTerms }>();
  return (doc) => {
    const updatedAt = doc.updatedAt.getTime();
    const last = known.get(doc._id);
    if (last?.updatedAt === updatedAt) return last.terms;
    const terms = termsOf(doc, options);
    known.set(doc._id, { updatedAt, terms });
    return terms;
  };
}
