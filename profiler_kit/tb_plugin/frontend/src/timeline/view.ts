/** The timeline: ties data, drawing, pointer, keys, search and details together. */

import type { Context } from "../context";
import type { TimelineHead } from "../contract";
import { h, replace } from "../dom";
import { TableView } from "../blocks/table_view";
import { withUnit } from "../quantities";
import { zoomRange, zoomText } from "../state";
import { shortName, shown, visible } from "../text";
import { decode, firstEndingAfter, type Slices, trackOf } from "./data";
import { Details } from "./details";
import { fillGutter } from "./gutter";
import { type Hit, hitOf } from "./hit";
import { slicesInView } from "./in_view";
import { listen } from "./input";
import { GUTTER, Layout, RULER, shownLanes, type TrackView } from "./layout";
import { boxOf, paint, type Scene } from "./paint";
import { Raster } from "./raster";
import { relatedTo } from "./related";
import { Inverse } from "./relations";
import { Search } from "./search";
import { sliceStyle } from "./style";
import { type Toolbar, toolbar } from "./toolbar";
import { TimeWindow } from "./window";

const REMEMBER_AFTER_MS = 250;
/** Between two pieces of work that can wait, where the browser does not tell when it is idle. */
const BREATH_MS = 30;

export class TimelineView {
  readonly root: HTMLElement;
  readonly scene: Scene;
  private readonly canvas: HTMLCanvasElement;
  private readonly scroller: HTMLElement;
  private readonly content = h("div", "pk-tl-content");
  private readonly gutter = h("div", "pk-tl-gutter");
  private readonly tip = h("div", { class: "pk-tip pk-tl-tip", attrs: { "aria-hidden": "true" } });
  private readonly bottom = h("div", "pk-tl-bottom");
  private readonly tools: Toolbar;
  private readonly details: Details;
  private readonly lowerNames: string[];
  private readonly raster = new Raster();
  private effects: Inverse | null = null;
  private gradients: Inverse | null = null;
  private searched = "";
  private foundAt = -1;
  private asTable = false;
  private due = 0;
  private remember = 0;
  private listed = 0;
  private preparing = 0;

  constructor(private readonly head: TimelineHead, data: ArrayBuffer, private readonly context: Context) {
    const slices = decode(head, data);
    const labels = head.names.map((name, code) => visible(head.labels?.[code] ?? shortName(name)).slice(0, 400));
    this.lowerNames = head.names.map((name) => name.toLowerCase());
    this.canvas = h("canvas", {
      class: "pk-tl-canvas",
      attrs: { tabindex: 0, role: "application", "data-testid": "timeline-canvas", "data-state": "loading", "aria-label": `Timeline of ${slices.count.toLocaleString("en-US")} slices. W and S zoom, A and D move, brackets go from slice to slice. The button Slices in view gives them as a table.` },
    });
    const corner = h("div", "pk-tl-corner");
    this.content.append(corner, this.gutter, this.canvas, this.tip);
    this.scroller = h("div", { class: "pk-tl-scroll", on: { scroll: () => this.request() } }, this.content);
    this.tools = toolbar(this);
    this.details = new Details(head, slices, labels, context, () => (this.effects ??= new Inverse(slices.up)), () => (this.gradients ??= new Inverse(slices.madeBy)), { select: (slice) => this.select(slice, true), frame: () => this.frameSelection() });
    this.root = h("div", "pk-timeline", this.tools.element, this.scroller, this.bottom);
    this.scene = {
      head, slices, labels, characterWidths: new Float32Array(labels.length), layout: new Layout(head, slices), window: new TimeWindow(head.span_ns), scroll: 0, height: 1,
      style: sliceStyle(head, context.dark(), "#ffffff"), ink: { text: "", muted: "", line: "", surface: "", accent: "", band: "", font: "sans-serif" },
      search: null, selected: -1, related: [], arrows: [], marked: null,
    };
    this.start();
  }

  get slices(): Slices {
    return this.scene.slices;
  }

  private start(): void {
    const { context, scene } = this;
    const zoom = zoomRange(context.state.zoom);
    if (zoom) scene.window.set(...zoom);
    replace(this.bottom, this.details.element);
    const stop = listen(this.canvas, this.scroller, this);
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(this.scroller);
    context.onTheme(() => (this.restyle(), scene.selected < 0 && this.details.showLegend(), this.request()));
    context.onLeave(() => {
      stop();
      observer.disconnect();
      cancelAnimationFrame(this.due);
      clearTimeout(this.remember);
      clearTimeout(this.listed);
      this.stopPreparing();
    });
    this.place();
    if (context.state.q) this.search(context.state.q);
    const selected = context.state.sel === "" ? -1 : Number(context.state.sel);
    requestAnimationFrame(() => {
      this.restyle();
      this.select(Number.isInteger(selected) && selected < this.slices.count ? selected : -1, !zoom);
    });
  }

