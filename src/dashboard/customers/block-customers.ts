import { plural } from "../format/numbers.ts";
import type { Services } from "../services.ts";

type Needed = Pick<Services, "api" | "notices">;

/** Blocks or unblocks customers, and offers to take that back. Throws ApiError. */
export async function blockCustomers(
  { api, notices }: Needed,
  ids: readonly string[],
  block: boolean,
  changed: () => void,
): Promise<void> {
  const say = (blocked: boolean): string =>
    `${ids.length === 1 ? ids[0] : plural(ids.length, "customer")} ${blocked ? "blocked" : "unblocked"}`;
  const set = (blocked: boolean): Promise<object> =>
    blocked ? api.customers.block(ids) : api.customers.unblock(ids);
  await set(block);
  notices.done(say(block), () => {
    void set(!block).then(
      () => {
        notices.done(say(!block));
        changed();
      },
      (error: Error) => notices.problem(error.message),
    );
  });
  changed();
}
