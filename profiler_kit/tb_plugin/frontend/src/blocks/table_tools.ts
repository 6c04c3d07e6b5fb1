/** The line above a table: title, number of rows, filter, columns, copy and CSV. */

import { add, button, h, icon, iconButton } from "../dom";
import { shown, visible } from "../text";
import type { TableView } from "./table_view";

const FILTER_FROM_ROWS = 6;

export interface TableTools {
  element: HTMLElement;
  count(shownRows: number, allRows: number): void;
  setFilter(filter: string): void;
}

export function tableTools(view: TableView): TableTools {
  const { block } = view;
  const number = h("span", { class: "pk-count", attrs: { "aria-live": "polite" } });
  const filter = h("input", {
    attrs: { type: "search", placeholder: "Filter rows", "aria-label": `Filter rows of ${block.title ?? block.id}`, title: "Words that a row must hold; -word leaves rows out", spellcheck: "false" },
  });
  let wait = 0;
  filter.addEventListener("input", () => {
    clearTimeout(wait);
    wait = window.setTimeout(() => view.setFilter(filter.value), 80);
  });
  const title = block.title ? h("h2", {}, shown(block.title)) : null;
  const right = h("div", "pk-tools");
  if (block.rows.length >= FILTER_FROM_ROWS) right.appendChild(h("span", "pk-filter", icon("search"), filter));
  if (view.model.isTree) {
    const all = (open: boolean) => () => (view.model.setAll(open), view.refresh());
    right.append(iconButton("plus", "Open all rows", all(true)), iconButton("minus", "Close all rows", all(false)));
  }
  if (block.columns.length > 3) right.appendChild(columnMenu(view));
  right.append(
    iconButton("copy", "Copy the shown rows", () => void view.copy()),
    iconButton("download", "Download the shown rows as CSV", () => view.download(), { attrs: { "data-testid": `csv-${block.id}` } }),
  );
  const element = h("div", "pk-block-head", h("div", "pk-title", title, number), right);
  if (block.lead) add(element, h("p", "pk-lead", visible(block.lead)));
  return {
    element,
    count: (some, all) => {
      number.textContent = some === all ? `${all.toLocaleString("en-US")} row${all === 1 ? "" : "s"}` : `${some.toLocaleString("en-US")} of ${all.toLocaleString("en-US")} rows`;
    },
    setFilter: (text) => {
      filter.value = text;
      view.model.filter = text;
    },
  };
}

function columnMenu(view: TableView): HTMLElement {
  const menu = h("details", "pk-menu");
  const list = h("div", "pk-menu-list");
  for (const column of view.block.columns.slice(1)) {
    const box = h("input", { attrs: { type: "checkbox", checked: !view.hidden.has(column.key) } });
    box.addEventListener("change", () => {
      if (box.checked) view.hidden.delete(column.key);
      else view.hidden.add(column.key);
      view.layout();
    });
    list.appendChild(h("label", {}, box, shown(column.title)));
  }
  const summary = h("summary", { class: "pk-icon-button", attrs: { "aria-label": "Choose columns", title: "Choose columns" } });
  summary.appendChild(icon("table"));
  menu.append(summary, list);
  menu.addEventListener("focusout", (event) => {
    if (!menu.contains(event.relatedTarget as Node | null)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key === "Escape") menu.open = false;
  });
  list.appendChild(button("Close", () => (menu.open = false), { class: "pk-link" }));
  return menu;
}
