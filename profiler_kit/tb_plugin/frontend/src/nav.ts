/** The list of views: tabs, in the order that the data gives. */

import type { ViewEntry } from "./contract";
import { h, replace } from "./dom";
import { shown } from "./text";

export class Nav {
  readonly element = h("nav", { class: "pk-nav", attrs: { "aria-label": "Views" } });
  private readonly list = h("div", { class: "pk-tabs", attrs: { role: "tablist", "aria-orientation": "vertical" } });
  private views: ViewEntry[] = [];

  constructor(private readonly open: (id: string) => void) {
    this.element.appendChild(this.list);
    this.list.addEventListener("keydown", (event) => this.onKey(event));
  }

  show(views: ViewEntry[], current: string): void {
    this.views = views;
    const focused = this.list.contains(document.activeElement);
    replace(this.list, ...views.map((view) => this.tab(view, view.id === current)));
    if (focused) this.list.querySelector<HTMLElement>('[aria-selected="true"]')?.focus();
  }

  private tab(view: ViewEntry, selected: boolean): HTMLElement {
    const hint = view.available ? undefined : "Not in this trace; opens what to record";
    return h("button", {
      class: view.available ? "" : "pk-absent",
      attrs: {
        type: "button", role: "tab", id: `tab-${view.id}`, "data-testid": `tab-${view.id}`, title: hint,
        "aria-selected": String(selected), "aria-controls": "pk-view", tabindex: selected ? 0 : -1,
      },
      on: { click: () => this.open(view.id) },
    }, shown(view.title, 40));
  }

  private onKey(event: KeyboardEvent): void {
    const at = this.views.findIndex((view) => `tab-${view.id}` === document.activeElement?.id);
    const steps: Record<string, number> = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: this.views.length - 1 };
    const to = steps[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    const next = this.views[(to + this.views.length) % this.views.length];
    if (next) this.open(next.id);
    this.list.querySelector<HTMLElement>('[aria-selected="true"]')?.focus();
  }
}
