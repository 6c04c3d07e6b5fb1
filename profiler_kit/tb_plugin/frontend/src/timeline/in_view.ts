/** The slices in view as a table: the same data for those who do not see the drawing, and for sorting it. */

import type { Cell, TableBlock, TimelineHead } from "../contract";
import { firstEndingAfter, type Slices, trackOf } from "./data";
import { type Layout, shownLanes } from "./layout";
import type { TimeWindow } from "./window";

const MOST_ROWS = 5000;

export function slicesInView(head: TimelineHead, slices: Slices, layout: Layout, shown: TimeWindow): TableBlock {
  const inView: number[] = [];
  for (const track of layout.tracks) {
    for (const { levels } of shownLanes(track)) {
      const { lane } = levels;
      for (let at = firstEndingAfter(lane.end, shown.from); at < lane.slice.length && lane.start[at]! <= shown.to; at += 1) inView.push(lane.slice[at]!);
    }
  }
  inView.sort((a, b) => slices.duration[b]! - slices.duration[a]! || a - b);
  const rows = inView.slice(0, MOST_ROWS).map((slice): Cell[] => [
    head.names[slices.name[slice]!] ?? null,
    trackOf(head, slice)?.title ?? null,
    head.classes[slices.class[slice]!]?.title ?? null,
    slices.start[slice]!,
    slices.duration[slice]!,
  ]);
  const lead = inView.length > MOST_ROWS ? `The ${MOST_ROWS.toLocaleString("en-US")} longest of ${inView.length.toLocaleString("en-US")}; zoom in for the others.` : "Everything that the timeline shows between its left and right edge.";
  return {
    type: "table",
    id: "slices_in_view",
    title: "Slices in view",
    lead,
    columns: [
      { key: "name", title: "Name", kind: "mono" },
      { key: "track", title: "Track", kind: "text" },
      { key: "what", title: "What", kind: "text" },
      { key: "start", title: "Start", kind: "duration" },
      { key: "duration", title: "Duration", kind: "duration", bar: true },
    ],
    rows,
    // In the timeline, the link searches for the name.
    link: { column: "name", view: "timeline" },
  };
}
