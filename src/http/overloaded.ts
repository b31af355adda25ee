import { AppError } from "../errors.ts";

const RETRY_AFTER_S = "1";

/**
 * The refusal of a request for which there is no place. Made once: what there is too much of must cost little, and
 * a stack would say nothing.
 */
export const OVERLOADED = new AppError(
  "overloaded",
  "This process has more to do than it can; please try again",
  { headers: { "retry-after": RETRY_AFTER_S } },
);
