import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

const NO_LIMITS = { max_parallel_requests: null, tpm_limit: null, rpm_limit: null, model_max_budget: null };
const MADE = { created_at: "2026-01-02T03:04:05.678000Z" };
/** As LiteLLM's /budget/list prints a row. */
export const litellmBudget = {
  budget_id: "free-tier",
  max_budget: 4.0,
  soft_budget: null,
  ...NO_LIMITS,
  budget_duration: "30d",
  budget_reset_at: "2026-02-01T00:00:00Z",
  ...MADE,
  created_by: "default_user_id",
  updated_at: "2026-01-02T03:04:05.678000Z",
  updated_by: "default_user_id",
  allowed_models: [],
};
/** As LiteLLM's /customer/list prints a row. */
export const litellmCustomer = {
  user_id: "ada",
  blocked: false,
  alias: "Ada",
  spend: 0.0011120000000000001,
  allowed_model_region: null,
  default_model: null,
  budget_id: "free-tier",
  models: [],
  litellm_budget_table: {
    ...litellmBudget,
    created_by: undefined,
    updated_at: undefined,
    updated_by: undefined,
  },
  object_permission_id: null,
  object_permission: null,
};
/** One without a budget. */
export const plainCustomer = { ...litellmCustomer, budget_id: null, litellm_budget_table: null, alias: null };

/** A folder for files to import. */
export interface Exports {
  readonly folder: string;
  /** Writes text as it is and all else as JSON; resolves with the file's path. */
  write(name: string, content: unknown): Promise<string>;
  remove(): Promise<void>;
}

export async function newExports(): Promise<Exports> {
  const folder = await mkdtemp(path.join(tmpdir(), "spendhook-import-"));
  return {
    folder,
    write: async (name, content) => {
      const at = path.join(folder, name);
      await writeFile(at, typeof content === "string" ? content : JSON.stringify(content));
      return at;
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
