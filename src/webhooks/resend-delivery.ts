import { AppError } from "../errors.ts";
import type { Store } from "../store/connect.ts";
import type { DeliveryDoc } from "../store/webhook-documents.ts";

/** The fields of a finished or waiting delivery that is to be sent once more because somebody asked for it. */
export function resendFields(
  state: "pending" | "delivered" | "exhausted",
  dueAt: Date,
  now: Date,
): Partial<DeliveryDoc> {
  return { state: "pending", dueAt: now, resends: 1, afterResends: { state, dueAt }, finishedAt: null };
}

const TRIES = 5;

/**
 * Makes a delivery due once more, whatever became of it: asked for twice, it is sent twice. Throws
 * delivery_not_found, endpoint_not_found when its endpoint has been deleted, and delivery_batched for one that
 * was told by another. Answers the delivery.
 */
export async function resendDelivery(store: Store, id: string, now: Date): Promise<DeliveryDoc> {
  const { deliveries, endpoints } = store.collections;
  for (let tries = 1; tries <= TRIES; tries++) {
    const known = await deliveries.findOne({ _id: id });
    if (known === null) throw new AppError("delivery_not_found", `There is no delivery '${id}'`);
    const { state, dueAt, resends, batchId, endpointId } = known;
    if ((await endpoints.findOne({ _id: endpointId, deletedAt: null })) === null) {
      throw new AppError("endpoint_not_found", `The endpoint '${endpointId}' has been deleted`);
    }
    if (state === "gathering" || state === "batched") {
      throw new AppError(
        "delivery_batched",
        batchId === null
          ? "The charge waits to be told together with others"
          : `The charge was told together with others; resend '${batchId}'`,
      );
    }
    const update =
      resends === 0
        ? { $set: resendFields(state, dueAt, now) }
        : { $inc: { resends: 1 }, $set: { state: "pending" as const, dueAt: now } };
    const done = await deliveries.findOneAndUpdate({ _id: id, state, resends, dueAt }, update, {
      returnDocument: "after",
    });
    if (done !== null) return done;
  }
  throw new AppError("store_unavailable", "The delivery keeps changing; please try again");
}
