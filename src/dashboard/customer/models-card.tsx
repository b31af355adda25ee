import type { CustomerDetail } from "../api/schemas/customers.ts";
import { dayOf, DAY_MS } from "../format/dates.ts";
import { formatShare } from "../format/numbers.ts";
import { stackDays } from "../overview/stack-days.ts";
import { Card } from "../parts/card.tsx";
import { Money } from "../parts/money.tsx";
import { Empty, Show } from "../parts/state.tsx";
import { useLoad } from "../parts/use-load.ts";
import { useNow } from "../parts/use-now.ts";
import { useServices } from "../services.ts";

const DAYS = 30;
const MOST = 8;

/** Which models the money went to, and which ones the customer may use. */
export function ModelsCard({ customer }: { customer: CustomerDetail }) {
  const { api } = useServices();
  const now = useNow(60_000);
  const range = { from: dayOf(now - (DAYS - 1) * DAY_MS), to: dayOf(now) };
  const { user_id: id, sequence, models } = customer;
  const activity = useLoad(`${id} ${range.from} ${range.to} ${sequence}`, (signal) =>
    api.customers.activity(id, range, signal),
  );
  return (
    <Card title="Models" aside={`last ${DAYS} days`}>
      <Show of={activity}>
        {(days) => {
          const stack = stackDays(days, MOST);
          const total = stack.totals.reduce((sum, value) => sum + value, 0);
          if (stack.models.length === 0) return <Empty title="Nothing spent" />;
          return (
            <ul class="shares">
              {stack.models.map((model, index) => (
                <Share key={model} name={model} usd={stack.totals[index] ?? 0} total={total} />
              ))}
            </ul>
          );
        }}
      </Show>
      {models.length > 0 && <p class="muted small">May use: {models.join(", ")}</p>}
    </Card>
  );
}

function Share({ name, usd, total }: { name: string; usd: number; total: number }) {
  const share = total === 0 ? 0 : usd / total;
  return (
    <li>
      <span class="share-line">
        <span class="clip" title={name}>
          {name}
        </span>
        <Money usd={usd} />
      </span>
      <span class="bar bar-fine" role="img" aria-label={`${formatShare(share)} of the spend`}>
        <span class="bar-spent" style={{ width: `${(share * 100).toFixed(2)}%` }} />
      </span>
    </li>
  );
}
