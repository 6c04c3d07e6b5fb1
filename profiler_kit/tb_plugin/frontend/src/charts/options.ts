/** Charts described as data, turned into the options of ECharts. Tooltips are elements made of text, never markup. */

import type { Axis, ChartBlock, Kind, Point, Series } from "../contract";
import { h } from "../dom";
import { colourOf, distinctColours } from "../palette";
import { brief, factor, withUnit } from "../quantities";
import { cut, shown } from "../text";
import type { Options } from "./echarts";
import { factorTicks, waterfallBars } from "./waterfall";

interface Ink {
  text: string;
  muted: string;
  line: string;
  surface: string;
}

interface Hovered {
  seriesIndex: number;
  dataIndex: number;
}

function labelled(axis: Axis): string {
  return axis.unit ? `${axis.title} (${axis.unit})` : axis.title;
}

function axisOptions(axis: Axis, ink: Ink, horizontal: boolean, categories: string[] | undefined): object {
  const type = categories ? "category" : axis.scale === "log" ? "log" : "value";
  return {
    type,
    name: shown(labelled(axis), 80),
    nameLocation: "middle",
    nameGap: horizontal ? 28 : 62,
    nameTextStyle: { color: ink.muted, fontSize: 11 },
    axisLine: { show: horizontal, lineStyle: { color: ink.line } },
    axisTick: { show: false },
    splitLine: { show: !categories, lineStyle: { color: ink.line, width: 1 } },
    axisLabel: {
      color: ink.muted,
      fontSize: 11,
      hideOverlap: true,
      ...(categories ? { formatter: (name: string) => shown(name, 22) } : { formatter: (value: number) => brief(axis.kind, value) }),
    },
    ...(categories ? { data: categories } : {}),
  };
}

/** The lines of a tooltip: a heading, then label and value pairs. */
function tooltipElement(title: string, lines: [colour: string, label: string, value: string][]): HTMLElement[] {
  const head = title ? [h("div", "pk-tip-title", shown(title, 160))] : [];
  const rows = lines.map(([colour, label, value]) => {
    const mark = h("span", "pk-dot");
    mark.style.background = colour;
    return h("div", "pk-tip-row", mark, h("span", "pk-tip-label", shown(label, 120)), h("span", "pk-tip-value", value));
  });
  return [h("div", "pk-tip", ...head, ...rows)];
}

function value(kind: Kind | undefined, at: number | string | null): string {
  return typeof at === "number" ? withUnit(kind ?? "number", at) : shown(String(at ?? "\u2013"), 120);
}

export function seriesColours(block: ChartBlock, dark: boolean): string[] {
  return distinctColours(block.series.map((series) => series.color_class), dark);
}

/** The categories that bars stand on: those given, or the texts among the points. */
export function categoriesOf(block: ChartBlock): string[] | undefined {
  if (block.x.categories) return block.x.categories;
  const bars = block.kind === "bar" || block.kind === "stacked_bar" || block.kind === "histogram";
  const texts = block.series.some((series) => series.points.some(([x]) => typeof x === "string"));
  if (!bars && !texts) return undefined;
  return [...new Set(block.series.flatMap((series) => series.points.map(([x]) => String(x))))];
}

function placed(points: Point[], categories: string[] | undefined, given: boolean): (number | null)[][] {
  const places = new Map(categories?.map((name, place) => [name, place]));
  return points.map(([x, y]) => {
    if (!categories) return [typeof x === "number" ? x : Number(x), y];
    // A number is a place among given categories, and a name among gathered ones.
    return [typeof x === "number" && given ? x : (places.get(String(x)) ?? -1), y];
  });
}

function base(): object {
  return {
    animation: false,
    textStyle: { fontFamily: "inherit" },
    grid: { left: 78, right: 24, top: 16, bottom: 46 },
  };
}

function tooltip(ink: Ink, byAxis: boolean, pointer: "shadow" | "line", formatter: (hovered: Hovered[]) => HTMLElement[]): object {
  return {
    trigger: byAxis ? "axis" : "item",
    axisPointer: { type: byAxis ? pointer : "none", label: { show: false }, lineStyle: { color: ink.muted }, shadowStyle: { color: ink.line, opacity: 0.35 } },
    confine: true,
    transitionDuration: 0,
    backgroundColor: ink.surface,
    borderColor: ink.line,
    padding: 0,
    textStyle: { color: ink.text, fontSize: 12 },
    formatter: (hovered: Hovered | Hovered[]) => formatter(Array.isArray(hovered) ? hovered : [hovered]),
  };
}

/** @param width Pixels that the drawing has. */
export function chartOptions(block: ChartBlock, ink: Ink, dark: boolean, width: number): Options {
  if (block.kind === "waterfall") return waterfallOptions(block, ink, dark, width);
  const categories = categoriesOf(block);
  const log: Partial<Axis> = block.kind === "roofline" ? { scale: "log" } : {};
  // A line is hard to hit with a pointer: anywhere above or below it will do.
  const byAxis = categories !== undefined || block.kind === "line";
  const colours = seriesColours(block, dark);
  const formatter = (hovered: Hovered[]) => {
    const first = hovered[0]!;
    const point = block.series[first.seriesIndex]?.points[first.dataIndex];
    const x = point?.[0] ?? null;
    const title = point?.[2] ?? (categories && typeof x === "number" && block.x.categories ? (categories[x] ?? "") : "");
    const heading = title || `${block.x.title}: ${value(block.x.kind, x)}`;
    const lines = hovered.map(({ seriesIndex, dataIndex }): [string, string, string] => {
      const series = block.series[seriesIndex]!;
      return [colours[seriesIndex]!, series.name, value(block.y.kind, series.points[dataIndex]?.[1] ?? null)];
    });
    if (title && !categories) lines.push(["transparent", block.x.title, value(block.x.kind, x)]);
    return tooltipElement(heading, lines);
  };
  return {
    ...base(),
    xAxis: axisOptions({ ...block.x, ...log }, ink, true, categories),
    yAxis: axisOptions({ ...block.y, ...log }, ink, false, undefined),
    tooltip: tooltip(ink, byAxis, block.kind === "line" ? "line" : "shadow", formatter),
    series: block.series.map((series, place) => seriesOptions(block, series, colours[place]!, categories)),
  } as Options;
}

