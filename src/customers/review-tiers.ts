import type { UpdateFilter } from "mongodb";
import type { CustomerDoc, TierReviewDoc } from "../store/documents.ts";
import { type FindDeps, tierFilter } from "./find-customers.ts";

export interface ReviewTiersDeps extends FindDeps {
  readonly now: () => Date;
}

export const REVIEW_TIERS_MS = 1000;
/** Customers that are marked by one statement: the store has other work as well. */
const CHUNK = 250;
/** A tier with no more customers is seen to by whoever changed it. */
export const FEW_CUSTOMERS = 1000;

/** Sees to all tiers that have changed. Two processes that do it at once do the same. */
export async function reviewTiers(deps: ReviewTiersDeps): Promise<void> {
  for (const review of await deps.store.collections.tierReviews.find({}).toArray()) {
    await reviewTier(deps, review);
  }
}

/**
 * Makes every customer of a changed tier due for a review, in which its utilization is set and limits that
 * are passed now, or not any more, are told; of a deleted tier, customers no longer name it. Broken off it is
 * begun again. Whoever moves in the index meanwhile was charged or reviewed, under the changed limits already.
 */
export async function reviewTier(deps: ReviewTiersDeps, review: TierReviewDoc): Promise<void> {
  const { customers, tierReviews } = deps.store.collections;
  const { _id: budgetId, since, isDeleted } = review;
  const tier = isDeleted ? { budgetId, deletedAt: null } : tierFilter(deps, budgetId);
  const mark = async (ids: readonly string[]): Promise<void> => {
    const now = deps.now();
    const change: UpdateFilter<CustomerDoc> = isDeleted
      ? { $set: { budgetId: null, utilization: null, reviewAt: now, updatedAt: now } }
      : { $set: { reviewAt: now } };
    await customers.updateMany({ ...tier, _id: { $in: [...ids] } }, change);
  };
  let ids: string[] = [];
  // The fullest first: their limits are the ones that are passed.
  const members = customers
    .find(tier)
    .sort({ utilization: -1, _id: -1 })
    .project<{ _id: string }>({ _id: 1 })
    .batchSize(CHUNK);
  for await (const { _id } of members) {
    ids.push(_id);
    if (ids.length < CHUNK) continue;
    await mark(ids);
    ids = [];
  }
  if (ids.length > 0) await mark(ids);
  // Changed again meanwhile: it is seen to again.
  await tierReviews.deleteOne({ _id: budgetId, since });
}
