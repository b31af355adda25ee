import type { Endpoint } from "../api/schemas/webhooks.ts";
import { formatInstant } from "../format/dates.ts";
import { formatCount, plural } from "../format/numbers.ts";
import { CopyButton } from "../parts/copy-button.tsx";
import { Fact } from "../parts/fact.tsx";
import { Stat } from "../parts/stat.tsx";
import { Ago, Until } from "../parts/time.tsx";
import { Breaker, EndpointState, lagText, successText } from "./endpoints-table.tsx";

export function EndpointStats({ endpoint }: { endpoint: Endpoint }) {
  const { stats } = endpoint;
  return (
    <dl class="stats stats-small">
      <Stat
        label="State"
        value={<EndpointState endpoint={endpoint} />}
        note={
          endpoint.paused_until !== null && (
            <>
              asked to wait, goes on <Until at={endpoint.paused_until} />
            </>
          )
        }
      />
      <Stat
        label="Success, 24 h"
        value={successText(stats.success_rate)}
        note={`${formatCount(stats.delivered)} of ${plural(stats.delivered + stats.failed, "attempt")}`}
      />
      <Stat
        label="Waiting"
        value={formatCount(stats.pending + stats.parked)}
        note={`lag ${lagText(stats.lag_seconds)}`}
      />
      <Stat
        label="Breaker"
        value={<Breaker state={stats.breaker} />}
        note={
          stats.consecutive_failures === 0
            ? "no failure since the last success"
            : `${plural(stats.consecutive_failures, "failure")} in a row`
        }
      />
    </dl>
  );
}

export function EndpointFacts({ endpoint }: { endpoint: Endpoint }) {
  const { stats, event_types: types, customers, header_names: headers } = endpoint;
  return (
    <dl class="facts">
      <Fact name="URL">
        <span class="mono">{endpoint.url}</span>
      </Fact>
      <Fact name="Description">{endpoint.description ?? "–"}</Fact>
      <Fact name="Events">{types === null ? "all" : types.join(", ")}</Fact>
      <Fact name="Customers">{customers === null ? "all" : customers.join(", ")}</Fact>
      <Fact name="Headers">{headers.length === 0 ? "none of its own" : headers.join(", ")}</Fact>
      <Fact name="Limits">{limitsText(endpoint)}</Fact>
      <Fact name="Signature">
        <Signature endpoint={endpoint} />
      </Fact>
      <Fact name="Last success">
        <Ago at={stats.last_success_at} />
      </Fact>
      <Fact name="Last failure">
        <Ago at={stats.last_failure_at} />
      </Fact>
      <Fact name="Since">{formatInstant(endpoint.created_at)}</Fact>
    </dl>
  );
}

function limitsText({
  timeout_ms: timeout,
  max_in_flight: most,
  rate_per_second: rate,
  coalesce,
}: Endpoint): string {
  const parts = [
    `answer within ${timeout / 1000} s`,
    `${most} at once`,
    rate === null ? "as fast as it answers" : `${rate} a second`,
    coalesce !== null && `charges gathered up to ${coalesce.max_events} or ${coalesce.max_seconds} s`,
  ];
  return parts.filter((part) => part !== false).join(", ");
}

function Signature({ endpoint }: { endpoint: Endpoint }) {
  const { signature, secrets, public_key: key } = endpoint;
  return (
    <>
      {signature}, {plural(secrets.length, "secret")} in force
      {key !== null && (
        <span class="mono">
          {" "}
          {key} <CopyButton text={key} label="Copy the public key" />
        </span>
      )}
    </>
  );
}
