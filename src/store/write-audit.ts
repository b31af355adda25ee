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

/** Writes down who changed what, in the transaction of the change itself. */
export async function writeAudits(
  audit: Collection<AuditDoc>,
  entries: readonly AuditEntry[],
  session: ClientSession,
): Promise<void> {
  const text = (value: object | null): string | null => (value === null ? null : JSON.stringify(value));
  if (entries.length === 0) return;
  await audit.insertMany(
    entries.map(({ id, before, after, ...entry }) => ({
      _id: id,
      ...entry,
      before: text(before),
      after: text(after),
    })),
    { session },
  );
}
