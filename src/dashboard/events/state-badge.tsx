import type { Delivery } from "../api/schemas/webhooks.ts";
import { plural } from "../format/numbers.ts";
import { Badge, type Tone } from "../parts/badge.tsx";
import { DELIVERY_STATES } from "./delivery-states.ts";

const TONES: Readonly<Record<Delivery["state"], Tone>> = {
  delivered: "good",
  pending: "accent",
  parked: "warn",
  gathering: "plain",
  batched: "good",
  exhausted: "bad",
};

/** How a delivery stands; one that needed several tries says so. */
export function StateBadge({ state, attempts }: { state: Delivery["state"]; attempts: number }) {
  const isRetrying = state === "pending" && attempts > 0;
  return (
    <Badge tone={isRetrying ? "warn" : TONES[state]} title={plural(attempts, "try", "tries")}>
      {isRetrying ? "retrying" : DELIVERY_STATES[state]}
      {attempts > 1 && ` · ${attempts}`}
    </Badge>
  );
}