function seriesOptions(block: ChartBlock, series: Series, colour: string, categories: string[] | undefined): object {
  const style = series.style ?? { line: "line", scatter: "points", roofline: "points" }[block.kind as string] ?? "bars";
  const shared = { name: cut(series.name, 200), data: placed(series.points, categories, block.x.categories !== undefined), itemStyle: { color: colour } };
  if (style === "line") {
    const roof = block.kind === "roofline";
    return { ...shared, type: "line", lineStyle: { color: colour, width: roof ? 1.5 : 2, type: roof ? "dashed" : "solid" }, ...(series.step ? { step: "end" } : {}), showSymbol: !roof && series.points.length < 60, symbol: "circle", symbolSize: 5 };
  }
  if (style === "points") return { ...shared, type: "scatter", symbolSize: 9, itemStyle: { color: colour, opacity: 0.82 } };
  const stacked = block.kind === "stacked_bar" ? { stack: "all" } : {};
  return { ...shared, type: "bar", ...stacked, barMaxWidth: block.kind === "histogram" ? undefined : 36, barCategoryGap: block.kind === "histogram" ? "4%" : "28%" };
}

function waterfallOptions(block: ChartBlock, ink: Ink, dark: boolean, width: number): Options {
  const factors = block.y.scale === "log";
  const series = block.series[0];
  const bars = waterfallBars(series?.points ?? [], block.x.categories, factors);
  // Bars on a logarithmic axis cannot be stacked; logarithms on a linear axis can.
  const height = (amount: number) => (factors ? Math.log2(Math.max(amount, 1e-12)) : amount);
  const colours = { total: colourOf("kernel", 0, dark), more: colourOf("layout", 0, dark), less: colourOf("norm", 0, dark), unexplained: colourOf("unattributed", 0, dark) };
  const data = bars.map((bar) => {
    const [low, high] = [Math.min(height(bar.from), height(bar.to)), Math.max(height(bar.from), height(bar.to))];
    return { low, high, colour: bar.total ? colours.total : bar.unexplained ? colours.unexplained : bar.to >= bar.from ? colours.more : colours.less };
  });
  const written = (amount: number) => (factors ? factor(amount) : withUnit(block.y.kind ?? "number", amount));
  const categories = bars.map((bar) => bar.label);
  const yAxis = axisOptions({ ...block.y, scale: "linear" }, ink, false, undefined) as { axisLabel: object; splitLine: object };
  if (factors) {
    const ticks = factorTicks(Math.min(0, ...data.map(({ low }) => low)), Math.max(0, ...data.map(({ high }) => high)));
    const label = { ...yAxis.axisLabel, customValues: ticks, formatter: (power: number) => factor(2 ** power) };
    Object.assign(yAxis, { min: ticks[0], max: ticks.at(-1), axisLabel: label, splitLine: { ...yAxis.splitLine, customValues: ticks } });
  }
  // Names break into lines rather than run into each other.
  const room = Math.max(Math.floor((width - 102) / Math.max(bars.length, 1)) - 8, 30);
  const formatter = (hovered: Hovered[]) => {
    const bar = bars[hovered[0]!.dataIndex]!;
    return tooltipElement(bar.label, [[data[hovered[0]!.dataIndex]!.colour, bar.total ? block.y.title : factors ? "factor" : "change", written(bar.value)], ["transparent", "then", written(bar.to)]]);
  };
  // Stacks grow separately above and below zero, so a bar that crosses it is drawn from both sides.
  const above = { type: "bar", stack: "w", barMaxWidth: 56 };
  const hiddenPart = data.map(({ low, high }) => (low > 0 ? low : high < 0 ? high : 0));
  const up = data.map(({ low, high, colour }) => ({ value: high > 0 ? high - Math.max(low, 0) : 0, itemStyle: { color: colour } }));
  const down = data.map(({ low, high, colour }) => ({ value: low < 0 ? low - Math.min(high, 0) : 0, itemStyle: { color: colour } }));
  const label = { show: true, color: ink.text, fontSize: 11, formatter: ({ dataIndex }: Hovered) => written(bars[dataIndex]!.value) };
  return {
    ...base(),
    grid: { left: 78, right: 24, top: 28, bottom: 64 },
    xAxis: { ...axisOptions({ ...block.x, title: block.x.title }, ink, true, categories), axisLabel: { color: ink.muted, fontSize: 11, interval: 0, width: room, lineHeight: 13, overflow: "break" as const, formatter: (name: string) => shown(name, 44) }, nameGap: 48 },
    yAxis,
    tooltip: tooltip(ink, true, "shadow", formatter),
    series: [
      { ...above, data: hiddenPart, itemStyle: { color: "transparent" }, silent: true },
      { ...above, data: up, label: { ...label, position: "top" } },
      { ...above, data: down },
    ],
  } as Options;
}
