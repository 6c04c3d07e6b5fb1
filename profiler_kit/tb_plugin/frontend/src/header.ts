/** The top of the page: which run and file, what the trace is, downloads, light and dark. */

import type { Run, TraceFacts } from "./contract";
import { add, button, h, icon, iconButton, replace } from "./dom";
import { fileLabel } from "./files";
import type { Download } from "./source";
import { cut, textNode, visible } from "./text";

export interface HeaderActions {
  choose(run: string, file: string): void;
  /** Null where there are no files to download. */
  download(what: Download): string | null;
  /** Null where the page around decides. */
  switchTheme: (() => void) | null;
}

export class Header {
  readonly element: HTMLElement;
  private readonly run = h("select", { attrs: { "data-testid": "run-picker", "aria-label": "Run" } });
  private readonly file = h("select", { attrs: { "data-testid": "file-picker", "aria-label": "Trace file or rank" } });
  private readonly facts = h("div", "pk-trace-facts");
  private readonly pickers: HTMLElement;
  private readonly menu = h("div", "pk-menu-list");
  private runs: Run[] = [];
  private listed = "";

  constructor(private readonly live: boolean, private readonly actions: HeaderActions) {
    this.run.addEventListener("change", () => actions.choose(this.run.value, ""));
    this.file.addEventListener("change", () => actions.choose(this.run.value, this.file.value));
    this.pickers = h("div", "pk-pickers", h("label", {}, h("span", {}, "Run"), this.run), h("label", {}, h("span", {}, "File"), this.file));
    const tools = h("div", "pk-tools");
    if (live) tools.appendChild(this.downloads());
    if (actions.switchTheme) tools.appendChild(iconButton("moon", "Switch between light and dark", actions.switchTheme));
    this.element = h("header", "pk-header", live ? this.pickers : null, this.facts, tools);
  }

  private downloads(): HTMLElement {
    const menu = h("details", { class: "pk-menu", attrs: { "data-testid": "downloads" } });
    const summary = h("summary", { class: "pk-button" }, icon("download"), "Export");
    menu.append(summary, this.menu);
    menu.addEventListener("toggle", () => menu.open && this.fillDownloads());
    menu.addEventListener("keydown", (event) => event.key === "Escape" && (menu.open = false));
    menu.addEventListener("focusout", (event) => {
      if (event.relatedTarget && !menu.contains(event.relatedTarget as Node)) menu.open = false;
    });
    return menu;
  }

  private fillDownloads(): void {
    const link = (what: Download, label: string) => {
      const address = this.actions.download(what);
      return address ? h("a", { class: "pk-menu-item", attrs: { href: address, download: true } }, icon("download"), label) : null;
    };
    // Explained here and not in a dialog of the browser's, which pages within a notebook's frame may not show.
    const leave = h("a", { class: "pk-link", attrs: { href: "https://ui.perfetto.dev/", target: "_blank", rel: "noopener noreferrer" } }, "Go to ui.perfetto.dev");
    const note = h("div", { class: "pk-menu-note", attrs: { id: "pk-perfetto", hidden: true } },
      h("p", {}, "Perfetto is a web site outside this machine. Download the trace here first, then open the file there: Perfetto reads it in your browser, and sends it nowhere."), leave);
    const perfetto = button("Open in Perfetto\u2026", () => {
      note.hidden = !note.hidden;
      perfetto.setAttribute("aria-expanded", String(!note.hidden));
    }, { class: "pk-menu-item", attrs: { "aria-expanded": "false", "aria-controls": "pk-perfetto" } });
    perfetto.prepend(icon("external"));
    replace(this.menu, link("trace", "Download the trace"), link("speedscope", "Download for speedscope"), perfetto, note);
  }

  showRuns(runs: Run[], run: string, file: string): void {
    this.runs = runs;
    // Lists that did not change stay: one may be open.
    const now = JSON.stringify([runs, run, file]);
    if (now === this.listed) return;
    this.listed = now;
    const option = (value: string, label: string, selected: boolean) => h("option", { attrs: { value, selected } }, label);
    replace(this.run, ...runs.map((known) => option(known.run, visible(cut(known.run || ".", 80)), known.run === run)));
    const files = this.runs.find((known) => known.run === run)?.files ?? [];
    replace(this.file, ...files.map((known) => option(known.file, fileLabel(known), known.file === file)));
    this.run.value = run;
    this.file.value = file;
    this.file.disabled = files.length < 2;
    this.run.disabled = runs.length < 2;
  }

  showFacts(trace: TraceFacts | null): void {
    replace(this.facts);
    if (!trace) return;
    // Where files are chosen, the chosen one names the trace already.
    if (!this.live) add(this.facts, h("strong", {}, textNode(trace.title, 90)));
    // The file's path repeats the title; its end stays in the tooltip there.
    for (const [label, text] of trace.facts.filter(([name]) => name !== "trace")) {
      add(this.facts, h("span", "pk-fact", h("span", "pk-fact-label", visible(label)), textNode(String(text), 60)));
    }
  }
}
