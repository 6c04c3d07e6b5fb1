/** Where tracks and lanes lie, from top to bottom, in pixels below the ruler. */

import type { TimelineHead } from "../contract";
import { lanesOf, type Slices } from "./data";
import { Levels } from "./levels";

export const RULER = 30;
export const GUTTER = 210;
const GROUP_HEIGHT = 24;
const GAP = 7;

export interface LaneView {
  levels: Levels;
  /** Below the ruler, before scrolling. */
  top: number;
  height: number;
}

export interface TrackView {
  place: number;
  title: string;
  group: string | null;
  kind: string;
  top: number;
  height: number;
  collapsed: boolean;
  lanes: LaneView[];
}

export class Layout {
  readonly tracks: TrackView[];
  height = 0;

  constructor(head: TimelineHead, slices: Slices) {
    let group: string | undefined;
    this.tracks = head.tracks.map((track, place) => {
      const heading = track.group && track.group !== group && track.group !== track.title ? track.group : null;
      group = track.group;
      const lanes = lanesOf(track, place, slices).map((lane) => ({ levels: new Levels(lane), top: 0, height: laneHeight(track.kind) }));
      return { place, title: track.title, group: heading, kind: track.kind, top: 0, height: 0, collapsed: track.collapsed ?? false, lanes };
    });
    this.place();
  }

  /** Place everything again, after a track was opened or closed. */
  place(): void {
    let y = 4;
    for (const track of this.tracks) {
      if (track.group) y += GROUP_HEIGHT;
      track.top = y;
      for (const lane of shownLanes(track)) {
        lane.top = y;
        y += lane.height;
      }
      track.height = Math.max(y - track.top, laneHeight(track.kind));
      y = track.top + track.height + GAP;
    }
    this.height = y + 8;
  }

  laneAt(y: number): LaneView | null {
    const track = this.tracks.find((one) => y >= one.top && y < one.top + one.height);
    return (track && shownLanes(track).find((lane) => y >= lane.top && y < lane.top + lane.height)) ?? null;
  }
}

export function shownLanes(track: TrackView): LaneView[] {
  return track.collapsed ? track.lanes.slice(0, 1) : track.lanes;
}

function laneHeight(kind: string): number {
  return kind === "stream" || kind === "steps" ? 24 : kind === "idle" ? 16 : 18;
}
