import type { Overview } from "../api/schemas/overview.ts";
import { formatSpan } from "../format/dates.ts";
import { formatMoney } from "../format/money.ts";
import { formatCount, plural } from "../format/numbers.ts";
import { reasonText } from "../format/reasons.ts";
import { Badge } from "../parts/badge.tsx";
import { Card } from "../parts/card.tsx";
import { Link } from "../routing/link.tsx";
import { address } from "../routing/router.ts";

function Counts({ counts }: { counts: Readonly<Record<string, number>> }) {
  const rows = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return (
    <ul class="counts">
      {rows.map(([name, count]) => (
        <li key={name}>
          <span>{reasonText(name)}</span>
          <span class="numeric">{formatCount(count)}</span>
        </li>
      ))}
    </ul>
  );
}

export function RefusedCalls({ refused }: { refused: Overview["refused"] }) {
  return (
    <Card title="Refused calls">
      <p class="headline">{plural(refused.calls, "call")}</p>
      <p class="muted">
        {refused.calls === 0
          ? "Nobody ran into a limit."
          : `Those over a budget would have cost at least ${formatMoney(refused.usd)}.`}
      </p>
      <Counts counts={refused.by_reason} />
    </Card>
  );
}

export function UnpricedCalls({ unpriced }: { unpriced: Overview["unpriced"] }) {
  const models = <Link to={address("models")}>Models</Link>;
  return (
    <Card title="Unpriced calls" aside={models}>
      <p class="headline">{plural(unpriced.calls, "call")}</p>
      <p class="muted">
        {unpriced.calls === 0
          ? "Every call had a price."
          : "Charged $0, because nobody knows the price of these models:"}
      </p>
      <Counts counts={unpriced.models} />
    </Card>
  );
}

export function WebhookHealth({ webhooks }: { webhooks: Overview["webhooks"] }) {
  const { pending, lag_seconds: lag, failing } = webhooks;
  return (
    <Card title="Webhooks" aside={<Link to={address("endpoints")}>Endpoints</Link>}>
      <p class="headline">
        {failing.length > 0 ? (
          <Badge tone="bad">{plural(failing.length, "endpoint")} failing</Badge>
        ) : pending > 0 ? (
          `${formatCount(pending)} on their way`
        ) : (
          "All delivered"
        )}
      </p>
      <p class="muted">
        {pending === 0 || lag === null
          ? "Nothing is waiting."
          : `${plural(pending, "delivery", "deliveries")} waiting, the oldest for ${formatSpan(lag * 1000)}.`}
      </p>
      <ul class="failing">
        {failing.map(({ id, url, reason }) => (
          <li key={id}>
            <Link to={address("endpoints", { id })} title={url}>
              {url}
            </Link>
            <span class="muted">{reasonText(reason)}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
