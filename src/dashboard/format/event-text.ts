import type { EventBody } from "../api/schemas/webhooks.ts";
import { formatMoney } from "./money.ts";
import { formatShare } from "./numbers.ts";

export const EVENT_TYPES = [
  "spend_tracked",
  "soft_budget_crossed",
  "threshold_crossed",
  "budget_crossed",
  "projected_limit_exceeded",
  "budget_reset",
  "endpoint_disabled",
  "price_missing",
] as const;

export interface EventText {
  readonly text: string;
  readonly tone: "plain" | "good" | "warn" | "bad";
}

/** An event in words. `resolved` says that the customer is below the limit again. */
export function eventText(event: EventBody): EventText {
  const resolved = event["resolved"] === true;
  const limit = typeof event["limit"] === "number" ? ` of ${formatMoney(event["limit"])}` : "";
  const passed = (what: string, tone: EventText["tone"]): EventText =>
    resolved ? { text: `Below ${what} again`, tone: "good" } : { text: `Passed ${what}`, tone };
  switch (event.type) {
    case "spend_tracked":
      return { text: `Charged ${formatMoney(event.spend)}`, tone: "plain" };
    case "soft_budget_crossed":
      return passed(`the soft budget${limit}`, "warn");
    case "threshold_crossed": {
      const share = event["threshold"];
      return passed(
        `${typeof share === "number" ? formatShare(share) : "a threshold"} of the budget`,
        "warn",
      );
    }
    case "budget_crossed":
      return passed(`the budget${limit}`, "bad");
    case "projected_limit_exceeded":
      return resolved
        ? { text: "The pace is within the budget again", tone: "good" }
        : { text: "At this pace the budget will not last", tone: "warn" };
    case "budget_reset":
      return { text: `New period; ${formatMoney(event.spend)} was spent in the last`, tone: "good" };
    default:
      return { text: event.type.replaceAll("_", " "), tone: "plain" };
  }
}
