/** A chart with its legend, and the numbers behind it as a table. */

import { chartOptions, seriesColours } from "../charts/options";
import type { Chart } from "../charts/echarts";
import { loadCharts } from "../charts/load";
import type { Cell, ChartBlock, TableBlock } from "../contract";
import type { Context } from "../context";
import { add, button, h } from "../dom";
import { shown } from "../text";
import { heading } from "./simple";
import { dot } from "./table_cells";
import { TableView } from "./table_view";

/** The points of all series as rows. */
export function tableOf(block: ChartBlock): TableBlock {
  const rows: Cell[][] = block.series.flatMap((series) =>
    series.points.map(([x, y, label]): Cell[] => [
      series.name,
      typeof x === "number" && block.x.categories ? (block.x.categories[x] ?? x) : x,
      y,
      label ?? null,
    ]),
  );
  const labels = rows.some((row) => row[3] !== null);
  const text = rows.some((row) => typeof row[1] === "string");
  return {
    type: "table",
    id: `${block.id}_table`,
    title: "The numbers behind the chart",
    columns: [
      { key: "series", title: "Series", kind: "text" },
      { key: "x", title: block.x.title || "x", kind: text ? "text" : (block.x.kind ?? "number") },
      { key: "y", title: block.y.title || "y", kind: block.y.kind ?? "number" },
      ...(labels ? [{ key: "label", title: "What", kind: "text" as const }] : []),
    ],
    rows,
  };
}

export function chartBlock(block: ChartBlock, context: Context): HTMLElement {
  const points = block.series.reduce((sum, series) => sum + series.points.length, 0);
  const drawing = h("div", { class: "pk-chart", attrs: { role: "img", "aria-label": `${block.title ?? "Chart"}: ${block.y.title} by ${block.x.title}, ${points} points. The table button gives the numbers.` } });
  const legend = h("div", "pk-chart-legend");
  const holder = h("div", {}, chartHead(block, context), legend, drawing);
  if (!points) {
    drawing.replaceWith(h("p", "pk-empty", "Nothing to draw."));
    return holder;
  }
  drawWhenSeen(drawing, legend, block, context);
  return holder;
}

function chartHead(block: ChartBlock, context: Context): HTMLElement {
  const head = heading(block.title, block.lead) ?? h("div", "pk-block-head");
  const behind = context.view.blocks.some((other) => other.id === block.table);
  let table: HTMLElement | null = null;
  const toggle = button("Show table", () => {
    if (behind) {
      const target = document.querySelector<HTMLElement>(`[data-block="${CSS.escape(block.table ?? "")}"]`);
      target?.scrollIntoView({ block: "start", behavior: "smooth" });
      target?.querySelector<HTMLElement>("tr.pk-row")?.focus({ preventScroll: true });
      return;
    }
    if (table) table.remove();
    table = table ? null : new TableView(tableOf(block), context, false).root;
    toggle.textContent = table ? "Hide table" : "Show table";
    toggle.setAttribute("aria-expanded", String(table !== null));
    if (table) head.parentElement?.appendChild(table);
  }, { class: "pk-button" });
  head.appendChild(h("div", "pk-tools", toggle));
  return head;
}

function drawWhenSeen(drawing: HTMLElement, legend: HTMLElement, block: ChartBlock, context: Context): void {
  let chart: Chart | null = null;
  let left = false;
  let asked = false;
  const paint = () => {
    const style = getComputedStyle(drawing);
    const ink = (name: string) => style.getPropertyValue(`--${name}`).trim();
    chart?.setOption(chartOptions(block, { text: ink("text"), muted: ink("muted"), line: ink("line"), surface: ink("surface") }, context.dark(), drawing.clientWidth), true);
    legend.replaceChildren();
    if (block.series.length < 2) return;
    const colours = seriesColours(block, context.dark());
    block.series.forEach((series, place) => add(legend, h("span", {}, dot(colours[place]!), shown(series.name, 80))));
  };
  const observer = new ResizeObserver(() => {
    if (!drawing.clientWidth) return;
    if (chart) {
      chart.resize();
      return paint();
    }
    if (asked) return;
    asked = true;
    loadCharts().then((makeChart) => {
      if (left) return;
      chart = makeChart(drawing);
      paint();
    }, () => left || drawing.replaceChildren(h("p", "pk-empty", "The charts did not load. Is TensorBoard still running? The table has the numbers.")));
  });
  observer.observe(drawing);
  context.onTheme(paint);
  context.onLeave(() => {
    left = true;
    observer.disconnect();
    chart?.dispose();
  });
}
