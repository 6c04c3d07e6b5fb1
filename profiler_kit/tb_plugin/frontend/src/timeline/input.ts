/** Wheel, pointer and keys of the timeline. */

import type { TimelineView } from "./view";

const CLICK_PIXELS = 4;
const PAN_SHARE = 0.12;

/** Listen; returns what stops it. */
export function listen(canvas: HTMLCanvasElement, scroller: HTMLElement, view: TimelineView): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  const range = view.scene.window;
  const place = (event: MouseEvent): [number, number] => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) range.pan((event.deltaX || event.deltaY) * unit);
    else range.zoom(Math.exp(Math.min(Math.max(event.deltaY * unit, -240), 240) * 0.0022), place(event)[0]);
    view.moved();
  }, { signal, passive: false });
  pointer(canvas, scroller, view, place, signal);
  canvas.addEventListener("keydown", (event) => onKey(event, view, scroller), { signal });
  return () => stop.abort();
}

function pointer(canvas: HTMLCanvasElement, scroller: HTMLElement, view: TimelineView, place: (event: MouseEvent) => [number, number], signal: AbortSignal): void {
  let start: [number, number] | null = null;
  let last: [number, number] = [0, 0];
  let marking = false;
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    start = last = place(event);
    marking = event.shiftKey;
  }, { signal });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    if (!start) return view.hover(x, y);
    if (marking) {
      view.scene.marked = [start[0], x];
      view.request();
    } else if (x !== last[0] || y !== last[1]) {
      view.scene.window.pan(last[0] - x);
      scroller.scrollTop += last[1] - y;
      view.moved();
    }
    last = [x, y];
  }, { signal });
  const release = (event: PointerEvent, cancelled: boolean) => {
    if (!start) return;
    const [x, y] = place(event);
    const still = Math.hypot(x - start[0], y - start[1]) < CLICK_PIXELS;
    const began = start[0];
    start = null;
    view.scene.marked = null;
    if (cancelled) return view.request();
    if (still) return view.select(view.hit(x, y)?.slice ?? -1);
    if (!marking) return;
    const range = view.scene.window;
    range.set(range.time(Math.min(began, x)), range.time(Math.max(began, x)));
    view.moved();
  };
  canvas.addEventListener("pointerup", (event) => release(event, false), { signal });
  canvas.addEventListener("pointercancel", (event) => release(event, true), { signal });
  canvas.addEventListener("pointerleave", () => view.unhover(), { signal });
  canvas.addEventListener("dblclick", (event) => {
    const hit = view.hit(...place(event));
    if (!hit) return;
    view.select(hit.slice);
    view.frameSelection();
  }, { signal });
}

function onKey(event: KeyboardEvent, view: TimelineView, scroller: HTMLElement): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const range = view.scene.window;
  const pan = (share: number) => () => (range.pan(range.width * share), view.moved());
  const zoom = (factor: number) => () => (range.zoom(factor, range.width / 2), view.moved());
  const scroll = (pixels: number) => () => (scroller.scrollTop += pixels);
  const actions: Record<string, () => void> = {
    a: pan(-PAN_SHARE), ArrowLeft: pan(-PAN_SHARE), d: pan(PAN_SHARE), ArrowRight: pan(PAN_SHARE),
    w: zoom(0.75), "+": zoom(0.75), "=": zoom(0.75), s: zoom(1 / 0.75), "-": zoom(1 / 0.75),
    ArrowUp: scroll(-40), ArrowDown: scroll(40), PageUp: scroll(-240), PageDown: scroll(240),
    f: () => view.frameSelection(), 0: () => view.fit(), Home: () => view.fit(), "[": () => view.neighbour(-1), "]": () => view.neighbour(1),
    "/": () => view.focusSearch(), Escape: () => view.select(-1),
  };
  const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!action) return;
  event.preventDefault();
  action();
}
