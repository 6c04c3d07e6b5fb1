/** The slices of a timeline: typed arrays as they came, and lanes, in each of which slices follow one another. */

import type { TimelineHead, Track } from "../contract";

export interface Slices {
  count: number;
  start: Float64Array;
  duration: Float64Array;
  name: Uint32Array;
  class: Uint8Array;
  depth: Uint8Array;
  /** Slice that caused a slice: kernel → launch → operator → layer; -1 for none. */
  up: Int32Array;
  /** Forward operator of a backward operator; -1 for none. */
  madeBy: Int32Array;
}

/** The slices of one track at one depth, ordered by start. */
export interface Lane {
  track: number;
  depth: number;
  /** Slice by position in the lane. */
  slice: Uint32Array;
  start: Float64Array;
  end: Float64Array;
}

const READERS = {
  float64: Float64Array,
  float32: Float32Array,
  uint32: Uint32Array,
  int32: Int32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
} as const;

type Typed = InstanceType<(typeof READERS)[keyof typeof READERS]>;

export class DamagedTimeline extends Error {}

export function decode(head: TimelineHead, data: ArrayBuffer): Slices {
  const found = new Map<string, Typed>();
  for (const { array, dtype, offset, length } of head.arrays) {
    const reader = Object.hasOwn(READERS, dtype) ? READERS[dtype as keyof typeof READERS] : undefined;
    if (!reader || offset % reader.BYTES_PER_ELEMENT || offset + length * reader.BYTES_PER_ELEMENT > data.byteLength || length !== head.slices) {
      throw new DamagedTimeline(`array ${array} does not fit the data`);
    }
    found.set(array, new reader(data, offset, length));
  }
  const count = head.slices;
  const need = <T extends Typed>(name: string, like: { from(values: ArrayLike<number>): T; new (length: number): T }): T => {
    const values = found.get(name);
    if (!values) throw new DamagedTimeline(`array ${name} is missing`);
    return values instanceof like ? (values as T) : like.from(values as ArrayLike<number>);
  };
  const link = (name: string) => (found.has(name) ? need(name, Int32Array) : new Int32Array(count).fill(-1));
  return {
    count,
    start: need("start_ns", Float64Array),
    duration: need("duration_ns", Float64Array),
    name: need("name", Uint32Array),
    class: need("class", Uint8Array),
    depth: need("depth", Uint8Array),
    up: link(found.has("up") ? "up" : "cause"),
    madeBy: link("made_by"),
  };
}

/** Sort a track's slices into lanes by depth; within each, the order by start is kept. */
export function lanesOf(track: Track, place: number, slices: Slices): Lane[] {
  const last = track.first + track.count;
  let depths = 1;
  for (let at = track.first; at < last; at += 1) if (slices.depth[at]! >= depths) depths = slices.depth[at]! + 1;
  const sizes = new Uint32Array(depths);
  for (let at = track.first; at < last; at += 1) sizes[slices.depth[at]!]! += 1;
  const lanes: Lane[] = Array.from(sizes, (size, depth) => ({ track: place, depth, slice: new Uint32Array(size), start: new Float64Array(size), end: new Float64Array(size) }));
  const filled = new Uint32Array(depths);
  for (let at = track.first; at < last; at += 1) {
    const depth = slices.depth[at]!;
    const lane = lanes[depth]!;
    const position = filled[depth]!++;
    lane.slice[position] = at;
    lane.start[position] = slices.start[at]!;
    lane.end[position] = slices.start[at]! + slices.duration[at]!;
  }
  return lanes;
}

/** The track that a slice lies on. */
export function trackOf(head: TimelineHead, slice: number): Track | undefined {
  return head.tracks.find(({ first, count }) => slice >= first && slice < first + count);
}

/** First position whose end lies after a time; ends of a lane's slices rise. */
export function firstEndingAfter(end: Float64Array, time: number): number {
  let low = 0;
  let high = end.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (end[middle]! > time) high = middle;
    else low = middle + 1;
  }
  return low;
}
