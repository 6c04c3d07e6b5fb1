/** The cells of a table: numbers in the column's unit, bars, links, and "not known". */

import type { Cell, Column, TableBlock } from "../contract";
import type { Context } from "../context";
import { h } from "../dom";
import { colourOf } from "../palette";
import { isMissing, isNumeric, largestOf, type Unit, unitOf, write } from "../quantities";
import { textWidth } from "../measure";
import { shown, visible } from "../text";

export interface ShownColumn {
  column: Column;
  /** Place of the value in a row. */
  place: number;
  unit: Unit;
  largest: number;
  width: number;
  /** Width that would show the longest text whole; above `width` where that was cut. */
  natural: number;
}

const MOST_RAW = 2000;

/** Units by column: columns of one kind that name the same group share theirs. */
export function shownColumns(block: TableBlock, hidden: ReadonlySet<string>): ShownColumn[] {
  const group = (column: Column, place: number) => `${column.kind} ${column.same_unit ?? place}`;
  const largest = block.columns.map((_, place) => largestOf(block.rows.map((row) => row[place])));
  const shared = new Map<string, number>();
  block.columns.forEach((column, place) => {
    const total = block.total_row?.[place];
    const most = Math.max(largest[place]!, typeof total === "number" ? Math.abs(total) : 0);
    shared.set(group(column, place), Math.max(shared.get(group(column, place)) ?? 0, most));
  });
  const out: ShownColumn[] = [];
  block.columns.forEach((column, place) => {
    if (hidden.has(column.key)) return;
    const unit = unitOf(column.kind, shared.get(group(column, place)) ?? 0);
    const made = { column, place, unit, largest: largest[place]!, width: 0, natural: 0 };
    out.push({ ...made, ...widthOf(block, made, out.length === 0) });
  });
  return out;
}

const BAR = 62;
const PADDING = 20;
const SORT_MARK = 16;
const MOST_SAMPLED = 500;
const MOST_NATURAL = 1000;

/** A width that fits what the column holds: all digits of numbers, a fair part of texts. */
function widthOf(block: TableBlock, shownColumn: ShownColumn, first: boolean): { width: number; natural: number } {
  const { column, place, unit } = shownColumn;
  const heading = textWidth(column.title + unit.name) + (unit.name ? 5 : 0) + SORT_MARK + PADDING;
  const every = Math.ceil(block.rows.length / MOST_SAMPLED);
  const rows = [...block.rows.filter((_, row) => row % every === 0), ...(block.total_row ? [block.total_row] : [])];
  let longest = "";
  const fits = (width: number, most = MOST_NATURAL) => ({ width: Math.ceil(Math.min(width, most)), natural: Math.ceil(Math.min(width, MOST_NATURAL)) });
  for (const row of rows) {
    const text = write(column.kind, row[place], unit);
    if (text.length > longest.length) longest = text.slice(0, 160);
  }
  // The longest by characters is not always the widest.
  const content = textWidth(longest, column.kind === "mono") * 1.04 + PADDING + 2;
  // The first column has room for the marks that open a row, and for a tree's indentation.
  const marks = (first ? 24 : 0) + (first && block.tree ? 64 : 0);
  if (isNumeric(column.kind)) return fits(Math.max(heading, content + marks + (column.bar ? BAR : 0)));
  const most = first ? 440 : column.wrap ? 340 : 260;
  return fits(Math.max(heading, content + marks), most);
}

/** Give room that is left over to the texts that were cut. */
export function widen(columns: ShownColumn[], room: number): ShownColumn[] {
  let left = room - columns.reduce((sum, column) => sum + column.width, 0);
  return columns.map((column) => {
    const more = Math.max(Math.min(column.natural - column.width, left), 0);
    left -= more;
    return { ...column, width: column.width + more };
  });
}

function rawOf(value: Cell | undefined): string {
  return isMissing(value) ? "" : String(value).slice(0, MOST_RAW);
}

export function makeCell(shownColumn: ShownColumn, block: TableBlock, row: Cell[], context: Context): HTMLTableCellElement {
  const { column, place, unit } = shownColumn;
  const value = row[place];
  const numeric = isNumeric(column.kind);
  const cell = h("td", { class: numeric ? "pk-number" : column.kind === "mono" ? "pk-mono" : "", attrs: { "data-raw": rawOf(value), "data-key": column.key } });
  if (isMissing(value)) {
    cell.appendChild(h("span", { class: "pk-unknown", attrs: { "aria-label": "not known", title: "Not known" } }, "\u2013"));
    return cell;
  }
  if (numeric && typeof value === "number") {
    if (column.bar) cell.appendChild(bar(column.kind === "share" ? value : value / (shownColumn.largest || 1)));
    cell.appendChild(h("span", "pk-value", write(column.kind, value, unit)));
    return cell;
  }
  const text = write(column.kind, value, unit);
  if (column.color_class_from) {
    const from = block.columns.findIndex((other) => other.key === column.color_class_from);
    cell.appendChild(dot(colourOf(String(row[from] ?? ""), 0, context.dark())));
  }
  const attrs = { dir: "auto", title: text.length > 24 ? visible(text.slice(0, MOST_RAW)) : undefined };
  const target = block.link?.column === column.key ? block.link.view : null;
  if (target) {
    const follow = (event: Event) => {
      event.preventDefault();
      event.stopPropagation();
      context.go({ view: target, q: text.slice(0, 200) });
    };
    // A link, not a button: only text flows and is cut with the cell.
    cell.appendChild(h("a", { class: "pk-link pk-text", attrs: { ...attrs, href: "#", tabindex: -1 }, on: { click: follow } }, shown(text)));
  } else cell.appendChild(h("bdi", { class: "pk-text", attrs }, shown(text)));
  return cell;
}

function bar(share: number): HTMLElement {
  const fill = h("span", "pk-bar-fill");
  const width = Math.min(Math.max(share, 0), 1) * 100;
  fill.style.width = width > 0 ? `max(1px, ${width}%)` : "0";
  return h("span", { class: "pk-bar", attrs: { "aria-hidden": "true" } }, fill);
}

export function dot(colour: string): HTMLElement {
  const made = h("span", { class: "pk-dot", attrs: { "aria-hidden": "true" } });
  made.style.background = colour;
  return made;
}
