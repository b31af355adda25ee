import type { Skipped } from "./incoming.ts";
import { placeText } from "./read-rows.ts";
import type { Counts, ImportReport } from "./run-import.ts";

/** The report for people: counts, then each row that was skipped and why, then what else is to be known. */
export function reportText(report: ImportReport): string {
  const skippedBudgets = report.skipped.filter(({ kind }) => kind === "budget").length;
  const skippedCustomers = report.skipped.filter(({ kind }) => kind === "customer").length;
  const skippedRows = report.skipped.length - skippedBudgets - skippedCustomers;
  return [
    ...(report.dryRun ? ["import: dry run; nothing was written, this is what would be done"] : []),
    `budgets:   ${countsText(report.budgets, skippedBudgets)}`,
    `customers: ${countsText(report.customers, skippedCustomers)}`,
    ...(skippedRows === 0 ? [] : [`other rows: ${skippedRows} skipped`]),
    ...report.skipped.map(skippedText),
    ...[...report.warnings].map(([what, ids]) => `note: ${what}: ${howMany(ids)}`),
    ...(report.spendKept.length === 0
      ? []
      : [
          `note: customers that exist here keep the spend they have here, not the file's: ${howMany(report.spendKept)}`,
        ]),
    conclusion(report),
    "",
  ].join("\n");
}

function countsText({ created, updated, unchanged }: Counts, skipped: number): string {
  return `${created} created, ${updated} updated, ${unchanged} unchanged, ${skipped} skipped`;
}

function skippedText({ place, kind, id, reason }: Skipped): string {
  const name = id === null ? "" : ` ${kind} ${JSON.stringify(id)}`;
  return `skipped ${placeText(place)}${name}: ${reason}`;
}

function howMany(ids: readonly string[]): string {
  const first = JSON.stringify(ids[0] ?? "");
  return ids.length === 1 ? first : `${first} and ${ids.length - 1} more`;
}

function conclusion({ dryRun, budgets, customers }: ImportReport): string {
  const changes = budgets.created + budgets.updated + customers.created + customers.updated;
  if (changes === 0) return "import: nothing to change";
  return `import: ${changes} ${changes === 1 ? "change" : "changes"} ${dryRun ? "to make" : "made"}`;
}

/** The report for programs. */
export function reportJson(report: ImportReport): object {
  return {
    dry_run: report.dryRun,
    budgets: report.budgets,
    customers: report.customers,
    skipped: report.skipped.map(({ place, kind, id, reason }) => ({ ...place, kind, id, reason })),
    notes: [...report.warnings].map(([what, ids]) => ({ what, ids })),
    spend_kept: report.spendKept,
  };
}
