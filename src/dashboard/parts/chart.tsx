import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { useObserved } from "../use-observed.ts";
import { useServices } from "../services.ts";

/** Turns the name of a stylesheet's colour into one that a canvas understands. */
export type Paint = (name: string) => string;
export type ChartOptions = Omit<uPlot.Options, "width" | "height">;

interface ChartProps {
  /** What the chart shows, in one sentence; the figures are in a table beside it. */
  readonly label: string;
  readonly height: number;
  /** Must stay the same function while the series stay the same. */
  readonly options: (paint: Paint) => ChartOptions;
  readonly data: uPlot.AlignedData;
  /** The index of the point that is pointed at. */
  readonly onPoint?: (index: number | null) => void;
}

/** A uPlot chart that fills its box and follows the theme. */
export function Chart({ label, height, options, data, onPoint }: ChartProps) {
  const { theme } = useServices();
  const themeName = useObserved(theme.current);
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ data, onPoint });
  latest.current = { data, onPoint };

  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const width = (): number => Math.max(120, element.clientWidth);
    const chosen = options((name) => resolveColour(element, name));
    const setCursor = (chart: uPlot): void => latest.current.onPoint?.(chart.cursor.idx ?? null);
    const made = new uPlot(
      { ...chosen, width: width(), height, hooks: { ...chosen.hooks, setCursor: [setCursor] } },
      latest.current.data,
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: width(), height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [options, height, themeName]);

  useEffect(() => plot.current?.setData(data), [data]);

  return <div ref={box} class="chart" role="img" aria-label={label} />;
}

/** Canvas takes no `light-dark()`: the browser is asked what it comes to here. */
function resolveColour(element: HTMLElement, name: string): string {
  const before = element.style.color;
  element.style.color = `var(${name})`;
  const colour = getComputedStyle(element).color;
  element.style.color = before;
  return colour;
}

/** What axes of all charts have in common. */
export function axis(paint: Paint, more: uPlot.Axis): uPlot.Axis {
  return {
    stroke: paint("--text-muted"),
    font: '11px Inter, system-ui, "Segoe UI", Roboto, sans-serif',
    grid: { stroke: paint("--line"), width: 1 },
    ticks: { show: false },
    ...more,
  };
}
