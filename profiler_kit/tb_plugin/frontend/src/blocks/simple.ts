/** Blocks without behaviour of their own: facts, findings, text, and what is missing. */

import type { Fact, FactsBlock, Finding, FindingsBlock, MissingBlock, TextBlock } from "../contract";
import type { Context } from "../context";
import { add, button, h, icon, iconButton } from "../dom";
import { copyText } from "../save";
import { longText, visible } from "../text";

export function heading(title: string | undefined, lead?: string): HTMLElement | null {
  if (!title && !lead) return null;
  const head = h("div", "pk-block-head");
  if (title) head.appendChild(h("div", "pk-title", h("h2", {}, visible(title))));
  if (lead) head.appendChild(h("p", "pk-lead", visible(lead)));
  return head;
}

export function factList(items: Fact[]): HTMLElement {
  const list = h("dl", "pk-facts");
  for (const [label, text] of items) list.append(h("dt", {}, visible(label)), h("dd", {}, longText(String(text))));
  return list;
}

export function factsBlock(block: FactsBlock): HTMLElement {
  const list = factList(block.items);
  list.classList.add("pk-facts-grid");
  return h("div", {}, heading(block.title), list);
}

export function textBlock(block: TextBlock): HTMLElement {
  const holder = h("div", "pk-prose", heading(block.title));
  for (const paragraph of block.paragraphs) holder.appendChild(h("p", { attrs: { dir: "auto" } }, visible(paragraph)));
  return holder;
}

const SEVERITY = { info: "Note", hint: "Can be improved", warning: "Warning" } as const;

export function findingsBlock(block: FindingsBlock, context: Context): HTMLElement {
  const list = h("ul", "pk-findings");
  for (const finding of block.items) list.appendChild(findingItem(finding, context));
  if (!block.items.length) add(list, h("li", "pk-empty", "Nothing stands out."));
  return h("div", {}, heading(block.title), list);
}

function findingItem(finding: Finding, context: Context): HTMLElement {
  const severity = finding.severity && finding.severity in SEVERITY ? finding.severity : "info";
  const mark = h("span", { class: `pk-severity pk-${severity}`, attrs: { role: "img", "aria-label": SEVERITY[severity], title: SEVERITY[severity] } });
  mark.appendChild(icon(severity));
  const body = h("div", "pk-finding", h("p", "pk-statement", longText(finding.title, 600)));
  if (finding.details?.length) body.appendChild(factList(finding.details));
  const { link } = finding;
  if (link) {
    const target = { view: link.view, ...(link.sel ? { q: link.sel } : {}) };
    body.appendChild(button("Show the evidence", () => context.go(target), { class: "pk-link" }));
  }
  return h("li", {}, mark, body);
}

export function missingBlock(block: MissingBlock): HTMLElement {
  return h("div", "pk-missing", heading(block.title), missingText(block.text, block.command));
}

export function missingText(text: string, command?: string): HTMLElement {
  const holder = h("div", {}, h("p", {}, visible(text)));
  if (command) {
    const copy = iconButton("copy", "Copy the command", () => void copyText(command));
    holder.appendChild(h("div", "pk-command", h("code", {}, visible(command)), copy));
  }
  return holder;
}
