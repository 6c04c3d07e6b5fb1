/** What is marked beside a selected slice: the slices that belong to it, and the arrows between them. */

import type { TimelineHead } from "../contract";
import { type Slices, trackOf } from "./data";
import type { Arrow } from "./paint";
import { chainUp, type Inverse } from "./relations";

const MOST_EFFECTS = 60;
const MOST_SECOND_EFFECTS = 4;

export interface Related {
  related: number[];
  arrows: Arrow[];
}

export function relatedTo(slice: number, head: TimelineHead, slices: Slices, effects: Inverse): Related {
  const chain = chainUp(slices, slice);
  const arrows: Arrow[] = chain.slice(1).map((cause, at) => ({ from: cause, to: chain[at]!, dashed: false }));
  for (const effect of effects.of(slice).subarray(0, MOST_EFFECTS)) {
    arrows.push({ from: slice, to: effect, dashed: false });
    // A launch is a step between an operator and its kernel: show where it ends.
    for (const last of effects.of(effect).subarray(0, MOST_SECOND_EFFECTS)) arrows.push({ from: effect, to: last, dashed: false });
  }
  const forward = slices.madeBy[slice]!;
  if (forward >= 0) arrows.push({ from: forward, to: slice, dashed: true });
  const related = [...new Set(arrows.flatMap(({ from, to }) => [from, to]))].filter((one) => one !== slice);
  return { related, arrows: arrows.filter(({ from, to }) => !beginsInside(slices, from, to) || trackOf(head, to)?.kind === "stream") };
}

/** An arrow to what begins inside says nothing that the picture does not: the outlines are enough. */
function beginsInside(slices: Slices, outer: number, inner: number): boolean {
  const { start, duration } = slices;
  return start[outer]! <= start[inner]! && start[inner]! < start[outer]! + duration[outer]!;
}
