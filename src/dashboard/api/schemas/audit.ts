import { z } from "zod";

/** One change that an operator made. */
export const auditEntrySchema = z.strictObject({
  id: z.string(),
  at: z.iso.datetime(),
  /** SHA-256 of the API key. */
  actor: z.string(),
  action: z.string(),
  target_id: z.string(),
  before: z.record(z.string(), z.unknown()).nullable(),
  after: z.record(z.string(), z.unknown()).nullable(),
});
export type AuditEntry = z.infer<typeof auditEntrySchema>;
export const auditSchema = z.strictObject({
  data: z.array(auditEntrySchema),
  next_cursor: z.string().nullable(),
});
