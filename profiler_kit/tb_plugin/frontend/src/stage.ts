/** The place of one view: loads it, shows it or says why not, and takes it away when another comes. */

import { renderBlock } from "./blocks/block";
import { missingText } from "./blocks/simple";
import { compareView } from "./compare";
import type { Context } from "./context";
import type { Run, View, ViewEntry } from "./contract";
import { h, replace } from "./dom";
import { type Source, StillReading, waits } from "./source";
import type { State } from "./state";
import { visible } from "./text";
import { TimelineView } from "./timeline/view";

export interface Surroundings {
  dark(): boolean;
  set(change: Partial<State>): void;
  go(change: Partial<State>): void;
  announce(text: string): void;
  runs(): Run[];
}

type Condition = "ready" | "loading" | "missing" | "error";

const COMPARE_LEAD = "Two traces side by side, and what changed between them: the one chosen above (A) and another (B).";

export class Stage {
  readonly root = h("div", { class: "pk-view", attrs: { id: "pk-view", tabindex: 0, role: "tabpanel" } });
  private leave: (() => void)[] = [];
  private themed: (() => void)[] = [];

  constructor(private readonly source: Source, private readonly around: Surroundings) {}

  repaint(): void {
    for (const action of this.themed) action();
  }

  private clear(id: string, condition: Condition, ...content: Node[]): void {
    for (const action of this.leave) action();
    this.leave = [];
    this.themed = [];
    replace(this.root, ...content);
    this.root.dataset["view"] = id;
    this.root.dataset["state"] = condition;
    this.root.setAttribute("aria-busy", String(condition === "loading"));
    if (id) this.root.setAttribute("aria-labelledby", `tab-${id}`);
    this.root.classList.toggle("pk-full", false);
    this.root.scrollTop = 0;
  }

  /** A sentence instead of a view. */
  message(condition: Condition, text: string, command?: string, entry?: ViewEntry): void {
    const missing = entry ? `${entry.title}: not in this trace` : "Nothing to show yet";
    const titles = { ready: "", loading: "", missing, error: "That did not work" };
    const id = entry?.id ?? "";
    const box = h("div", "pk-message", titles[condition] ? h("h1", {}, visible(titles[condition])) : null, missingText(text, command));
    this.clear(id, condition, box);
    this.around.announce(visible(text));
  }

  progress(text: string, share: number | undefined): void {
    const shown = this.root.querySelector("progress");
    if (!shown) {
      const bar = h("progress", { attrs: { max: 1, "aria-label": text } });
      this.clear("", "loading", h("div", "pk-message", h("p", {}, text), bar, h("p", "pk-lead pk-share", "")));
    }
    const bar = this.root.querySelector("progress")!;
    if (share !== undefined && share > 0) bar.value = share;
    const words = this.root.querySelector(".pk-share");
    if (words) words.textContent = share ? `${Math.round(share * 100)} %` : "";
  }

  /** @param current Tells whether the reader is still here. */
  async show(entry: ViewEntry, state: State, current: () => boolean): Promise<void> {
    if (!entry.available) return this.message("missing", entry.missing ?? "This trace does not hold what the view needs.", entry.command, entry);
    if (this.root.dataset["view"] !== entry.id) this.clear(entry.id, "loading", skeleton());
    if (entry.kind === "timeline") return this.showTimeline(entry, state, current);
    if (entry.kind === "compare") return this.showCompare(entry, state, current);
    const view = await this.patiently(() => this.source.view({ run: state.run, file: state.file }, entry.id), current);
    if (view) this.showBlocks(entry, state, view);
  }

  /** Ask until the trace is read. Null when the reader has gone elsewhere. */
  private async patiently<T>(ask: () => Promise<T>, current: () => boolean): Promise<T | null> {
    for (const wait of waits()) {
      try {
        const answer = await ask();
        return current() ? answer : null;
      } catch (error) {
        if (!(error instanceof StillReading)) throw error;
        await new Promise((resolve) => setTimeout(resolve, wait));
        if (!current()) return null;
      }
    }
    return null;
  }

  private context(state: State, view: View): Context {
    return {
      ...this.around,
      source: this.source,
      at: { run: state.run, file: state.file },
      state,
      view,
      onLeave: (action) => this.leave.push(action),
      onTheme: (action) => this.themed.push(action),
    };
  }

  private showBlocks(entry: ViewEntry, state: State, view: View, before: Node[] = []): void {
    this.clear(entry.id, view.blocks.every((block) => block.type === "missing") ? "missing" : "ready");
    const context = this.context(state, view);
    const leads = typeof view.lead === "string" ? [view.lead] : (view.lead ?? []);
    const head = h("div", "pk-view-head", h("h1", {}, visible(view.title ?? entry.title)), ...leads.map((lead) => h("p", {}, visible(lead))));
    const primary = view.blocks.find((block) => block.type === "table");
    const blocks = view.blocks.map((block) => renderBlock(block, context, block === primary));
    besideEachOther(blocks);
    replace(this.root, head, ...before, h("div", "pk-blocks", ...blocks));
  }

  private async showTimeline(entry: ViewEntry, state: State, current: () => boolean): Promise<void> {
    const at = { run: state.run, file: state.file };
    const head = await this.patiently(() => this.source.timeline(at), current);
    const data = head && (await this.patiently(() => this.source.timelineData(at), current));
    if (!head || !data) return;
    this.clear(entry.id, head.slices ? "ready" : "missing");
    if (!head.slices) return this.message("missing", "The trace holds no events to draw.", undefined, entry);
    this.root.classList.add("pk-full");
    const context = this.context(state, { id: entry.id, title: entry.title, blocks: [] });
    replace(this.root, new TimelineView(head, data, context).root);
  }

  private async showCompare(entry: ViewEntry, state: State, current: () => boolean): Promise<void> {
    const runs = this.around.runs();
    const { picker, other } = compareView(runs, state, this.source.live, this.around.go);
    if (this.source.live && !other) {
      this.clear(entry.id, "missing", h("div", "pk-view-head", h("h1", {}, entry.title), h("p", {}, COMPARE_LEAD)), picker);
      return;
    }
    const view = await this.patiently(() => this.source.compare({ run: state.run, file: state.file }, other ?? { run: "", file: "" }), current);
    if (view) this.showBlocks(entry, state, view, this.source.live ? [picker] : []);
  }
}

/** Mark breakdowns that follow one another, which share rows: pairs, or threes where there is room. */
function besideEachOther(blocks: HTMLElement[]): void {
  const isBreakdown = (at: number) => blocks[at]?.classList.contains("pk-breakdown-block") ?? false;
  for (let first = 0; first < blocks.length; first += 1) {
    let end = first;
    while (isBreakdown(end)) end += 1;
    if (end - first < 2) continue;
    const run = blocks.slice(first, end);
    for (const block of run) block.classList.add("pk-beside", run.length > 2 ? "pk-of-three" : "pk-of-two");
    if (run.length % 2) run.at(-1)?.classList.add("pk-odd");
    first = end;
  }
}

function skeleton(): HTMLElement {
  return h("div", { class: "pk-skeleton", attrs: { "aria-label": "Loading" } }, h("div"), h("div"), h("div"));
}
