import { z } from "zod";

/** What the dashboard reads of an open session. */
export const sessionSchema = z.strictObject({
  csrf_token: z.string().min(1),
  expires_at: z.iso.datetime(),
});
export type SessionInfo = z.infer<typeof sessionSchema>;

const spendMessage = z.strictObject({ customer_id: z.string(), spend: z.number(), sequence: z.number() });
const changeMessage = z.union([
  z.strictObject({ kind: z.literal("customers"), ids: z.array(z.string()) }),
  z.strictObject({ kind: z.literal("budget"), id: z.string() }),
]);
/** The data of the live stream's events, by the event's name. */
export const liveSchemas = { spend: spendMessage, change: changeMessage } as const;
export type SpendMessage = z.infer<typeof spendMessage>;
export type ChangeMessage = z.infer<typeof changeMessage>;
