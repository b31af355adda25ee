import { z } from "zod";

/** Queue of deliveries to attempt. Jobs carry ids only: no payload, no address, no secret. */
export const DELIVERIES_QUEUE = "deliveries";
/** The braces keep a queue's keys in one slot of a Redis Cluster. */
export const QUEUE_PREFIX = "{spendhook}";

export const deliveryJob = z.strictObject({ v: z.literal(1), deliveryId: z.string().min(1) });

export type DeliveryJob = z.infer<typeof deliveryJob>;

/**
 * One job per delivery and attempt: the same wake-up added twice is one job, and a finished one never
 * stands in the way of the next attempt.
 */
export function deliveryJobId(deliveryId: string, attemptsMade: number): string {
  return `${deliveryId}-${attemptsMade + 1}`;
}
