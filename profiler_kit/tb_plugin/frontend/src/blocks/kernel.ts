/** What a kernel is, by its name: the facts, and the name taken apart token by token. */

import type { Kernel, KernelBlock } from "../contract";
import type { Context } from "../context";
import { h, replace } from "../dom";
import { longText, shown, visible } from "../text";
import { factList } from "./simple";

export function kernelBlock(block: KernelBlock, context: Context): HTMLElement {
  const holder = h("div", { class: "pk-kernel", attrs: { "aria-busy": "true" } }, h("p", "pk-lead", "Reading the name\u2026"));
  void context.source.kernel(block.name).then((kernel) => {
    holder.removeAttribute("aria-busy");
    replace(holder, kernel ? identity(kernel) : unknown(block.name));
  });
  return holder;
}

function unknown(name: string): HTMLElement {
  return h("div", {}, h("p", "pk-kernel-name", longText(name, 1000)), h("p", "pk-lead", "The explanation of this name is not here; profiler-kit identify --explain NAME gives it."));
}

export function identity(kernel: Kernel): HTMLElement {
  const name = h("p", "pk-kernel-name", longText(kernel.name, 1000));
  const tokens = kernel.tokens.filter((token) => token.text);
  if (!tokens.length) return h("div", {}, name, factList(kernel.facts));
  const rows = tokens.map((token) =>
    h("tr", {},
      h("td", { class: "pk-mono", attrs: { "data-raw": token.text.slice(0, 2000) } }, h("bdi", {}, shown(token.text))),
      h("td", {}, token.meaning ? visible(token.meaning) : h("span", "pk-unknown", "not known")),
      h("td", "pk-source", visible(token.source ?? "")),
    ),
  );
  const head = h("thead", {}, h("tr", {}, ...["Token", "Meaning", "How it is known"].map((title) => h("th", { attrs: { scope: "col" } }, title))));
  const table = h("table", { class: "pk-tokens", attrs: { "aria-label": "Tokens of the kernel's name" } }, head, h("tbody", {}, ...rows));
  return h("div", {}, name, h("div", "pk-kernel-parts", factList(kernel.facts), table));
}
