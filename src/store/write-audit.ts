import type { ClientSession, Collection } from "mongodb";
import type { AuditDoc } from "./documents.ts";

/** One change, as its row in the audit log. `before` and `after` are the API's view; null = there was none. */
export interface AuditEntry {
  readonly id: string;
  readonly at: Date;
  /** SHA-256 of the API key that made the change, or the name of the process that did. */
  readonly actor: string;
  readonly action: string;
  readonly targetId: string;
  readonly before: object | null;
  readonly after: object | null;
}

export function auditDoc({ id, before, after, ...entry }: AuditEntry): AuditDoc {
  const text = (value: object | null): string | null => (value === null ? null : JSON.stringify(value));
  return { _id: id, ...entry, before: text(before), after: text(after) };
}

/** Writes down who changed what, in the transaction of the change itself. */
export async function writeAudit(
  audit: Collection<AuditDoc>,
  entry: AuditEntry,
  session: ClientSession,
): Promise<void> {
  await audit.insertOne(auditDoc(entry), { session });
}
