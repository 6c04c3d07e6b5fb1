/**
 * A lane at lower resolutions, so that drawing costs pixels, not slices.
 *
 * At a resolution r, slices that follow one another, are each shorter than r, and begin in the same r of the clock
 * become one entry. Each level follows from the one before: buckets nest, and what was merged stays merged.
 * An entry knows how much of it slices cover, so that many short ones do not look like a long one.
 */

import type { Lane } from "./data";

export interface Level {
  /** 0 for the slices themselves. */
  resolution: number;
  entries: number;
  /** Position of each entry's first slice in the lane; one more at the end. Null where entries are slices. */
  first: Uint32Array | null;
  start: Float64Array;
  end: Float64Array;
  /** Position of each entry's longest slice, whose colour and name stand for it. Null where entries are slices. */
  longest: Uint32Array | null;
  /** Time of each entry's slices together, in ns. Null where entries are slices. */
  covered: Float64Array | null;
}

export const FINEST_NS = 128;
export const STEP = 4;
const LEAST_SLICES = 64;
/** A level that leaves more than this share of the entries saves less drawing than it costs memory. */
const WORTH_KEEPING = 0.9;

export function sliceLevel(lane: Lane): Level {
  return { resolution: 0, entries: lane.slice.length, first: null, start: lane.start, end: lane.end, longest: null, covered: null };
}

/** Merge a level's entries at a coarser resolution; it must be a multiple of the level's own. */
export function coarser(lane: Lane, from: Level, resolution: number): Level {
  const first = new Uint32Array(from.entries + 1);
  const longest = new Uint32Array(from.entries);
  const start = new Float64Array(from.entries);
  const end = new Float64Array(from.entries);
  const covered = new Float64Array(from.entries);
  let entries = 0;
  let bucket = NaN;
  for (let at = 0; at < from.entries; at += 1) {
    const position = from.first ? from.first[at]! : at;
    const many = from.first !== null && from.first[at + 1]! - position > 1;
    const small = many || from.end[at]! - from.start[at]! < resolution;
    const here = small ? Math.floor(from.start[at]! / resolution) : NaN;
    const best = from.longest ? from.longest[at]! : at;
    const time = from.covered ? from.covered[at]! : from.end[at]! - from.start[at]!;
    if (here === bucket) {
      const into = entries - 1;
      if (from.end[at]! > end[into]!) end[into] = from.end[at]!;
      covered[into]! += time;
      const held = longest[into]!;
      if (lane.end[best]! - lane.start[best]! > lane.end[held]! - lane.start[held]!) longest[into] = best;
      continue;
    }
    bucket = here;
    first[entries] = position;
    start[entries] = from.start[at]!;
    end[entries] = from.end[at]!;
    longest[entries] = best;
    covered[entries] = time;
    entries += 1;
  }
  first[entries] = lane.slice.length;
  return { resolution, entries, first: first.slice(0, entries + 1), start: start.slice(0, entries), end: end.slice(0, entries), longest: longest.slice(0, entries), covered: covered.slice(0, entries) };
}

/** A lane's levels, made when a zoom first needs them, or before that while nothing else is to be done. */
export class Levels {
  private readonly made: (Level | undefined)[];

  constructor(readonly lane: Lane) {
    this.made = [sliceLevel(lane)];
  }

  /** The coarsest level that still shows what a pixel of this many ns can. */
  at(nsPerPixel: number): Level {
    // Few slices are drawn as they are: coarser levels would save nothing.
    return this.level(this.lane.slice.length < LEAST_SLICES ? 0 : stepOf(nsPerPixel));
  }

  /** Make the finest level that is missing among those for zooms up to this one; false where none is. */
  prepare(nsPerPixel: number): boolean {
    const last = this.lane.slice.length < LEAST_SLICES ? 0 : stepOf(nsPerPixel);
    for (let step = 1; step <= last; step += 1) {
      if (this.made[step]) continue;
      this.level(step);
      return true;
    }
    return false;
  }

  private level(wanted: number): Level {
    const made = this.made[wanted];
    if (made) return made;
    // Any finer level leads to the same; the nearest is the least work.
    let step = wanted - 1;
    while (!this.made[step]) step -= 1;
    const finer = this.made[step]!;
    const merged = coarser(this.lane, finer, FINEST_NS * STEP ** (wanted - 1));
    return (this.made[wanted] = merged.entries > WORTH_KEEPING * finer.entries ? finer : merged);
  }
}

/** Number of the coarsest level whose resolution is at most a pixel; 0 for the slices. */
function stepOf(nsPerPixel: number): number {
  let step = 0;
  for (let resolution = FINEST_NS; resolution <= nsPerPixel; resolution *= STEP) step += 1;
  return step;
}
