/** What caused a slice, and what it caused. */

import type { Slices } from "./data";

const MOST_STEPS = 16;

/** A slice and what caused it, from the kernel up to the layer. */
export function chainUp(slices: Slices, slice: number): number[] {
  const chain = [slice];
  for (let at = slices.up[slice]!; at >= 0 && at < slices.count && !chain.includes(at) && chain.length < MOST_STEPS; at = slices.up[at]!) chain.push(at);
  return chain;
}

/** The inverse of a link array: for each slice, those that point to it. */
export class Inverse {
  private readonly offsets: Uint32Array;
  private readonly members: Uint32Array;

  constructor(link: Int32Array) {
    const { length } = link;
    this.offsets = new Uint32Array(length + 1);
    for (const to of link) if (to >= 0 && to < length) this.offsets[to + 1]! += 1;
    for (let at = 0; at < length; at += 1) this.offsets[at + 1]! += this.offsets[at]!;
    const filled = this.offsets.slice(0, length);
    this.members = new Uint32Array(this.offsets[length]!);
    link.forEach((to, from) => {
      if (to >= 0 && to < length) this.members[filled[to]!++] = from;
    });
  }

  of(slice: number): Uint32Array {
    return this.members.subarray(this.offsets[slice]!, this.offsets[slice + 1]!);
  }
}