  private restyle(): void {
    const style = getComputedStyle(this.canvas);
    const read = (name: string) => style.getPropertyValue(`--${name}`).trim() || "#888888";
    this.scene.ink = { text: read("text"), muted: read("muted"), line: read("line-soft"), surface: read("surface"), accent: read("accent"), band: read("band"), font: style.fontFamily };
    this.scene.style = sliceStyle(this.head, this.context.dark(), this.scene.ink.surface);
  }

  private resize(): void {
    const width = this.scroller.clientWidth - GUTTER;
    const height = this.scroller.clientHeight;
    if (width < 10 || height < 10) return;
    const density = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * density);
    this.canvas.height = Math.round(height * density);
    this.raster.resize(this.canvas.width, this.canvas.height);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.scene.window.width = width;
    this.scene.height = height;
    this.draw();
  }

  private place(): void {
    this.stopPreparing();
    this.scene.layout.place();
    this.content.style.height = `${this.scene.layout.height + RULER}px`;
    fillGutter(this.gutter, this.scene.layout, (track) => this.toggle(track));
    this.request();
  }

  private toggle(track: TrackView): void {
    track.collapsed = !track.collapsed;
    this.place();
    this.gutter.querySelectorAll<HTMLElement>("button")[this.scene.layout.tracks.filter((one) => one.lanes.length > 1).indexOf(track)]?.focus();
  }

  /** Draw with the next frame. */
  request(): void {
    if (!this.due) this.due = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.due = 0;
    const context = this.canvas.getContext("2d", { alpha: false });
    if (!context || this.scene.window.width < 10) return;
    const began = performance.now();
    this.scene.scroll = this.scroller.scrollTop;
    context.setTransform(1, 0, 0, 1, 0, 0);
    paint(context, this.scene, this.raster, window.devicePixelRatio || 1);
    this.canvas.dataset["frameMs"] = (performance.now() - began).toFixed(2);
    this.canvas.dataset["state"] = "ready";
    if (!this.preparing) this.prepareSoon();
    this.canvas.dataset["zoom"] = zoomText(this.scene.window.from, this.scene.window.to);
  }

  /** Merge levels that a zoom would need, piece by piece while nothing else is to be done. */
  private prepareSoon(): void {
    const work = () => {
      const { layout, window: range } = this.scene;
      const widest = range.span / range.width;
      const lanes = layout.tracks.flatMap((track) => shownLanes(track));
      if (lanes.some(({ levels }) => levels.prepare(widest))) this.prepareSoon();
      else this.canvas.dataset["prepared"] = "yes";
    };
    // Where all is prepared, this stays set, and drawing asks no more.
    this.preparing = window.requestIdleCallback ? window.requestIdleCallback(work, { timeout: 1000 }) : window.setTimeout(work, BREATH_MS);
  }

  private stopPreparing(): void {
    if (window.cancelIdleCallback) window.cancelIdleCallback(this.preparing);
    else clearTimeout(this.preparing);
    this.preparing = 0;
  }

  /** The shown range changed: draw, and keep it in the address once it rests. */
  moved(): void {
    this.request();
    this.tip.style.display = "none";
    clearTimeout(this.remember);
    this.remember = window.setTimeout(() => this.context.set({ zoom: zoomText(this.scene.window.from, this.scene.window.to) }), REMEMBER_AFTER_MS);
    if (!this.asTable) return;
    clearTimeout(this.listed);
    this.listed = window.setTimeout(() => this.list(), REMEMBER_AFTER_MS);
  }

  hit(x: number, y: number): Hit | null {
    if (y < RULER) return null;
    const lane = this.scene.layout.laneAt(y - RULER + this.scene.scroll);
    return lane && hitOf(lane, this.scene.window, x);
  }

  /** Tell what is under the pointer. */
  hover(x: number, y: number): void {
    const hit = this.hit(x, y);
    this.canvas.style.cursor = hit ? "pointer" : "";
    this.tip.style.display = hit ? "block" : "none";
    if (!hit) return;
    const { slice, merged } = hit;
    const name = h("div", "pk-tip-title", shown(this.scene.labels[this.slices.name[slice]!] ?? "", 160));
    const known = this.head.classes[this.slices.class[slice]!];
    const line = `${withUnit("duration", this.slices.duration[slice]!)}${known ? ` \u00b7 ${known.title}` : ""}`;
    replace(this.tip, name, h("div", "pk-tip-line", line), merged > 1 ? h("div", "pk-tip-line", `longest of ${merged.toLocaleString("en-US")} slices here; zoom in`) : null);
    const left = Math.min(x + GUTTER + 14, this.scroller.clientWidth - this.tip.offsetWidth - 8);
    const below = y + 18 + this.tip.offsetHeight < this.scene.height;
    this.tip.style.transform = `translate(${Math.max(left, 4)}px, ${this.scene.scroll + (below ? y + 18 : y - this.tip.offsetHeight - 10)}px)`;
  }

  unhover(): void {
    this.tip.style.display = "none";
  }

  /** @param reveal Move the view so that the slice is in it. */
  select(slice: number, reveal = false): void {
    const { scene } = this;
    scene.selected = slice >= 0 ? slice : -1;
    scene.related = [];
    scene.arrows = [];
    if (slice < 0) this.details.showLegend();
    else {
      Object.assign(scene, relatedTo(slice, this.head, this.slices, (this.effects ??= new Inverse(this.slices.up))));
      this.details.show(slice);
      this.context.announce(`${scene.labels[this.slices.name[slice]!] ?? ""}, ${withUnit("duration", this.slices.duration[slice]!)}`.slice(0, 300));
      if (reveal) this.reveal(slice);
    }
    this.context.set({ sel: slice >= 0 ? String(slice) : "" });
    this.tools.selection(slice >= 0);
    this.bottom.classList.toggle("pk-tl-tall", this.asTable || slice >= 0);
    this.request();
  }

  private reveal(slice: number): void {
    const { scene } = this;
    scene.window.reveal(this.slices.start[slice]!, this.slices.duration[slice]!);
    const own = trackOf(this.head, slice);
    const track = scene.layout.tracks.find(({ place }) => this.head.tracks[place] === own);
    if (track?.collapsed && this.slices.depth[slice]! > 0) this.toggle(track);
    const box = boxOf(scene, slice);
    if (box && (box.y < RULER || box.y + box.height > scene.height)) this.scroller.scrollTop += box.y - scene.height / 2;
    this.moved();
  }

  frameSelection(): void {
    const { selected, window: shownRange } = this.scene;
    if (selected < 0) return;
    shownRange.frame(this.slices.start[selected]!, this.slices.duration[selected]!);
    this.moved();
  }

  fit(): void {
    this.scene.window.fit();
    this.moved();
  }

  /** Select the slice before or after the selected one in its lane; with none selected, the first in view. */
  neighbour(step: number): void {
    const { selected, layout, window: range } = this.scene;
    const lanes = layout.tracks.flatMap((track) => (selected < 0 ? shownLanes(track) : track.lanes).map(({ levels }) => levels.lane));
    for (const lane of lanes) {
      const at = selected < 0 ? firstEndingAfter(lane.end, range.from) : lane.slice.indexOf(selected) + step;
      if (selected < 0 ? !(lane.start[at]! <= range.to) : !lane.slice.includes(selected)) continue;
      const next = lane.slice[at];
      if (next !== undefined) this.select(next, selected >= 0);
      return;
    }
  }

  search(text: string): void {
    const { scene } = this;
    scene.search = text ? new Search(this.slices, this.lowerNames, text) : null;
    this.foundAt = -1;
    this.searched = text;
    this.tools.found(text, scene.search?.found.length ?? 0, -1);
    this.context.set({ q: text });
    this.request();
  }

  nextFound(step: number): void {
    const found = this.scene.search?.found;
    if (!found?.length) return;
    this.foundAt = (this.foundAt + step + found.length) % found.length;
    this.tools.found(this.searched, found.length, this.foundAt);
    this.select(found[this.foundAt]!, true);
  }

  focusSearch(): void {
    this.tools.focus();
  }

  /** Show the slices in view as a table instead of the details. */
  showTable(table: boolean): void {
    this.asTable = table;
    this.bottom.classList.toggle("pk-tl-tall", table || this.scene.selected >= 0);
    if (table) this.list();
    else replace(this.bottom, this.details.element);
  }

  private list(): void {
    const { slices, layout, window: range } = this.scene;
    const context: Context = { ...this.context, go: (change) => this.search(change.q ?? "") };
    replace(this.bottom, new TableView(slicesInView(this.head, slices, layout, range), context, false).root);
  }
}
