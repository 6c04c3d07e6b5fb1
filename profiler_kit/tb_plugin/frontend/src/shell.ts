/** The page as a whole: finds out what there is, keeps the state, and shows one view at a time. */

import type { At, Run, RunFile, ViewEntry, ViewsAnswer } from "./contract";
import { h, replace } from "./dom";
import { defaultFile } from "./files";
import { Header } from "./header";
import { chooseTheme, type Host } from "./host";
import { Nav } from "./nav";
import { type Source, SourceError, StillReading, waits } from "./source";
import { emptyState, fromHash, KEYS, type State, toHash } from "./state";
import { Stage } from "./stage";

const LOOK_FOR_RUNS_MS = 5000;
const FIRST_VIEW = "overview";
const NO_TRACES =
  "No traces were found in the log directory yet. Record one with pk.profile(model, \"runs/name\"), or put any *.pt.trace.json.gz there; it appears here by itself.";

export class Shell {
  readonly root = h("div", "pk-page");
  private state: State = emptyState();
  private runs: Run[] = [];
  private views: ViewEntry[] = [];
  private readonly header: Header;
  private readonly nav = new Nav((id) => this.go({ view: id }));
  private readonly stage: Stage;
  private readonly live = h("div", { class: "pk-offscreen", attrs: { role: "status", "aria-live": "polite" } });
  /** Answers that arrive after the reader went elsewhere are of another turn, and dropped. */
  private turn = 0;
  /** The trace whose views are in hand, and the one asked for last, which may have failed. */
  private loaded = "";
  private asked = "";
  private expected = "";
  private generation: number | undefined;
  private darkChoice: boolean | null = null;

  constructor(private readonly source: Source, private readonly host: Host) {
    this.header = new Header(source.live, {
      choose: (run, file) => this.go({ run, file: file || this.firstFile(run), sel: "", q: "", zoom: "" }),
      download: (what) => source.download(this.at(), what),
      switchTheme: host.embedded ? null : () => this.switchTheme(),
    });
    this.stage = new Stage(source, { dark: () => this.dark(), set: (change) => this.set(change, false), go: (change) => this.go(change), announce: (text) => this.announce(text), runs: () => this.runs });
    const skip = h("a", { class: "pk-skip", attrs: { href: "#pk-view" }, on: { click: (event) => (event.preventDefault(), this.stage.root.focus()) } }, "Skip to the view");
    this.root.append(skip, this.header.element, h("div", "pk-body", this.nav.element, h("main", {}, this.stage.root)), this.live);
  }

  async start(): Promise<void> {
    this.paintTheme();
    this.host.onDark(() => (this.paintTheme(), this.stage.repaint()));
    this.host.onHash(() => this.fromAddress());
    this.host.onReload(() => void this.look());
    this.state = fromHash(this.host.hash()) ?? emptyState();
    this.stage.message("loading", "Looking for traces\u2026");
    if (this.state.run && this.state.file) this.expect();
    await this.look();
    if (this.source.live) setInterval(() => document.hidden || void this.look(), LOOK_FOR_RUNS_MS);
  }

  private dark(): boolean {
    return this.darkChoice ?? this.host.dark();
  }

  private paintTheme(): void {
    document.documentElement.dataset["theme"] = this.dark() ? "dark" : "light";
  }

  private switchTheme(): void {
    this.darkChoice = !this.dark();
    chooseTheme(this.darkChoice);
    this.paintTheme();
    this.stage.repaint();
  }

  private announce(text: string): void {
    this.live.textContent = text;
  }

  private at(): At {
    return { run: this.state.run, file: this.state.file };
  }

  private firstFile(run: string): string {
    return defaultFile(this.runs.find((known) => known.run === run)?.files ?? []);
  }

  /** Ask which runs there are; where the file in view was written again, read it again. */
  private async look(): Promise<void> {
    try {
      const answer = await this.source.runs();
      const before = this.stamp();
      this.runs = answer.runs;
      const changed = before !== null && this.stamp() !== before;
      if (this.generation !== undefined && answer.generation !== this.generation) this.announce("The list of traces has changed.");
      this.generation = answer.generation;
      this.settle();
      if (changed) this.loaded = this.asked = "";
      await this.show();
    } catch (error) {
      if (!this.runs.length) this.stage.message("error", textOf(error));
    }
  }

