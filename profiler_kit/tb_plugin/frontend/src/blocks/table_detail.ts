/** What opens below a row: its long texts in full, the values of columns not shown, and the blocks that belong to it. */

import type { Block, TableBlock } from "../contract";
import type { Context } from "../context";
import { h } from "../dom";
import { isMissing, isNumeric, withUnit } from "../quantities";
import { longText, visible } from "../text";
import { renderBlock } from "./block";

const LONG_TEXT = 48;

export function hasDetail(block: TableBlock, row: number): boolean {
  if (block.detail?.[row]) return true;
  return block.rows[row]!.some((value) => typeof value === "string" && value.length > LONG_TEXT);
}

export function detailOf(block: TableBlock, row: number, hidden: ReadonlySet<string>, context: Context): HTMLElement {
  const panel = h("div", { class: "pk-panel", on: { click: (event) => event.stopPropagation() } });
  const detail = block.detail?.[row] ?? null;
  const blocks: Block[] = detail === null ? [] : Array.isArray(detail) ? detail : [detail];
  // A text that is written out once below or above is not repeated.
  const written = new Set(blocks.flatMap((inner) => (inner.type === "kernel" ? [inner.name] : [])));
  const facts = h("dl", "pk-facts");
  block.columns.forEach((column, place) => {
    const value = block.rows[row]![place];
    const long = typeof value === "string" && value.length > LONG_TEXT;
    if (isMissing(value) || value === "" || !(long || hidden.has(column.key)) || written.has(String(value))) return;
    if (long) written.add(value);
    const text = isNumeric(column.kind) ? withUnit(column.kind, value) : String(value);
    facts.append(h("dt", {}, visible(column.title)), h("dd", column.kind === "mono" ? "pk-mono" : "", longText(text, 2000)));
  });
  if (facts.childElementCount) panel.appendChild(facts);
  for (const inner of blocks) panel.appendChild(renderBlock(inner, context, false));
  return panel;
}
