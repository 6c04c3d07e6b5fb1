/** Where the reader is, as it stands in the address: a link to it opens the same place. */

export interface State {
  view: string;
  run: string;
  file: string;
  /** Selected row or slice. */
  sel: string;
  /** Filter of a table or search of the timeline. */
  q: string;
  /** Shown part of the timeline in ns, "from-to". */
  zoom: string;
  other_run: string;
  other_file: string;
}

export const KEYS = ["view", "run", "file", "sel", "q", "zoom", "other_run", "other_file"] as const;
export const PLUGIN = "profiler_kit";

const MOST_CHARACTERS = 4000;

export function emptyState(): State {
  return { view: "", run: "", file: "", sel: "", q: "", zoom: "", other_run: "", other_file: "" };
}

export function toHash(state: State): string {
  const parts = KEYS.filter((key) => state[key]).map((key) => `${key}=${encodeURIComponent(state[key])}`);
  return `#${[PLUGIN, ...parts].join("&")}`;
}

/** Read a hash; unknown keys and broken escapes are passed over. Returns null when it belongs to another tab. */
export function fromHash(hash: string): State | null {
  const [plugin, ...parts] = hash.replace(/^#/, "").split("&");
  if (plugin !== PLUGIN && plugin !== "") return null;
  const state = emptyState();
  for (const part of parts) {
    const at = part.indexOf("=");
    const key = KEYS.find((known) => known === part.slice(0, at));
    if (!key) continue;
    try {
      state[key] = decodeURIComponent(part.slice(at + 1)).slice(0, MOST_CHARACTERS);
    } catch {
      // A broken escape: the rest of the address still counts.
    }
  }
  return state;
}

export function zoomText(from: number, to: number): string {
  return `${Math.round(from)}-${Math.round(to)}`;
}

export function zoomRange(zoom: string): [number, number] | null {
  const match = /^(-?\d+)-(-?\d+)$/.exec(zoom);
  if (!match) return null;
  const from = Number(match[1]);
  const to = Number(match[2]);
  return to > from ? [from, to] : null;
}
