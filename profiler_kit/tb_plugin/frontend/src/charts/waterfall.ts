/** A waterfall's bars: each begins where the one before ended; totals begin at the base. */

import type { Point } from "../contract";

export interface Bar {
  label: string;
  from: number;
  to: number;
  value: number;
  total: boolean;
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
    return { label, from, to: level, value, total };
  });
}
