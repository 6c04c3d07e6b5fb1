/** Colours of slices: one by class, in a few shades by name, so that neighbours can be told apart. */

import type { TimelineHead } from "../contract";
import { colourOf, inkOn, mix } from "../palette";
import { pixelOf } from "./raster";

const SHADES = [0, 0.1, 0.2] as const;

export interface SliceStyle {
  /** By class × shade: pixels of a slice, and of slices that a search did not find. */
  fill: number[];
  faded: number[];
  /** Of the name on a slice. */
  ink: string[];
}

export function sliceStyle(head: TimelineHead, dark: boolean, surface: string): SliceStyle {
  const style: SliceStyle = { fill: [], ink: [], faded: [] };
  head.classes.forEach((known, place) => {
    const base = colourOf(known.id, place, dark);
    for (const shade of SHADES) {
      const fill = mix(base, dark ? "#000000" : "#ffffff", dark ? shade * 1.1 : shade);
      style.fill.push(pixelOf(fill));
      style.ink.push(inkOn(fill));
      style.faded.push(pixelOf(mix(fill, surface, 0.82)));
    }
  });
  return style;
}

export function styleIndex(classCode: number, nameCode: number): number {
  return classCode * SHADES.length + ((nameCode * 2654435761) >>> 8) % SHADES.length;
}
