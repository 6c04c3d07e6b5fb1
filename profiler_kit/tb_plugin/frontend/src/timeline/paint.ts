/** Draws a frame: the slices as pixels (raster.ts), and over them names, outlines, arrows and the ruler. */

import type { TimelineHead } from "../contract";
import { unitOf, write } from "../quantities";
import { type Slices, trackOf } from "./data";
import { type Layout, RULER, shownLanes } from "./layout";
import type { Label, Raster } from "./raster";
import type { Search } from "./search";
import type { SliceStyle } from "./style";
import { rulerStep, type TimeWindow } from "./window";

export interface Arrow {
  from: number;
  to: number;
  dashed: boolean;
}

export interface Scene {
  head: TimelineHead;
  slices: Slices;
  layout: Layout;
  window: TimeWindow;
  scroll: number;
  height: number;
  labels: string[];
  /** Mean width of a label's characters in pixels, by name; 0 while not measured. */
  characterWidths: Float32Array;
  style: SliceStyle;
  ink: Record<"text" | "muted" | "line" | "surface" | "accent" | "band" | "font", string>;
  search: Search | null;
  selected: number;
  /** Slices that belong to the selected one. */
  related: number[];
  arrows: Arrow[];
  /** Range being marked with the mouse, in pixels. */
  marked: [number, number] | null;
}

const FONT_PIXELS = 11;

export function paint(context: CanvasRenderingContext2D, scene: Scene, raster: Raster, density: number): void {
  const { window: shown, ink } = scene;
  const step = rulerStep(shown.nsPerPixel, 110);
  const marks: number[] = [];
  for (let time = Math.ceil(shown.from / step) * step; time <= shown.to; time += step) marks.push(time);
  const steps = (scene.head.steps ?? []).map((one) => one.start_ns);
  const labels = raster.draw(context, { ...scene, marks, steps }, density);
  context.setTransform(density, 0, 0, density, 0, 0);
  context.font = `${FONT_PIXELS}px ${ink.font}`;
  context.textBaseline = "middle";
  // One colour after the other: changing it costs more than writing a name.
  labels.sort((one, other) => (one.ink < other.ink ? -1 : one.ink > other.ink ? 1 : 0));
  for (const one of labels) label(context, scene, one);
  outline(context, scene);
  arrows(context, scene);
  ruler(context, scene, marks, step);
}

function label(context: CanvasRenderingContext2D, scene: Scene, { slice, left, width, y, ink, path }: Label): void {
  const from = Math.max(left, 0);
  const code = scene.slices.name[slice]!;
  const text = scene.labels[code] ?? "";
  // Measured once a name; what is cut is taken to be as wide as the name is on average.
  const character = (scene.characterWidths[code] ||= text ? context.measureText(text).width / text.length + 0.15 : 1);
  const room = Math.floor((width - (from - left) - 8) / character);
  if (room < 3) return;
  if (context.fillStyle !== ink) context.fillStyle = ink;
  // Of a path, the end tells more than the beginning.
  const fitting = text.length <= room ? text : path ? `\u2026${text.slice(text.length - room + 1)}` : `${text.slice(0, room - 1)}\u2026`;
  context.fillText(fitting, from + 4, y);
}

/** Where a slice is drawn; null where its track shows only the first lane. */
export function boxOf(scene: Scene, slice: number): { x: number; y: number; width: number; height: number } | null {
  const own = trackOf(scene.head, slice);
  const track = scene.layout.tracks.find(({ place }) => scene.head.tracks[place] === own);
  const lane = track && shownLanes(track)[scene.slices.depth[slice]!];
  if (!lane) return null;
  const x = scene.window.x(scene.slices.start[slice]!);
  const width = Math.max(scene.slices.duration[slice]! / scene.window.nsPerPixel, 1);
  return { x, y: lane.top - scene.scroll + RULER + 1, width, height: lane.height - 2 };
}

function outline(context: CanvasRenderingContext2D, scene: Scene): void {
  const draw = (slice: number, width: number) => {
    const box = boxOf(scene, slice);
    if (!box) return;
    const left = Math.max(box.x, -4);
    context.lineWidth = width;
    context.strokeRect(left - 0.5, box.y - 0.5, Math.min(box.x + box.width, scene.window.width + 4) - left + 1, box.height + 1);
  };
  context.strokeStyle = scene.ink.text;
  for (const slice of scene.related) draw(slice, 1);
  if (scene.selected >= 0) {
    context.strokeStyle = scene.ink.accent;
    draw(scene.selected, 2.5);
  }
}

function arrows(context: CanvasRenderingContext2D, scene: Scene): void {
  context.strokeStyle = scene.ink.text;
  context.fillStyle = scene.ink.text;
  context.lineWidth = 1.25;
  for (const { from, to, dashed } of scene.arrows) {
    const [a, b] = [boxOf(scene, from), boxOf(scene, to)];
    if (!a || !b) continue;
    const [x0, y0, x1, y1] = [a.x + Math.min(a.width / 2, 6), a.y + a.height / 2, b.x + Math.min(b.width / 2, 6), b.y + (b.y > a.y ? 0 : b.height)];
    const bend = Math.max(Math.abs(x1 - x0) * 0.4, 18);
    const side = y1 > y0 ? -7 : 7;
    context.setLineDash(dashed ? [4, 3] : []);
    context.beginPath();
    context.moveTo(x0, y0);
    context.bezierCurveTo(x0 + bend, y0, x1 - bend / 3, y1 + side * 3, x1, y1 + side / 2);
    context.stroke();
    context.setLineDash([]);
    context.beginPath();
    context.moveTo(x1, y1);
    context.lineTo(x1 - 4, y1 + side);
    context.lineTo(x1 + 4, y1 + side);
    context.fill();
  }
}

function ruler(context: CanvasRenderingContext2D, scene: Scene, marks: number[], step: number): void {
  const { window: shown, ink } = scene;
  context.fillStyle = ink.surface;
  context.fillRect(0, 0, shown.width, RULER);
  context.fillStyle = ink.line;
  context.fillRect(0, RULER - 1, shown.width, 1);
  const unit = unitOf("duration", Math.max(Math.abs(shown.from), Math.abs(shown.to), step));
  const decimals = Math.max(0, Math.round(Math.log10(unit.divisor) - Math.floor(Math.log10(step))));
  for (const time of marks) {
    const x = Math.round(shown.x(time));
    context.fillStyle = ink.line;
    context.fillRect(x, RULER - 7, 1, 7);
    context.fillStyle = ink.muted;
    context.fillText(`${(time / unit.divisor).toFixed(Math.min(decimals, 9))} ${unit.name}`, x + 4, RULER / 2);
  }
  if (!scene.marked) return;
  const [from, to] = scene.marked[0] < scene.marked[1] ? scene.marked : [scene.marked[1], scene.marked[0]];
  context.globalAlpha = 0.18;
  context.fillStyle = ink.accent;
  context.fillRect(from, 0, to - from, scene.height);
  context.globalAlpha = 1;
  const length = (to - from) * shown.nsPerPixel;
  const lengthUnit = unitOf("duration", length);
  context.fillStyle = ink.text;
  context.fillText(`${write("duration", length, lengthUnit)} ${lengthUnit.name}`, from + 4, RULER + 10);
}
