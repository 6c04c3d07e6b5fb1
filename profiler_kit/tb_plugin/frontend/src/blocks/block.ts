/** A block of any type as an element. A new analysis needs nothing here; a new type of block does. */

import type { Block, TableBlock } from "../contract";
import type { Context } from "../context";
import { h } from "../dom";
import { breakdownBlock } from "./breakdown";
import { chartBlock } from "./chart";
import { kernelBlock } from "./kernel";
import { factsBlock, findingsBlock, missingBlock, textBlock } from "./simple";
import { TableView } from "./table_view";

/** @param primary Whether this is the table that the address's filter is about: the first of the view. */
export function renderBlock(block: Block, context: Context, primary: boolean): HTMLElement {
  const card = h("section", { class: `pk-block pk-${block.type}-block`, attrs: { "data-block": block.id } });
  card.appendChild(content(block, context, primary));
  return card;
}

function content(block: Block, context: Context, primary: boolean): HTMLElement {
  switch (block.type) {
    case "table":
      return tableBlock(block, context, primary);
    case "facts":
      return factsBlock(block);
    case "findings":
      return findingsBlock(block, context);
    case "text":
      return textBlock(block);
    case "breakdown":
      return breakdownBlock(block, context);
    case "chart":
      return chartBlock(block, context);
    case "missing":
      return missingBlock(block);
    case "kernel":
      return kernelBlock(block, context);
    default:
      return h("p", "pk-lead", "This page is older than the data and cannot show a part of it.");
  }
}

function tableBlock(block: TableBlock, context: Context, primary: boolean): HTMLElement {
  const view = new TableView(block, context, primary);
  const notes = typeof block.note === "string" ? [block.note] : (block.note ?? []);
  for (const note of notes) view.root.appendChild(h("p", "pk-note", note));
  return view.root;
}
