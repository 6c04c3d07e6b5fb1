/** What lies under the pointer. */

import { firstEndingAfter } from "./data";
import type { LaneView } from "./layout";
import type { TimeWindow } from "./window";

const REACH_PIXELS = 3;

export interface Hit {
  slice: number;
  /** Slices that are drawn as one here. */
  merged: number;
}

/** The slice at a place; where none is, the nearest within a few pixels. Of slices drawn as one, the longest. */
export function hitOf(lane: LaneView, shown: TimeWindow, x: number): Hit | null {
  const level = lane.levels.at(shown.nsPerPixel);
  const time = shown.time(x);
  const reach = REACH_PIXELS * shown.nsPerPixel;
  let best: Hit | null = null;
  let distance = Infinity;
  for (let entry = Math.max(firstEndingAfter(level.end, time - reach), 0); entry < level.entries && level.start[entry]! <= time + reach; entry += 1) {
    const away = Math.max(level.start[entry]! - time, time - level.end[entry]!, 0);
    if (away >= distance) continue;
    distance = away;
    const position = level.longest ? level.longest[entry]! : entry;
    best = { slice: lane.levels.lane.slice[position]!, merged: level.first ? level.first[entry + 1]! - level.first[entry]! : 1 };
  }
  return best;
}
