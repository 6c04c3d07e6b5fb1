/** The panel below the timeline: the selected slice, what caused it and what it caused, or a legend. */

import type { Context } from "../context";
import type { TimelineHead } from "../contract";
import { add, button, h, icon, replace } from "../dom";
import { factList } from "../blocks/simple";
import { dot } from "../blocks/table_cells";
import { identity } from "../blocks/kernel";
import { colourOf } from "../palette";
import { withUnit } from "../quantities";
import { longText, shown, visible } from "../text";
import { type Slices, trackOf } from "./data";
import { chainUp, type Inverse } from "./relations";

const MOST_EFFECTS = 40;
const MOST_OF_A_PATH = 32;

export interface DetailsActions {
  select(slice: number): void;
  frame(): void;
}

export class Details {
  readonly element = h("div", { class: "pk-tl-details", attrs: { role: "region", "aria-label": "Selected slice", "aria-live": "polite" } });
  private turn = 0;

  constructor(
    private readonly head: TimelineHead,
    private readonly slices: Slices,
    private readonly labels: string[],
    private readonly context: Context,
    private readonly effects: () => Inverse,
    private readonly gradients: () => Inverse,
    private readonly actions: DetailsActions,
  ) {}

  trackTitle(slice: number): string {
    const track = trackOf(this.head, slice);
    return track ? `${track.group ? `${track.group} \u00b7 ` : ""}${track.title}` : "";
  }

  showLegend(): void {
    this.turn += 1;
    const used = new Set<number>(this.slices.class);
    const legend = h("div", "pk-tl-legend");
    this.head.classes.forEach((known, place) => {
      if (used.has(place)) add(legend, h("span", {}, dot(colourOf(known.id, place, this.context.dark())), shown(known.title, 60)));
    });
    const keys = h("p", "pk-tl-keys");
    const hint = (key: string, meaning: string) => add(keys, h("kbd", {}, key), ` ${meaning}`);
    hint("wheel, W S", "zoom");
    hint("drag, A D, \u2190 \u2192", "move");
    hint("shift + drag", "zoom into a range");
    hint("click", "select");
    hint("[ ]", "previous, next");
    hint("F", "zoom to selection");
    hint("0", "everything");
    hint("/", "search");
    replace(this.element, legend, keys);
  }

  show(slice: number): void {
    this.turn += 1;
    const { turn } = this;
    const name = this.head.names[this.slices.name[slice]!] ?? "";
    const label = this.labels[this.slices.name[slice]!] ?? "";
    const known = this.head.classes[this.slices.class[slice]!];
    const title = h("h2", {}, dot(colourOf(known?.id, this.slices.class[slice]!, this.context.dark())), shown(label, 300));
    const full = label === shown(name, 4000) ? null : h("p", "pk-kernel-name", longText(name, 600));
    const tools = h("div", "pk-tools", button("Zoom to it", this.actions.frame, { class: "pk-button" }), button("Clear", () => this.actions.select(-1), { class: "pk-button" }));
    const facts = factList([
      ["duration", withUnit("duration", this.slices.duration[slice]!)],
      ["start", `${withUnit("duration", this.slices.start[slice]!)} after the first event`],
      ["what", known?.title ?? ""],
      ["where", this.trackTitle(slice)],
    ]);
    const more = h("div", "pk-tl-more");
    const relations = h("div", "pk-tl-relations", ...this.relations(slice));
    replace(this.element, h("div", "pk-tl-details-head", title, tools), full, h("div", "pk-tl-columns", h("div", {}, facts), relations, more));
    void this.context.source.slice(this.context.at, slice).then(async (answer) => {
      if (turn !== this.turn) return;
      if (answer?.facts.length) more.appendChild(factList(answer.facts));
      const kernel = await this.context.source.kernel(answer?.kernel ?? name);
      // A name that tells nothing has no tokens; the panel then has nothing to add.
      if (turn === this.turn && kernel?.tokens.length && (answer?.kernel || this.isDevice(slice))) more.appendChild(identity(kernel));
    });
  }

  private isDevice(slice: number): boolean {
    return trackOf(this.head, slice)?.kind === "stream";
  }

  private link(slice: number, role: string): HTMLElement {
    const name = this.labels[this.slices.name[slice]!] ?? "";
    const go = button("", () => this.actions.select(slice), { class: "pk-link pk-text", attrs: { title: visible(name) } });
    // Of a path, the end tells more than the beginning.
    go.append(role === "layer" && name.length > MOST_OF_A_PATH ? `\u2026${shown(name.slice(-MOST_OF_A_PATH), 120)}` : shown(name, 120));
    return h("li", {}, h("span", "pk-role", role), go, h("span", "pk-when", withUnit("duration", this.slices.duration[slice]!)));
  }

  private relations(slice: number): HTMLElement[] {
    const out: HTMLElement[] = [];
    const chain = chainUp(this.slices, slice).slice(1);
    const forward = this.slices.madeBy[slice]!;
    const causes = chain.map((one) => this.link(one, this.roleOf(one)));
    if (forward >= 0) causes.push(this.link(forward, "forward of"));
    if (causes.length) out.push(h("h3", {}, icon("up"), "Comes from"), h("ul", {}, ...causes));
    const effects = [...this.effects().of(slice)];
    const backward = [...this.gradients().of(slice)];
    if (effects.length) {
      const total = effects.reduce((sum, one) => sum + this.slices.duration[one]!, 0);
      const list = effects.slice(0, MOST_EFFECTS).map((one) => this.link(one, this.roleOf(one)));
      out.push(h("h3", {}, icon("down"), `Leads to ${effects.length.toLocaleString("en-US")}, ${withUnit("duration", total)}`), h("ul", {}, ...list));
    }
    if (backward.length) out.push(h("h3", {}, icon("left"), "Its backward"), h("ul", {}, ...backward.slice(0, MOST_EFFECTS).map((one) => this.link(one, "backward"))));
    if (!out.length) out.push(h("p", "pk-lead", "The trace names nothing that this comes from or leads to."));
    return out;
  }

  private roleOf(slice: number): string {
    const kind = trackOf(this.head, slice)?.kind;
    if (kind === "layers") return "layer";
    if (kind === "stream") return "on the GPU";
    return this.head.classes[this.slices.class[slice]!]?.id === "launch" ? "launch" : "operator";
  }
}
