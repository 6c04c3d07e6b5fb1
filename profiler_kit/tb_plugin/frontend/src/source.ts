/** Where answers come from: the plugin's routes, or the data inside a saved page. */

import type { At, Kernel, RunsAnswer, SliceFacts, TimelineHead, View, ViewsAnswer } from "./contract";

export type Download = "trace" | "speedscope";

export interface Source {
  /** Whether runs can be chosen and change while the page is open. */
  readonly live: boolean;
  runs(): Promise<RunsAnswer>;
  views(at: At): Promise<ViewsAnswer>;
  view(at: At, id: string): Promise<View>;
  /** Say what will be asked for next, so that it can be under way already. */
  expect(at: At, id: string): void;
  compare(at: At, other: At): Promise<View>;
  timeline(at: At): Promise<TimelineHead>;
  timelineData(at: At): Promise<ArrayBuffer>;
  /** Null where nothing more is known. */
  kernel(name: string): Promise<Kernel | null>;
  slice(at: At, index: number): Promise<SliceFacts | null>;
  /** Address of a file to download; null where there is none. */
  download(at: At, what: Download): string | null;
}

/** An answer that did not come; the message is for the reader. */
export class SourceError extends Error {
  constructor(message: string, readonly status: number) {
    super(message);
  }
}

const SHORTEST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 400;

/** How long to wait before asking again, the first time and later: small traces are read in a moment, large ones are not. */
export function* waits(): Generator<number, never> {
  for (let wait = SHORTEST_WAIT_MS; ; wait = Math.min(wait * 1.5, LONGEST_WAIT_MS)) yield wait;
}

/** The server's answer while it still reads the trace. */
export class StillReading extends Error {
  constructor(readonly progress: number | undefined) {
    super("The trace is being read.");
  }
}

export class HttpSource implements Source {
  readonly live = true;
  private readonly kernels = new Map<string, Promise<Kernel | null>>();
  private readonly early = new Map<string, Promise<unknown>>();

  /** @param base Address of the plugin's routes, ending in a slash. */
  constructor(private readonly base: URL) {}

  private address(route: string, query: Record<string, string> = {}): string {
    const url = new URL(route, this.base);
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, value);
    return url.href;
  }

  private async get(route: string, query: Record<string, string> = {}): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(this.address(route, query));
    } catch {
      throw new SourceError("The server does not answer. Is TensorBoard still running?", 0);
    }
    if (response.ok) return response;
    const body = (await response.json().catch(() => ({}))) as { error?: unknown };
    const message = typeof body.error === "string" ? body.error : `The server answered with status ${response.status}.`;
    throw new SourceError(message, response.status);
  }

  private json<T>(route: string, query: Record<string, string> = {}): Promise<T> {
    const address = this.address(route, query);
    const early = this.early.get(address);
    this.early.delete(address);
    return early ? early.then((answer) => answer as T, () => this.ask<T>(route, query)) : this.ask<T>(route, query);
  }

  private async ask<T>(route: string, query: Record<string, string>): Promise<T> {
    const response = await this.get(route, query);
    const body = (await response.json()) as T & { state?: string; progress?: number };
    if (response.status === 202 && route !== "views") throw new StillReading(body.progress);
    return body;
  }

  runs(): Promise<RunsAnswer> {
    return this.json("runs");
  }

  views(at: At): Promise<ViewsAnswer> {
    return this.json("views", { ...at });
  }

  view(at: At, id: string): Promise<View> {
    return this.json("view", { ...at, id });
  }

  expect(at: At, id: string): void {
    this.early.clear();
    for (const [route, query] of [["views", { ...at }], ["view", { ...at, id }]] as const) {
      const answer = this.ask(route, query);
      answer.catch(() => undefined); // Whoever needs it asks again, and is told.
      this.early.set(this.address(route, query), answer);
    }
  }

  compare(at: At, other: At): Promise<View> {
    return this.json("compare", { ...at, other_run: other.run, other_file: other.file });
  }

  timeline(at: At): Promise<TimelineHead> {
    return this.json("timeline", { ...at });
  }

  async timelineData(at: At): Promise<ArrayBuffer> {
    return (await this.get("timeline_data", { ...at })).arrayBuffer();
  }

  kernel(name: string): Promise<Kernel | null> {
    let answer = this.kernels.get(name);
    if (!answer) {
      answer = this.json<Kernel>("kernel", { name: name.slice(0, 8000) }).catch(() => null);
      this.kernels.set(name, answer);
    }
    return answer;
  }

  slice(at: At, index: number): Promise<SliceFacts | null> {
    return this.json<SliceFacts>("slice", { ...at, index: String(index) }).catch(() => null);
  }

  download(at: At, what: Download): string {
    return this.address(what, { ...at });
  }
}

interface SavedPage {
  runs?: RunsAnswer;
  views: ViewsAnswer;
  view: Record<string, View>;
  timeline?: TimelineHead;
  timeline_data?: string;
  timeline_encoding?: "gzip";
  kernel?: Record<string, Kernel>;
}

export class EmbeddedSource implements Source {
  readonly live = false;

  constructor(private readonly page: SavedPage) {}

  static fromDocument(): EmbeddedSource | null {
    const text = document.getElementById("profiler-kit-data")?.textContent;
    return text ? new EmbeddedSource(JSON.parse(text) as SavedPage) : null;
  }

  async runs(): Promise<RunsAnswer> {
    return this.page.runs ?? { runs: [{ run: "", files: [{ file: "", rank: null, state: "ready" }] }] };
  }

  async views(): Promise<ViewsAnswer> {
    return this.page.views;
  }

  async view(_at: At, id: string): Promise<View> {
    const view = Object.hasOwn(this.page.view, id) ? this.page.view[id] : undefined;
    if (!view) throw new SourceError("This view is not in the saved page.", 404);
    return view;
  }

  expect(): void {
    // All of it is here.
  }

  async compare(): Promise<View> {
    return this.view({ run: "", file: "" }, "compare");
  }

  async timeline(): Promise<TimelineHead> {
    if (!this.page.timeline) throw new SourceError("The timeline is not in the saved page.", 404);
    return this.page.timeline;
  }

  async timelineData(): Promise<ArrayBuffer> {
    const characters = atob(this.page.timeline_data ?? "");
    const bytes = new Uint8Array(characters.length);
    for (let at = 0; at < characters.length; at += 1) bytes[at] = characters.charCodeAt(at);
    if (this.page.timeline_encoding !== "gzip") return bytes.buffer;
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(unpacked).arrayBuffer();
  }

  async kernel(name: string): Promise<Kernel | null> {
    return this.page.kernel && Object.hasOwn(this.page.kernel, name) ? this.page.kernel[name]! : null;
  }

  async slice(): Promise<null> {
    return null;
  }

  download(): null {
    return null;
  }
}
