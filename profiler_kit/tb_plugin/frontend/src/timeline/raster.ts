/**
 * The slices as pixels. All slices of a lane have one height, so a lane is one row of colours, drawn once and copied
 * down: a frame costs the pixels of the picture, and not a call of the canvas for every slice.
 */

import type { Slices } from "./data";
import { firstEndingAfter } from "./data";
import { type LaneView, type Layout, RULER, shownLanes } from "./layout";
import type { Search } from "./search";
import { type SliceStyle, styleIndex } from "./style";
import type { TimeWindow } from "./window";

export interface Label {
  slice: number;
  left: number;
  width: number;
  y: number;
  ink: string;
  /** The end of the name matters more than its beginning. */
  path: boolean;
}

/** What the raster needs of the scene. */
export interface Picture {
  slices: Slices;
  layout: Layout;
  window: TimeWindow;
  scroll: number;
  height: number;
  style: SliceStyle;
  ink: Record<"muted" | "line" | "surface" | "band", string>;
  search: Search | null;
  /** Times of vertical lines: the ruler's marks, and the beginnings of steps. */
  marks: number[];
  steps: number[];
}

const LEAST_LABEL = 34;
const LEAST_GAP = 5;

/** How strong the colour of slices that cover hardly anything is: work must be seen, idle time must not look like more. */
const FAINTEST = 0.5;
const FAINTEST_IDLE = 0.06;

/** A colour as a pixel of ImageData, whose bytes are red, green, blue, alpha; all browsers' machines are little-endian. */
export function pixelOf(hex: string): number {
  const value = Number.parseInt(hex.slice(1, 7), 16);
  return (0xff000000 | ((value & 0xff) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}

/** A colour over another, as pixels; a share of 1 hides the one below. */
export function blend(under: number, over: number, share: number): number {
  const part = Math.round(share * 256);
  const ends = (((under & 0xff00ff) * (256 - part) + (over & 0xff00ff) * part) >>> 8) & 0xff00ff;
  const middle = (((under & 0xff00) * (256 - part) + (over & 0xff00) * part) >>> 8) & 0xff00;
  return (0xff000000 | ends | middle) >>> 0;
}

export class Raster {
  private image = new ImageData(1, 1);
  private pixels = new Uint32Array(this.image.data.buffer);
  private row = new Uint32Array(1);
  private lit = new Uint32Array(1);
  private plain = new Uint32Array(1);
  private width = 1;

  /** @param width Pixels of the canvas, not of the page. */
  resize(width: number, height: number): void {
    this.image = new ImageData(width, height);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.width = width;
    this.row = new Uint32Array(width);
    this.lit = new Uint32Array(width);
    this.plain = new Uint32Array(width);
  }

  /** Draw into a canvas; returns the names to write on top. */
  draw(context: CanvasRenderingContext2D, picture: Picture, density: number): Label[] {
    this.background(this.plain, picture.ink.surface, picture, density);
    this.background(this.lit, picture.ink.band, picture, density);
    for (let y = 0; y < this.image.height; y += 1) this.pixels.set(this.plain, y * this.width);
    const labels: Label[] = [];
    for (const track of picture.layout.tracks) {
      const top = track.top - picture.scroll + RULER;
      if (top > picture.height || top + track.height < RULER) continue;
      this.fill(this.lit, top, top + track.height, density);
      for (const lane of shownLanes(track)) this.lane(picture, lane, track.kind, density, labels);
    }
    context.putImageData(this.image, 0, 0);
    return labels;
  }

  private background(row: Uint32Array, colour: string, picture: Picture, density: number): void {
    row.fill(pixelOf(colour));
    const line = (time: number, pixel: number) => {
      const x = Math.round(picture.window.x(time) * density);
      if (x >= 0 && x < this.width) row[x] = pixel;
    };
    for (const time of picture.marks) line(time, pixelOf(picture.ink.line));
    for (const time of picture.steps) line(time, pixelOf(picture.ink.muted));
  }

  private fill(row: Uint32Array, from: number, to: number, density: number): void {
    const last = Math.min(Math.round(to * density), this.image.height);
    for (let y = Math.max(Math.round(from * density), 0); y < last; y += 1) this.pixels.set(row, y * this.width);
  }

  private lane(picture: Picture, view: LaneView, kind: string, density: number, labels: Label[]): void {
    const top = view.top - picture.scroll + RULER + 1;
    const height = view.height - 2;
    if (top + height < RULER || top > picture.height) return;
    const { window: shown, slices, style, search } = picture;
    const { row } = this;
    const level = view.levels.at(shown.nsPerPixel / density);
    const { lane } = view.levels;
    const scale = density / shown.nsPerPixel;
    const idle = kind === "idle";
    const faintest = idle ? FAINTEST_IDLE : FAINTEST;
    const under = pixelOf(picture.ink.band);
    row.set(this.lit);
    let painted = 0;
    for (let entry = firstEndingAfter(level.end, shown.from); entry < level.entries; entry += 1) {
      const start = level.start[entry]!;
      if (start > shown.to) break;
      const from = (start - shown.from) * scale;
      const to = (level.end[entry]! - shown.from) * scale;
      // Its pixel is painted already: nothing could be seen of this one.
      if (to <= painted && to - from < 1) continue;
      const slice = lane.slice[level.longest ? level.longest[entry]! : entry]!;
      const first = level.first ? level.first[entry]! : entry;
      const end = level.first ? level.first[entry + 1]! : entry + 1;
      const index = styleIndex(slices.class[slice]!, slices.name[slice]!);
      const found = !search || search.within(lane, first, end);
      let pixel = (found ? style.fill : style.faded)[index]!;
      if (found && (end - first > 1 || (idle && to - from < 1))) {
        const time = level.covered ? level.covered[entry]! * scale : to - from;
        pixel = blend(under, pixel, Math.min(faintest + (1 - faintest) * (time / Math.max(to - from, idle ? 1 : 0)), 1));
      }
      const wide = to - from >= LEAST_GAP * density;
      const left = Math.max(Math.floor(from), Math.min(painted, Math.floor(to)), 0);
      const right = Math.min(Math.max(Math.ceil(to) - (wide ? Math.ceil(density) : 0), left + 1), this.width);
      row.fill(pixel, left, right);
      painted = right;
      if (end - first === 1 && to - from >= LEAST_LABEL * density && height >= 12) {
        labels.push({ slice, left: from / density, width: Math.min(to / density, shown.width) - from / density, y: top + height / 2 + 0.5, ink: found ? style.ink[index]! : picture.ink.muted, path: kind === "layers" });
      }
    }
    this.fill(row, Math.max(top, RULER), top + height, density);
  }
}
