/** The line above the timeline: search, zoom, and the choice between details and table. */

import { button, h, icon, iconButton } from "../dom";
import type { TimelineView } from "./view";

export interface Toolbar {
  element: HTMLElement;
  found(text: string, count: number, at: number): void;
  selection(any: boolean): void;
  focus(): void;
}

const TYPING_MS = 150;

export function toolbar(view: TimelineView): Toolbar {
  const search = h("input", { attrs: { type: "search", placeholder: "Search names", "aria-label": "Search names on the timeline", "data-testid": "timeline-search", spellcheck: "false" } });
  const count = h("span", { class: "pk-count", attrs: { "aria-live": "polite" } });
  let wait = 0;
  search.addEventListener("input", () => {
    clearTimeout(wait);
    wait = window.setTimeout(() => view.search(search.value.trim()), TYPING_MS);
  });
  search.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    clearTimeout(wait);
    if (count.dataset["for"] !== search.value.trim()) view.search(search.value.trim());
    view.nextFound(event.shiftKey ? -1 : 1);
  });
  const steps = h("span", "pk-tools", iconButton("up", "Previous match", () => view.nextFound(-1)), iconButton("down", "Next match", () => view.nextFound(1)));
  steps.hidden = true;
  const middle = () => view.scene.window.width / 2;
  const zoom = (factor: number) => () => (view.scene.window.zoom(factor, middle()), view.moved());
  const frame = button("Zoom to selection", () => view.frameSelection(), { class: "pk-button", attrs: { disabled: true } });
  let table = false;
  const asTable = button("Slices in view", () => {
    table = !table;
    asTable.setAttribute("aria-pressed", String(table));
    view.showTable(table);
  }, { class: "pk-button", attrs: { "aria-pressed": "false" } });
  asTable.prepend(icon("table"));
  const element = h("div", "pk-tl-tools",
    h("h1", "pk-offscreen", "Timeline"),
    h("span", "pk-filter", icon("search"), search), count, steps, h("span", "pk-spring"),
    frame,
    h("span", "pk-tools", iconButton("minus", "Zoom out", zoom(1.6)), iconButton("plus", "Zoom in", zoom(1 / 1.6)), iconButton("fit", "Show everything", () => view.fit())),
    asTable,
  );
  return {
    element,
    found: (text, number, at) => {
      if (document.activeElement !== search) search.value = text;
      count.dataset["for"] = text;
      count.textContent = !text ? "" : number === 0 ? "no match" : at < 0 ? `${number.toLocaleString("en-US")} match${number === 1 ? "" : "es"}` : `${(at + 1).toLocaleString("en-US")} of ${number.toLocaleString("en-US")}`;
      steps.hidden = number === 0 || !text;
    },
    selection: (any) => (frame.disabled = !any),
    focus: () => search.select(),
  };
}
