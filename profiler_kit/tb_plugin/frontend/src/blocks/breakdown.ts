/** A total and its parts, which add up to it: one stacked bar and its legend. What is left over is shown as its own part. */

import type { BreakdownBlock, BreakdownPart, Kind } from "../contract";
import type { Context } from "../context";
import { h } from "../dom";
import { distinctColours, isClass } from "../palette";
import { largestOf, unitOf, write, withUnit } from "../quantities";
import { shown, visible } from "../text";
import { heading } from "./simple";
import { dot } from "./table_cells";

const KINDS: Record<string, Kind> = { ns: "duration", B: "bytes", bytes: "bytes", FLOP: "flops", flops: "flops", count: "count" };

const COMPACT_PARTS = 4;

/** The parts, and what the total holds beyond them. */
export function closedParts(block: BreakdownBlock): BreakdownPart[] {
  const rest = block.total - block.parts.reduce((sum, part) => sum + part.value, 0);
  // Sums of fractions may miss the total by a rounding error; whole numbers may not.
  if (Math.abs(rest) <= Math.abs(block.total) * 1e-12) return block.parts;
  return [...block.parts, { label: rest > 0 ? "not attributed" : "counted more than once", value: rest, color_class: "unattributed" }];
}

export function breakdownBlock(block: BreakdownBlock, context: Context): HTMLElement {
  const kind = KINDS[block.unit] ?? "number";
  const parts = closedParts(block);
  const unit = unitOf(kind, largestOf([block.total, ...parts.map((part) => part.value)]));
  const share = (value: number) => (block.total > 0 ? value / block.total : 0);
  const bar = h("div", { class: "pk-stack", attrs: { role: "img", "aria-label": label(block, parts, kind) } });
  const body = h("tbody");
  const colours: [HTMLElement, number][] = [];
  parts.forEach((part, place) => {
    const percent = write("share", share(part.value));
    const piece = h("span", { attrs: { title: `${visible(part.label)}: ${withUnit(kind, part.value)}, ${percent}` } });
    piece.style.flexGrow = String(Math.max(share(part.value), 0));
    if (part.value > 0) bar.appendChild(piece);
    const mark = dot("");
    colours.push([piece, place], [mark, place]);
    const row = h("tr", {},
      h("td", { class: "pk-first-plain", attrs: { "data-raw": part.label.slice(0, 2000) } }, mark, h("bdi", { class: "pk-text", attrs: { title: part.help ? visible(part.help) : undefined } }, shown(part.label))),
      h("td", { class: "pk-number", attrs: { "data-raw": part.value } }, `${write(kind, part.value, unit)}`, h("span", "pk-unit", unit.name)),
      h("td", { class: "pk-number", attrs: { "data-raw": share(part.value) } }, percent),
    );
    row.addEventListener("pointerenter", () => bar.classList.add("pk-dimmed") === undefined && piece.classList.add("pk-lit"));
    row.addEventListener("pointerleave", () => bar.classList.remove("pk-dimmed") === undefined && piece.classList.remove("pk-lit"));
    body.appendChild(row);
  });
  const foot = h("tfoot", {}, h("tr", {}, h("td", {}, "total"), h("td", { class: "pk-number", attrs: { "data-raw": block.total } }, write(kind, block.total, unit), h("span", "pk-unit", unit.name)), h("td", "pk-number", block.total > 0 ? "100.0%" : "\u2013")));
  const paint = () => {
    const found = distinctColours(parts.map((part) => part.color_class ?? classByLabel(part.label)), context.dark());
    for (const [element, place] of colours) element.style.background = found[place]!;
  };
  paint();
  context.onTheme(paint);
  const compact = parts.length <= COMPACT_PARTS ? " pk-compact" : "";
  const table = h("table", { class: `pk-legend${compact}`, attrs: { role: "table", "aria-label": block.title ?? block.id } }, body, foot);
  // A short legend is laid out as a line; said outright, rows and cells stay what they are.
  for (const row of table.querySelectorAll("tr")) row.setAttribute("role", "row");
  for (const cell of table.querySelectorAll("td")) cell.setAttribute("role", "cell");
  return h("div", "pk-breakdown", heading(block.title, block.lead), bar, table);
}

/** Parts that are named like a class have its colour also where the data does not say so. */
function classByLabel(text: string): string | undefined {
  const plain = text.toLowerCase().replaceAll(" ", "_");
  if (/^(in_none|in_no_|not_attributed|unknown)/.test(plain)) return "unattributed";
  return isClass(plain) ? plain : undefined;
}

function label(block: BreakdownBlock, parts: BreakdownPart[], kind: Kind): string {
  const list = parts.map((part) => `${part.label} ${withUnit(kind, part.value)}`).join(", ");
  return `${block.title ?? "Parts"}: ${list}; total ${withUnit(kind, block.total)}`.slice(0, 2000);
}
