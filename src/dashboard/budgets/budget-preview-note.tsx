import { plural } from "../format/numbers.ts";
import { useDebounced } from "../parts/use-debounced.ts";
import { orNull } from "../parts/typed-text.ts";
import { useLoad } from "../parts/use-load.ts";
import { useServices } from "../services.ts";

const PAUSE_MS = 250;

/** "3 customers would be over today", for the amount that is being typed. */
export function BudgetPreviewNote({ id, maxBudget }: { id: string; maxBudget: string }) {
  const { api } = useServices();
  const typed = useDebounced(maxBudget, PAUSE_MS);
  const preview = useLoad(`${id} ${typed}`, (signal) => api.budgets.preview(id, orNull(typed), signal), {
    forget: true,
  });
  const { data, error } = preview;
  if (error !== null) return <p class="preview muted">No preview: {error.message}</p>;
  if (data === null) return <p class="preview muted">Counting …</p>;
  const { customers, over_now: now, over_then: then } = data;
  return (
    <p class={`preview${then > now ? " preview-worse" : ""}`} role="status">
      <strong>{then === 0 ? "No customer" : plural(then, "customer")} would be over today</strong>
      <span class="muted">
        {" "}
        of {plural(customers, "customer")} on this budget; now{" "}
        {now === 0 ? "none is" : now === 1 ? "1 is" : `${now} are`}.
      </span>
    </p>
  );
}
