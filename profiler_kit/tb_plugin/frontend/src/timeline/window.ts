/** The shown part of the clock: pan and zoom, kept within the recording. */

const LEAST_NS = 20;
const BEYOND = 0.02;

export class TimeWindow {
  from = 0;
  to: number;
  width = 1;

  constructor(readonly span: number) {
    this.to = Math.max(span, LEAST_NS);
    this.fit();
  }

  get nsPerPixel(): number {
    return (this.to - this.from) / this.width;
  }

  x(time: number): number {
    return ((time - this.from) / (this.to - this.from)) * this.width;
  }

  time(x: number): number {
    return this.from + x * this.nsPerPixel;
  }

  set(from: number, to: number): void {
    const most = Math.max(this.span, LEAST_NS) * (1 + 2 * BEYOND);
    const length = Math.min(Math.max(to - from, LEAST_NS), most);
    const middle = (from + to) / 2;
    const margin = Math.max(this.span * BEYOND, length * BEYOND);
    const first = Math.min(Math.max(middle - length / 2, -margin), Math.max(this.span + margin - length, -margin));
    this.from = first;
    this.to = first + length;
  }

  fit(): void {
    this.set(-this.span * BEYOND, this.span * (1 + BEYOND));
  }

  pan(pixels: number): void {
    const shift = pixels * this.nsPerPixel;
    this.set(this.from + shift, this.to + shift);
  }

  /** @param factor Below 1 shows less, in more detail. @param x Pixel whose time stays where it is. */
  zoom(factor: number, x: number): void {
    const at = this.time(x);
    const length = Math.max((this.to - this.from) * factor, LEAST_NS);
    const left = (x / this.width) * length;
    this.set(at - left, at - left + length);
  }

  /** Show a slice with room on both sides. */
  frame(start: number, duration: number): void {
    const room = Math.max(duration * 0.6, LEAST_NS);
    this.set(start - room, start + duration + room);
  }

  /** Bring a slice into view, leaving the zoom where that is possible. */
  reveal(start: number, duration: number): void {
    const length = this.to - this.from;
    if (duration > length) return this.frame(start, duration);
    if (start >= this.from && start + duration <= this.to) return;
    const first = start + duration / 2 - length / 2;
    this.set(first, first + length);
  }
}

/** Times of the ruler's marks: a 1, 2 or 5 times a power of ten, at least some pixels apart. */
export function rulerStep(nsPerPixel: number, pixels: number): number {
  const least = nsPerPixel * pixels;
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  return [1, 2, 5, 10].map((part) => part * power).find((step) => step >= least) ?? 10 * power;
}
