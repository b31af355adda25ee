import type { ComponentChildren } from "preact";
import { Icon } from "./icon.tsx";

export interface Column<Row> {
  readonly id: string;
  readonly label: string;
  readonly numeric?: boolean;
  /** The order a first click asks for; absent: the column cannot be sorted by. */
  readonly sortable?: "asc" | "desc";
  /** The heading is for screen readers only. */
  readonly hideLabel?: boolean;
  /** Instead of the label. */
  readonly heading?: ComponentChildren;
  readonly cell: (row: Row) => ComponentChildren;
}

export interface Sorting {
  readonly by: string;
  readonly order: "asc" | "desc";
  readonly change: (by: string, order: "asc" | "desc") => void;
}

interface TableProps<Row> {
  readonly label: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  readonly sorting?: Sorting;
  readonly rowClass?: (row: Row) => string | undefined;
}

/**
 * A table; on a narrow screen each row becomes a card with its labels. The roles are said because that
 * layout would take them away.
 */
export function Table<Row>({ label, columns, rows, keyOf, sorting, rowClass }: TableProps<Row>) {
  return (
    <div class="table-box">
      <table class="table" role="table" aria-label={label}>
        <thead role="rowgroup">
          <tr role="row">
            {columns.map((column) => (
              <Heading key={column.id} column={column} sorting={sorting} />
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.map((row) => (
            <tr key={keyOf(row)} role="row" class={rowClass?.(row)}>
              {columns.map((column) => (
                <td
                  key={column.id}
                  role="cell"
                  class={classOf(column)}
                  data-label={column.hideLabel ? undefined : column.label}
                >
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Heading<Row>({ column, sorting }: { column: Column<Row>; sorting: Sorting | undefined }) {
  const { id, label, sortable, hideLabel = false, heading } = column;
  if (sortable === undefined || sorting === undefined) {
    return (
      <th role="columnheader" scope="col" class={classOf(column)}>
        {heading ?? <span class={hideLabel ? "visually-hidden" : undefined}>{label}</span>}
      </th>
    );
  }
  const isSorted = sorting.by === id;
  const other = sorting.order === "asc" ? "desc" : "asc";
  return (
    <th
      role="columnheader"
      scope="col"
      class={classOf(column)}
      aria-sort={isSorted ? (sorting.order === "asc" ? "ascending" : "descending") : "none"}
    >
      <button type="button" class="sort" onClick={() => sorting.change(id, isSorted ? other : sortable)}>
        {label}
        {isSorted && <Icon name={sorting.order === "asc" ? "up" : "down"} />}
      </button>
    </th>
  );
}

function classOf<Row>({ id, numeric = false }: Column<Row>): string {
  return numeric ? `numeric column-${id}` : `column-${id}`;
}
