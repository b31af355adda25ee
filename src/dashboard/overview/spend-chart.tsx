import { useCallback, useMemo, useState } from "preact/hooks";
import uPlot from "uplot";
import type { Day } from "../api/schemas/customers.ts";
import { formatDay } from "../format/dates.ts";
import { axisMoney, exactMoney, formatMoney } from "../format/money.ts";
import { plural } from "../format/numbers.ts";
import { axis, Chart, type ChartOptions, type Paint } from "../parts/chart.tsx";
import { ChartTable } from "../parts/chart-table.tsx";
import { Money } from "../parts/money.tsx";
import { OTHERS, stackDays } from "./stack-days.ts";

const MOST_MODELS = 6;
const HEIGHT = 220;
const STEPS = [1, 2, 5, 7, 14, 28, 60, 90, 180];

function colourOf(model: string, index: number): string {
  return model === OTHERS ? "--series-other" : `--series-${index + 1}`;
}

/** Spend per UTC day, one bar a day, stacked by model. */
export function SpendChart({ days }: { days: readonly Day[] }) {
  const [pointed, setPointed] = useState<number | null>(null);
  const stack = useMemo(() => stackDays(days, MOST_MODELS), [days]);
  const names = JSON.stringify(stack.models);
  const dates = days.map(({ date }) => date).join(" ");
  const options = useCallback(
    (paint: Paint) => chartOptions(paint, { models: JSON.parse(names) as string[], dates: dates.split(" ") }),
    [names, dates],
  );
  // The tallest bars first: the others are drawn over them.
  const data = useMemo(
    (): uPlot.AlignedData => [
      days.map((_, index) => index),
      ...stack.tops.toReversed().map((row) => [...row]),
    ],
    [days, stack],
  );
  const day = pointed === null ? undefined : days[pointed];
  const total = days.reduce((sum, { spend }) => sum + spend, 0);
  return (
    <>
      <p class="chart-readout" aria-hidden="true">
        {day === undefined
          ? `${formatMoney(total)} in ${plural(days.length, "day")}`
          : `${formatDay(day.date)}: ${formatMoney(day.spend)}, ${plural(day.calls, "call")}`}
      </p>
      <Chart
        label={`Spend per day by model: ${formatMoney(total)} in ${plural(days.length, "day")}`}
        height={HEIGHT}
        options={options}
        data={data}
        onPoint={setPointed}
      />
      <ul class="legend">
        {stack.models.map((model, index) => (
          <li key={model}>
            <span class="swatch" style={{ background: `var(${colourOf(model, index)})` }} />
            {model}
            <Money usd={(pointed === null ? stack.totals[index] : stack.values[index]?.[pointed]) ?? 0} />
          </li>
        ))}
      </ul>
      <ChartTable
        label="Spend per day"
        head={["Day (UTC)", "Spend", "Calls", ...stack.models]}
        rows={days.map((one, index) => [
          formatDay(one.date),
          exactMoney(one.spend),
          String(one.calls),
          ...stack.values.map((row) => exactMoney(row[index] ?? 0)),
        ])}
      />
    </>
  );
}

function chartOptions(
  paint: Paint,
  on: { models: readonly string[]; dates: readonly string[] },
): ChartOptions {
  const { models, dates } = on;
  const bars = uPlot.paths.bars?.({ size: [0.72, 44], radius: 0.08 });
  const day = (index: number): string => {
    const date = dates[index];
    return date === undefined || !Number.isInteger(index) ? "" : formatDay(date);
  };
  return {
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    scales: {
      x: { time: false, range: () => [-0.6, dates.length - 0.4] },
      y: { range: (_chart, _min, max) => [0, max > 0 ? max * 1.06 : 1] },
    },
    axes: [
      axis(paint, {
        incrs: STEPS,
        space: 64,
        size: 30,
        grid: { show: false },
        values: (_chart, splits) => splits.map(day),
      }),
      axis(paint, { size: 62, values: (_chart, splits) => splits.map(axisMoney) }),
    ],
    series: [
      {},
      ...models
        .map((model, index) => ({
          label: model,
          fill: paint(colourOf(model, index)),
          width: 0,
          points: { show: false },
          ...(bars !== undefined && { paths: bars }),
        }))
        .toReversed(),
    ],
  };
}
