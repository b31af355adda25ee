import type { JobsOptions } from "bullmq";
import { z } from "zod";

/** Queue of deliveries to attempt. Jobs carry ids only: no payload, no address, no secret. */
export const DELIVERIES_QUEUE = "deliveries";
/** The braces keep a queue's keys in one slot of a Redis Cluster. */
export const QUEUE_PREFIX = "{spendhook}";

/** At most this many deliveries wake a worker together: one job costs Redis as much for one id as for fifty. */
export const MAX_JOB_IDS = 50;

/** Deliveries of one endpoint that are due; none named: the store has some. */
export const deliveryJob = z.strictObject({
  v: z.literal(2),
  endpointId: z.string().min(1),
  deliveryIds: z.array(z.string().min(1)).max(MAX_JOB_IDS),
});

export type DeliveryJob = z.infer<typeof deliveryJob>;

/**
 * A delivery's wake-up is named after the first delivery, its attempt and the count: the same one added again
 * is the same job. An endpoint's waits once, and is kept for later when one is being handled just now, which
 * may have looked already. What a job may do is decided by the claims in the store, not by its name.
 */
export function identityOf(job: {
  endpointId: string;
  ids: readonly string[];
  attempts: number;
}): Pick<JobsOptions, "jobId" | "deduplication"> {
  const [first] = job.ids;
  if (first === undefined) return { deduplication: { id: `wake-${job.endpointId}`, keepLastIfActive: true } };
  return { jobId: `${first}-${job.attempts + 1}-${job.ids.length}` };
}
