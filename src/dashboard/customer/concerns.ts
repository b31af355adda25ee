import type { LiveMessage } from "../api/live.ts";

/** True for messages about this customer, or about a budget that may be its own. */
export function concerns(id: string): (message: LiveMessage) => boolean {
  return (message) => {
    if (message.name === "resumed") return true;
    if (message.name === "spend") return message.data.customer_id === id;
    return message.data.kind === "budget" || message.data.ids.includes(id);
  };
}
