import type { Verdict } from "../classify-attempt.ts";
import type { LaneDeps } from "./lanes.ts";

/**
 * Wishes of an endpoint's receiver for a stop or a pause that are on their way to the store. Until they are there
 * nothing is to begin, and what was read of the endpoint before then is old.
 */
export class Wishes {
  #pending = 0;
  #ended = 0;

  get isPending(): boolean {
    return this.#pending > 0;
  }

  /** Another number each time one has ended. */
  get ended(): number {
    return this.#ended;
  }

  /** For one attempt: a wish that is heard is pending until the end of all that comes of it. */
  listen(): { heard: (verdict: Verdict) => void; end: () => void } {
    let wishes = 0;
    return {
      heard: (verdict) => {
        if (!isWish(verdict)) return;
        wishes++;
        this.#pending++;
      },
      end: () => {
        this.#pending -= wishes;
        this.#ended += wishes;
      },
    };
  }
}

export function isWish(verdict: Verdict): boolean {
  return verdict.disableReason !== null || pauseWished(verdict) !== null;
}

/** Changes the endpoint as its receiver wishes, if it does. */
export async function heed(
  deps: Pick<LaneDeps, "disable" | "pauseUntil" | "forgetEndpoint" | "now">,
  endpointId: string,
  verdict: Verdict,
): Promise<void> {
  const pauseMs = pauseWished(verdict);
  if (verdict.disableReason !== null) await deps.disable(endpointId, verdict.disableReason);
  else if (pauseMs !== null) await deps.pauseUntil(endpointId, new Date(deps.now().getTime() + pauseMs));
  else return;
  deps.forgetEndpoint(endpointId);
}

function pauseWished(verdict: Verdict): number | null {
  return verdict.next === "retry" ? verdict.pauseEndpointMs : null;
}
