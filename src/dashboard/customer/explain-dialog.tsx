import type { Explanation } from "../api/schemas/customers.ts";
import { formatInstant } from "../format/dates.ts";
import { exactMoney } from "../format/money.ts";
import { formatCount } from "../format/numbers.ts";
import { CopyButton } from "../parts/copy-button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Fact } from "../parts/fact.tsx";
import { Show } from "../parts/state.tsx";
import { useLoad } from "../parts/use-load.ts";
import { useServices } from "../services.ts";

/** A charge as its arithmetic: tokens × rate, their sum, and the one rounding. */
export function ExplainDialog({ requestId, close }: { requestId: string; close: () => void }) {
  const { api } = useServices();
  const explanation = useLoad(requestId, (signal) => api.customers.explain(requestId, signal));
  return (
    <Dialog title="Explain this charge" close={close} kind="wide">
      <div class="dialog-body">
        <Show of={explanation}>{(data) => <Arithmetic charge={data} />}</Show>
      </div>
    </Dialog>
  );
}

function Arithmetic({ charge }: { charge: Explanation }) {
  return (
    <>
      <div class="table-box">
        <table class="sum">
          <caption class="visually-hidden">Tokens times rate</caption>
          <thead>
            <tr>
              <th scope="col">Kind</th>
              <th scope="col" class="numeric">
                Tokens
              </th>
              <th scope="col" class="numeric">
                USD per token
              </th>
              <th scope="col" class="numeric">
                USD
              </th>
            </tr>
          </thead>
          <tbody>
            {charge.parts.map((part) => (
              <tr key={part.kind}>
                <td>{part.kind.replaceAll("_", " ")}</td>
                <td class="numeric">{formatCount(part.tokens)}</td>
                <td class="numeric">× {part.cost_per_token}</td>
                <td class="numeric">{part.cost}</td>
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row" colSpan={3}>
                Sum
              </th>
              <td class="numeric">{charge.unrounded_cost}</td>
            </tr>
            <tr class="sum-total">
              <th scope="row" colSpan={3}>
                Charged, rounded once to the nano-dollar
              </th>
              <td class="numeric">{exactMoney(charge.cost)}</td>
            </tr>
          </tfoot>
        </table>
      </div>
      <Facts charge={charge} />
    </>
  );
}

function priceText(charge: Explanation): string {
  if (charge.unpriced || charge.price_source === null) return "Nobody knows this model's price: charged $0";
  if (charge.price_source === "deployment") return "The deployment's own price, from config.yaml";
  return charge.price_source;
}

function Facts({ charge }: { charge: Explanation }) {
  const facts: readonly (readonly [string, string])[] = [
    ["Model", `${charge.model} (${charge.upstream_model})`],
    ["Price", priceText(charge)],
    [
      "Tokens",
      charge.estimated ? "Counted here: the upstream reported no usage" : "As the upstream reported them",
    ],
    [
      "Charged",
      `${formatInstant(charge.created_at)}, number ${formatCount(charge.sequence)} of this customer`,
    ],
    ["Spend after", `${exactMoney(charge.customer_spend_after)} in the period`],
    ["Lifetime after", exactMoney(charge.lifetime_spend_after)],
  ];
  return (
    <dl class="facts">
      {facts.map(([name, text]) => (
        <Fact key={name} name={name}>
          {text}
        </Fact>
      ))}
      <Fact name="Request">
        <span class="mono">{charge.request_id}</span>{" "}
        <CopyButton text={charge.request_id} label="Copy the request id" />
      </Fact>
    </dl>
  );
}
