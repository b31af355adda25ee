import { useCallback, useMemo } from "preact/hooks";
import type uPlot from "uplot";
import type { Endpoint, EndpointHour } from "../api/schemas/webhooks.ts";
import { formatClock, formatSpan } from "../format/dates.ts";
import { formatCount } from "../format/numbers.ts";
import { axis, Chart, type ChartOptions, type Paint } from "../parts/chart.tsx";
import { ChartTable } from "../parts/chart-table.tsx";
import { Empty, Show } from "../parts/state.tsx";
import { useLoad } from "../parts/use-load.ts";
import { useNow } from "../parts/use-now.ts";
import { useServices } from "../services.ts";

const HOURS = 24;
const HEIGHT = 150;
const HOUR_MS = 3_600_000;

function lagText(ms: number | null): string {
  if (ms === null) return "–";
  return ms < 1000 ? `${Math.round(ms)} ms` : formatSpan(ms);
}

/** How long events took from their charge to the receiver, hour by hour: on average, and at worst. */
export function LagChart({ endpoint }: { endpoint: Endpoint }) {
  const { api } = useServices();
  const { id, stats } = endpoint;
  const history = useLoad(`${id} ${stats.delivered} ${stats.failed}`, (signal) =>
    api.endpoints.history(id, HOURS, signal),
  );
  return (
    <Show of={history} lines={3}>
      {(hours) => (hours.length === 0 ? <Empty title="Nothing was sent" /> : <Lag hours={hours} />)}
    </Show>
  );
}

function Lag({ hours }: { hours: readonly EndpointHour[] }) {
  const latest = Math.floor(useNow(60_000) / HOUR_MS) * HOUR_MS;
  const options = useCallback((paint: Paint) => lagOptions(paint, latest / 1000), [latest]);
  const data = useMemo(
    (): uPlot.AlignedData => [
      hours.map(({ hour }) => Date.parse(hour) / 1000),
      hours.map((hour) => hour.lag_ms_max),
      hours.map((hour) => hour.lag_ms_average),
    ],
    [hours],
  );
  const worst = Math.max(...hours.map((hour) => hour.lag_ms_max));
  return (
    <>
      <Chart
        label={`Lag per hour, at worst ${lagText(worst)}`}
        height={HEIGHT}
        options={options}
        data={data}
      />
      <ul class="legend">
        <li>
          <span class="swatch" style={{ background: "var(--accent)" }} />
          average
        </li>
        <li>
          <span class="swatch" style={{ background: "var(--series-3)" }} />
          worst
        </li>
      </ul>
      <ChartTable
        label="Lag per hour"
        head={["Hour", "Average", "Worst", "Delivered", "Failed"]}
        rows={hours.map((hour) => [
          formatClock(hour.hour),
          lagText(hour.lag_ms_average),
          lagText(hour.lag_ms_max),
          formatCount(hour.delivered),
          formatCount(hour.failed),
        ])}
      />
    </>
  );
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const hours: uPlot.Axis.Values = (_chart, splits) =>
  splits.map((seconds) => CLOCK.format(new Date(seconds * 1000)));

function lagOptions(paint: Paint, latest: number): ChartOptions {
  const dots = (colour: string): uPlot.Series => ({
    stroke: colour,
    width: 1.5,
    points: { show: true, size: 5, fill: colour },
  });
  return {
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: () => [latest - HOURS * 3600, latest + 1800] },
      y: { range: (_chart, _min, max) => [0, Math.max(100, max * 1.1)] },
    },
    axes: [
      axis(paint, { grid: { show: false }, space: 64, size: 30, values: hours }),
      axis(paint, { size: 62, values: (_chart, splits) => splits.map(lagText) }),
    ],
    series: [{}, dots(paint("--series-3")), dots(paint("--accent"))],
  };
}
