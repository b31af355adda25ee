import { useCallback, useMemo } from "preact/hooks";
import uPlot from "uplot";
import { formatClock, formatDate, formatDay } from "../format/dates.ts";
import { axisMoney, exactMoney, formatMoney } from "../format/money.ts";
import { axis, Chart, type ChartOptions, type Paint } from "../parts/chart.tsx";
import { ChartTable } from "../parts/chart-table.tsx";
import { type BurnDownInput, burnDown } from "./burn-down.ts";

const HEIGHT = 220;
const UTC = "Etc/UTC";

/** What is left of the budget, against the straight line, and where the pace so far leads. */
export function BurnDownChart({ input }: { input: BurnDownInput }) {
  const lines = useMemo(() => burnDown(input), [input]);
  const { max } = input;
  const options = useCallback((paint: Paint) => chartOptions(paint, max), [max]);
  const data = useMemo(
    (): uPlot.AlignedData => [[...lines.times], [...lines.straight], [...lines.forecast], [...lines.left]],
    [lines],
  );
  const cell = (usd: number | null | undefined): string => (usd == null ? "" : exactMoney(usd));
  return (
    <>
      <Chart label={summaryOf(input)} height={HEIGHT} options={options} data={data} />
      <ul class="legend">
        <li>
          <span class="swatch swatch-line" style={{ background: "var(--accent)" }} />
          left of the budget
        </li>
        {input.end !== null && (
          <li>
            <span class="swatch swatch-line" style={{ background: "var(--text-muted)" }} />
            spent evenly
          </li>
        )}
        {input.projectedSpend !== null && (
          <li>
            <span class="swatch swatch-line" style={{ background: "var(--series-3)" }} />
            at this pace
          </li>
        )}
      </ul>
      <ChartTable
        label="Burn-down"
        head={["Time", "Left", "Spent evenly", "At this pace"]}
        rows={lines.times.map((time, index) => [
          formatClock(new Date(time * 1000).toISOString()),
          cell(lines.left[index]),
          cell(lines.straight[index]),
          cell(lines.forecast[index]),
        ])}
      />
    </>
  );
}

function summaryOf(input: BurnDownInput): string {
  const left = formatMoney(Math.max(0, input.max - input.spend));
  const until = input.end === null ? "" : ` until ${formatDate(new Date(input.end).toISOString())}`;
  const pace =
    input.exceededAt === null
      ? ""
      : `; at this pace it is used up on ${formatDate(new Date(input.exceededAt).toISOString())}`;
  return `${left} of ${formatMoney(input.max)} left${until}${pace}`;
}

const days: uPlot.Axis.Values = (_chart, splits) =>
  splits.map((seconds) => formatDay(new Date(seconds * 1000).toISOString().slice(0, 10)));

function chartOptions(paint: Paint, max: number): ChartOptions {
  // Whole days only: a label names a day.
  const incrs = [1, 2, 3, 5, 7, 14, 30, 60, 90].map((count) => count * 86_400);
  const line = { points: { show: false }, spanGaps: true };
  return {
    legend: { show: false },
    cursor: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), UTC),
    scales: { y: { range: () => [0, max === 0 ? 1 : max * 1.04] } },
    axes: [
      axis(paint, { grid: { show: false }, space: 72, size: 30, incrs, values: days }),
      axis(paint, { size: 62, values: (_chart, splits) => splits.map(axisMoney) }),
    ],
    series: [
      {},
      { ...line, stroke: paint("--text-muted"), width: 1, dash: [4, 4] },
      { ...line, stroke: paint("--series-3"), width: 1.5, dash: [6, 4] },
      { ...line, stroke: paint("--accent"), width: 2, fill: paint("--accent-wash") },
    ],
  };
}
