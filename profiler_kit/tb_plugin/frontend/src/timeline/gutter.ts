/** The names of tracks, left of the drawing; those with several lanes open and close. */

import { h, icon, replace } from "../dom";
import { textNode } from "../text";
import { type Layout, RULER, type TrackView } from "./layout";

export function fillGutter(gutter: HTMLElement, layout: Layout, toggle: (track: TrackView) => void): void {
  const parts: HTMLElement[] = [];
  for (const track of layout.tracks) {
    if (track.group) {
      const group = h("div", "pk-tl-group", textNode(track.group, 80));
      group.style.top = `${track.top + RULER - 22}px`;
      parts.push(group);
    }
    const opens = track.lanes.length > 1;
    const name = opens
      ? h("button", { class: "pk-tl-track", attrs: { type: "button", "aria-expanded": String(!track.collapsed) }, on: { click: () => toggle(track) } }, icon(track.collapsed ? "right" : "down"), textNode(track.title, 120))
      : h("div", "pk-tl-track", textNode(track.title, 120));
    name.style.top = `${track.top + RULER}px`;
    name.style.height = `${track.height}px`;
    parts.push(name);
  }
  replace(gutter, ...parts);
}
