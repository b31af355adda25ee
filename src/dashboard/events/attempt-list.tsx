import type { Attempt, Timing } from "../api/schemas/webhooks.ts";
import { formatClock, formatInstant } from "../format/dates.ts";
import { reasonText } from "../format/reasons.ts";
import { Badge } from "../parts/badge.tsx";
import { HeaderList } from "./header-list.tsx";

/** Every try, the last one first and open. */
export function AttemptList({ attempts }: { attempts: readonly Attempt[] }) {
  if (attempts.length === 0) return <p class="muted">Not tried yet.</p>;
  return (
    <ol class="attempts">
      {attempts.toReversed().map((attempt, index) => (
        <li key={attempt.number}>
          <details open={index === 0}>
            <summary>
              <span>Attempt {attempt.number}</span>
              <Badge tone={attempt.outcome === "delivered" ? "good" : "bad"}>
                {reasonText(attempt.code)}
              </Badge>
              {attempt.manual && <Badge>by hand</Badge>}
              <time class="muted" dateTime={attempt.started_at} title={formatInstant(attempt.started_at)}>
                {formatClock(attempt.started_at)}
              </time>
              {attempt.duration_ms !== null && <span class="muted">{attempt.duration_ms} ms</span>}
            </summary>
            <AttemptDetail attempt={attempt} />
          </details>
        </li>
      ))}
    </ol>
  );
}

function AttemptDetail({ attempt }: { attempt: Attempt }) {
  const { headers, timing, response, status } = attempt;
  return (
    <div class="attempt">
      {headers !== null && <HeaderList label="Headers as signed" headers={headers} />}
      {timing !== null && <TimingBar timing={timing} />}
      <h4>
        Response{" "}
        {status !== null && (
          <Badge tone={status >= 200 && status < 300 ? "good" : "bad"}>HTTP {status}</Badge>
        )}
      </h4>
      {response === null || response === "" ? (
        <p class="muted">{status === null ? "None." : "An empty body."}</p>
      ) : (
        <pre class="code code-wrap" tabIndex={0} role="region" aria-label="Response">
          <code>{response}</code>
        </pre>
      )}
    </div>
  );
}

/** Where the time of an attempt went. */
export function TimingBar({ timing }: { timing: Timing }) {
  const phases: readonly (readonly [string, number | null])[] = [
    ["DNS", timing.dns_ms],
    ["TCP", timing.tcp_ms],
    ["TLS", timing.tls_ms],
    ["First byte", timing.first_byte_ms],
    ["Total", timing.total_ms],
  ];
  return (
    <dl class="timing">
      {phases.map(([name, ms]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{ms === null ? "–" : `${Math.round(ms)} ms`}</dd>
        </div>
      ))}
    </dl>
  );
}
