/** Slices whose name holds what the reader typed. */

import type { Lane, Slices } from "./data";

export class Search {
  readonly found: Uint32Array;
  private readonly matches: Uint8Array;
  private readonly byLane = new WeakMap<Lane, Uint32Array>();

  constructor(private readonly slices: Slices, lowerNames: string[], text: string) {
    const wanted = text.toLowerCase();
    this.matches = Uint8Array.from(lowerNames, (name) => (name.includes(wanted) ? 1 : 0));
    let count = 0;
    for (let at = 0; at < slices.count; at += 1) count += this.matches[slices.name[at]!]!;
    this.found = new Uint32Array(count);
    for (let at = 0, into = 0; at < slices.count; at += 1) if (this.has(at)) this.found[into++] = at;
    // By time, so that going from one to the next moves forward.
    this.found.sort((a, b) => slices.start[a]! - slices.start[b]! || a - b);
  }

  has(slice: number): boolean {
    return this.matches[this.slices.name[slice]!] === 1;
  }

  /** Whether any slice of a lane matches, from one position up to, and without, another. */
  within(lane: Lane, first: number, end: number): boolean {
    let before = this.byLane.get(lane);
    if (!before) {
      before = new Uint32Array(lane.slice.length + 1);
      for (let at = 0; at < lane.slice.length; at += 1) before[at + 1] = before[at]! + (this.has(lane.slice[at]!) ? 1 : 0);
      this.byLane.set(lane, before);
    }
    return before[end]! > before[first]!;
  }
}
