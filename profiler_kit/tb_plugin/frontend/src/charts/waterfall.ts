/** A waterfall's bars: each begins where the one before ended; totals begin at the base. */

import type { Point } from "../contract";

export interface Bar {
  label: string;
  from: number;
  to: number;
  value: number;
  total: boolean;
  unexplained: boolean;
}

/** @param factors Whether values multiply (the base is 1) or add (the base is 0). */
export function waterfallBars(points: Point[], categories: string[] | undefined, factors: boolean): Bar[] {
  const base = factors ? 1 : 0;
  let level = base;
  return points.map(([x, y, mark]) => {
    const label = typeof x === "number" ? (categories?.[x] ?? String(x)) : String(x ?? "");
    const value = y ?? base;
    const total = mark === "total";
    const from = total ? base : level;
    level = total ? value : factors ? level * value : level + value;
    return { label, from, to: level, value, total, unexplained: mark === "unexplained" };
  });
}

/** What is below the lowest mark by less than this, of a power of two, needs no mark below it. */
const UNSEEN = 0.02;

/** Marks of an axis of factors, as powers of two that lie around a range: round factors, five or so. */
export function factorTicks(low: number, high: number): number[] {
  const span = Math.max(high - low, 0.1);
  const parts = span > 2.6 ? [1] : span > 1.2 ? [1, 1.5] : [1, 1.2, 1.4, 1.6, 1.8];
  const every = span > 2.6 ? Math.ceil(span / 6) : 1;
  const ticks: number[] = [];
  for (let octave = Math.floor(low / every) * every; octave <= Math.ceil(low + span) + every; octave += every) {
    for (const part of parts) ticks.push(octave + Math.log2(part));
  }
  const first = ticks.findLastIndex((tick) => tick <= low + UNSEEN);
  const last = ticks.findIndex((tick) => tick >= low + span - 1e-9);
  return ticks.slice(first, last + 1);
}
