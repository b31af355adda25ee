import { useState } from "preact/hooks";
import type { UsedBudget } from "../api/schemas/budgets.ts";
import { curlPost } from "../format/curl.ts";
import { PageHeader } from "../parts/page-header.tsx";
import { Empty, Show } from "../parts/state.tsx";
import { useLiveReload } from "../parts/use-live.ts";
import { useLoad } from "../parts/use-load.ts";
import { usePolling } from "../parts/use-polling.ts";
import { useServices } from "../services.ts";
import { BudgetsTable } from "./budgets-table.tsx";
import { CreateBudgetDialog } from "./create-budget-dialog.tsx";
import { DeleteBudgetDialog } from "./delete-budget-dialog.tsx";
import { EditBudgetDialog } from "./edit-budget-dialog.tsx";

const RELOAD_MS = 3000;
/** After a change its customers are counted anew one after the other, without a message. */
const POLL_MS = 4000;

type Open = { kind: "create" } | { kind: "edit" | "delete"; budget: UsedBudget };

/** The tiers: what customers may spend, and how they stand. */
export function BudgetsPage() {
  const { api } = useServices();
  const budgets = useLoad("budgets", (signal) => api.budgets.list(signal));
  const [open, setOpen] = useState<Open | null>(null);
  const close = (): void => setOpen(null);
  useLiveReload(budgets.reload, { everyMs: RELOAD_MS, when: () => true });
  usePolling(budgets.reload, POLL_MS);
  const create = `${window.location.origin}/budget/new`;
  return (
    <>
      <PageHeader title="Budgets">
        <button type="button" class="button button-primary" onClick={() => setOpen({ kind: "create" })}>
          + Create Budget
        </button>
      </PageHeader>
      <section class="card" aria-label="Budgets">
        <Show of={budgets}>
          {(rows) =>
            rows.length === 0 ? (
              <Empty
                title="No budgets yet"
                curl={curlPost(create, { budget_id: "my-free-tier", max_budget: 4 })}
              >
                A budget is a tier: limits and a period, shared by the customers on it. Each spends on its
                own.
              </Empty>
            ) : (
              <BudgetsTable
                rows={rows}
                edit={(budget) => setOpen({ kind: "edit", budget })}
                remove={(budget) => setOpen({ kind: "delete", budget })}
              />
            )
          }
        </Show>
      </section>
      {open?.kind === "create" && <CreateBudgetDialog close={close} created={budgets.reload} />}
      {open?.kind === "edit" && (
        <EditBudgetDialog budget={open.budget} close={close} changed={budgets.reload} />
      )}
      {open?.kind === "delete" && (
        <DeleteBudgetDialog budget={open.budget} close={close} deleted={budgets.reload} />
      )}
    </>
  );
}