  /** What would tell that the file in view was written again. */
  private stamp(): string | null {
    const file = this.runs.find((known) => known.run === this.state.run)?.files.find((known) => known.file === this.state.file);
    return file ? `${file.modified} ${file.bytes}` : null;
  }

  /** Fill in what the address leaves open, and what is not there any more. */
  private settle(): void {
    const { state, runs } = this;
    const run = runs.find((known) => known.run === state.run) ?? runs.find((known) => known.files.length) ?? runs[0];
    if (!run) return;
    if (run.run !== state.run || !run.files.some((file) => file.file === state.file)) {
      this.state = { ...state, run: run.run, file: this.firstFile(run.run) };
    }
    this.header.showRuns(runs, this.state.run, this.state.file);
  }

  private set(change: Partial<State>, entry: boolean): void {
    this.state = { ...this.state, ...change };
    this.host.setHash(toHash(this.state), entry);
  }

  /** Go somewhere else: what was selected there before does not hold any more. */
  private go(change: Partial<State>): void {
    const moved = change.view !== undefined && change.view !== this.state.view;
    this.set({ ...(moved ? { sel: "", q: "" } : {}), ...change }, true);
    this.settle();
    void this.show(true);
  }

  private fromAddress(): void {
    const next = fromHash(this.host.hash());
    if (!next || toHash(next) === toHash(this.state)) return;
    const same = KEYS.every((key) => next[key] === this.state[key] || key === "zoom");
    this.state = next;
    this.settle();
    if (!same || next.zoom) void this.show(true);
  }

  /** Show what the state says, reading the trace first where that is needed. */
  private async show(again = false): Promise<void> {
    if (!this.runs.length) {
      this.nav.show([], "");
      this.stage.message("missing", NO_TRACES);
      return;
    }
    const place = `${this.state.run}\n${this.state.file}`;
    if (this.asked === place && !again) return;
    this.asked = place;
    this.turn += 1;
    const { turn } = this;
    try {
      if (this.loaded !== place && !(await this.read(turn))) return;
      this.loaded = place;
      const view = this.views.find((known) => known.id === this.state.view) ?? this.views[0];
      if (!view) return this.stage.message("missing", "This trace has nothing to show.");
      this.set({ view: view.id }, false);
      this.nav.show(this.views, view.id);
      await this.stage.show(view, this.state, () => turn === this.turn);
    } catch (error) {
      if (turn === this.turn && !(error instanceof StillReading)) this.stage.message("error", textOf(error));
    }
  }

  /** The list of traces was asked for before this one was read, and will be asked for again only later. */
  private markRead(): void {
    const here = (file: RunFile) => (file.file === this.state.file ? { ...file, state: "ready" as const } : file);
    this.runs = this.runs.map((known) => (known.run === this.state.run ? { ...known, files: known.files.map(here) } : known));
    this.header.showRuns(this.runs, this.state.run, this.state.file);
  }

  /** Let the answers that the first view needs be under way together; a link names all that they are about. */
  private expect(): void {
    this.expected = `${this.state.run}\n${this.state.file}`;
    this.source.expect(this.at(), this.state.view || FIRST_VIEW);
  }

  /** Wait until the trace is read. Returns false when the reader has gone elsewhere meanwhile. */
  private async read(turn: number): Promise<boolean> {
    let answer: ViewsAnswer | null = null;
    this.header.showFacts(null);
    if (this.expected !== `${this.state.run}\n${this.state.file}`) this.expect();
    this.expected = "";
    for (const wait of waits()) {
      try {
        answer = await this.source.views(this.at());
      } catch (error) {
        this.nav.show([], "");
        throw error;
      }
      if (turn !== this.turn) return false;
      if (answer.state === "ready") break;
      this.stage.progress(answer.message ?? "Reading the trace\u2026", answer.progress);
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (turn !== this.turn) return false;
    }
    if (answer?.state !== "ready") return false;
    this.views = answer.views;
    this.markRead();
    this.header.showFacts(answer.trace);
    document.title = `${answer.trace.title.slice(0, 120)} \u2013 Profiler Kit`;
    return true;
  }
}

function textOf(error: unknown): string {
  if (error instanceof SourceError || error instanceof StillReading) return error.message;
  console.error(error);
  return "The page failed to show this. The browser's console says more.";
}

export function mount(shell: Shell): void {
  replace(document.body, shell.root);
}
